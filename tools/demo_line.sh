#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A shift on three stations: they join by a code, work while the server is away, lose a device's power,
# scrap a unit, tell the server later, and the night's equation comes out at zero.
# Called by `./dev demo line` after the build. Everything goes into build/demo-line, which is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=$PWD/build/bin
OUT=$PWD/build/demo-line
UNITS=${UNITS:-4}
STATIONS=(bench lock final)

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then B=$'\033[1m' N=$'\033[0m'; else B='' N=''; fi
step() { printf '\n%s== %s%s\n' "$B" "$*" "$N"; }
run() {
  printf '%s$ birthmark %s%s\n' "$B" "$*" "$N"
  "$BIN/birthmark" "$@"
}
SERVER=
stop() {
  [ -n "$SERVER" ] || return 0
  kill -TERM "$SERVER"
  wait "$SERVER" || true
  SERVER=
}
trap stop EXIT
serve() {
  rm -f ready
  printf '%s$ birthmark serve acme --port %s%s\n' "$B" "${PORT:-0}" "$N"
  "$BIN/birthmark" serve acme --port "${PORT:-0}" --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready &
  SERVER=$!
  until grep -q '^metrics' ready 2>/dev/null; do
    kill -0 "$SERVER" || exit 1
    sleep 0.1
  done
  cat ready
  PORT=$(awk '$1 == "stations" {print $2}' ready | sed 's|.*:\([0-9]*\)/.*|\1|')
}

rm -rf "$OUT"
mkdir -p "$OUT"
cd "$OUT"
(umask 077 && head -c 24 /dev/urandom | base64 >online.pass && head -c 24 /dev/urandom | base64 >offline.pass)
export BIRTHMARK_PASSPHRASE_FILE=$OUT/online.pass BIRTHMARK_OFFLINE_PASSPHRASE_FILE=$OUT/offline.pass

step "a factory and its server"
run plan new --like bmc -o bmc.toml
run init acme --plan bmc.toml
serve

step "three stations join; each makes its own keys and gets a quota"
for s in "${STATIONS[@]}"; do
  run station add acme --station "$s" --server "https://localhost:$PORT" --count 50 -o "$s.code"
  ca=$("$BIN/birthmark" station join "$s" --code-file "$s.code" --json | sed 's/.*"ca": *"\([^"]*\)".*/\1/')
  run request sign acme "acme/requests/$ca.request"
  run station join "$s"
  run station check "$s"
done

step "the link is down: the line goes on"
stop
run line run bench --units "$UNITS"
step "a device loses its power in the middle of a write"
run line run lock --units "$UNITS" --fault device:write:3
step "a unit is broken for good"
run line run final --units "$UNITS" --fault unit:before:first-stage-lock || echo "(exit $?: a unit was scrapped)"
run line push bench || echo "(exit $?: nobody answers; nothing is lost)"

step "the link is back: each station tells what it did, once"
serve
for s in "${STATIONS[@]}"; do run line push "$s"; done
run line push bench
run line watch acme --once

step "the night's equation"
run reconcile acme
run ledger verify acme
stop

step "where to look"
cat <<END
build/demo-line/acme                  the factory's workspace:  birthmark unit list build/demo-line/acme
build/demo-line/bench, lock, final    the stations' own folders, each a small workspace
build/demo-line/serve.log             the server's log, a JSON line a request
Devices here are emulated and keys are rehearsal keys; every rendering says so.
END
