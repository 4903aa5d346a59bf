#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Runs a command on a pseudo-terminal and answers a ceremony's questions as people would: each rule
# of a JSON file is a pattern and what to type; a rule may hold a list, of which each answer is used
# once; one with "run" runs that command first, as somebody who carries files. Exits as the command does. What the terminal showed goes to standard output.
import json, os, pty, re, select, signal, subprocess, sys, time

def main():
    rules_file, command = sys.argv[1], sys.argv[2:]
    with open(rules_file) as f:
        spec = json.load(f)
    rules = [(re.compile(r["ask"]), r["say"] if isinstance(r["say"], list) else None, r["say"], r.get("run"))
             for r in spec["rules"]]
    kill_at = spec.get("kill_at")  # pattern: the command is killed when it asks this
    script = spec.get("script", "")  # digest that is read aloud
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    shown, seen, share = "", 0, ""
    deadline = time.time() + float(spec.get("seconds", 80))
    while True:
        if time.time() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            sys.stdout.write(shown + "\npty: it took too long\n")
            return 99
        ready, _, _ = select.select([fd], [], [], 0.03)
        if ready:
            try:
                data = os.read(fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            shown += data.decode("utf-8", "replace")
            continue
        # The command is quiet: if its last line is a question, it waits for the answer.
        line = shown[seen:].replace("\r", "").split("\n")[-1]
        if not re.search(r"[:?] $", line):
            continue
        if kill_at and re.search(kill_at, line):
            os.kill(pid, signal.SIGKILL)
            break
        answer = None
        if m := re.search(r"group (\d+) of your own copy", line):
            digest = spec.get("transcript", script) if "the transcript of" in line else script
            answer = digest[4 * (int(m[1]) - 1):4 * int(m[1])]
        elif re.search(r"passphrase of this share", line):
            answer = "sentence of " + os.path.basename(os.path.dirname(share))
        elif m := re.match(r"(ke-[0-9a-f]{8}): .*(passphrase|again)", line):
            answer = "sentence of " + m[1]
        else:
            for pattern, many, one, run in rules:
                if not pattern.search(line):
                    continue
                if run:
                    subprocess.run(["bash", "-ec", run], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
                if many is None:
                    answer = one
                elif many:
                    answer = many.pop(0)
                else:
                    continue
                break
        if answer is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            sys.stdout.write(shown + "\npty: nobody knows an answer to: " + line + "\n")
            return 98
        if re.search(r"share file", line):
            share = answer
        seen = len(shown)
        os.write(fd, answer.encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    sys.stdout.write(shown)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128

sys.exit(main())
