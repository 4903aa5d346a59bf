#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wrong use, wrong input, and a machine that says no: the right exit code, the code of the finding, the fix.
. "$(dirname "$0")/lib.sh"

say "wrong use"
expect 2 bm
expect 2 bm nonsense
expect 2 bm line run
expect 2 bm line run nowhere --units many
expect 3 bm line run nowhere --units 1
has "workspace.missing"
expect 3 bm status nowhere
expect 2 bm completion tcsh
expect 1 bm explain nonsense

say "a plan with many faults tells all of them, each with its line and fix"
bm plan new --like bmc -o bmc.toml >/dev/null
sed -e 's/^store = "nor-second"/store = "nor1"/' -e 's/^schema = 1/schema = 1\ncolour = "red"/' \
  -e 's/latitude = 24.9937/latitude = "north"/' bmc.toml >bad.toml
expect 1 bm plan check bad.toml
has "plan.store-unknown"
has "bad.toml:"
has "fix:"
[ "$(grep -c 'error\[' <<<"$OUT")" -ge 3 ] || die "only some findings: $OUT"
expect 1 bm init never --plan bad.toml
[ ! -e never ] || die "a refused init left a workspace"
sed 's|file = "/usr/share/dns/root.key"|file = "/etc/hostname"|' bmc.toml >anchor.toml
expect 1 bm plan check anchor.toml
has "anchors."
awk '/name = "test-image-erase"/ {erase = $0; next} /name = "test-image-write"/ {print erase} {print}' bmc.toml >order.toml
expect 1 bm plan check order.toml
has "plan.order-"

say "a workspace is made once, and not half"
bm init ws --plan bmc.toml >/dev/null
expect 1 bm init ws --plan bmc.toml
has "init.exists"
expect 1 bm init other --plan bmc.toml --production
has "init.production"
[ ! -e other ] && [ ! -e other.offline ] || die "a refused init left folders"
ls -d .other.init-* 2>/dev/null && die "a refused init left its scratch folder"

say "the leak guard: numbers that give the split away are not signed"
bm plan new --like bulb -o bulb.toml >/dev/null
for pair in "0 2" "2 3"; do
  read -r extra continents <<<"$pair"
  rm -rf guard guard.offline
  {
    cat bulb.toml
    for number in "extra $extra" "continents $continents"; do
      printf '[[declared]]\nquestion = "identity-shared-split-%s"\nvalue = %s\nrole = "PKI operator"\ndate = 2026-10-14\n' ${number}
    done
  } >guard.toml
  bm init guard --plan guard.toml >/dev/null
  bm line run guard --units 1 >/dev/null
  expect 1 bm disclose guard -o guard.birthmark
  has "leak.narrow"
  has "nothing was signed"
  [ ! -e guard.birthmark ] || die "a refused disclosure was written"
done

say "secrets"
(umask 077 && echo wrong >wrong.pass)
expect 1 bm line run ws --units 1 --passphrase-file wrong.pass
has "keystore.passphrase"
cp online.pass open.pass && chmod 644 open.pass
BIRTHMARK_PASSPHRASE_FILE='' expect 3 bm line run ws --units 1 --passphrase-file open.pass
has "chmod"
expect 1 bm init same --plan bmc.toml --offline-passphrase-file online.pass
has "keys.same-passphrase"
! grep -rqF "$(cat online.pass)" ws ws.offline || die "a passphrase is in the workspace"
grep -rlE 'PRIVATE KEY' ws ws.offline && die "a private key is in the workspace in plain text"

say "two commands at once"
"$BIN/birthmark" line run ws --units 40 >/dev/null 2>&1 &
pid=$!
until ! flock -n ws/ledger/lock true || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
expect 3 bm line run ws --units 1
has "ledger.locked"
expect 0 bm unit list ws
kill "$pid"
wait "$pid" || true
expect 0 bm ledger verify ws

say "Ctrl-C lets the unit finish"
"$BIN/birthmark" line run ws --units 500 >line.out 2>&1 &
pid=$!
until ! flock -n ws/ledger/lock true || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
sleep 0.5
kill -INT "$pid" || die "it ended by itself: $(tail -n 3 line.out)"
wait "$pid" || true
grep -q "stopped before the rest" line.out || die "it says: $(tail -n 3 line.out)"
equal "$(bm status ws --json | jq .unfinished)" 0 "unfinished units after Ctrl-C"

say "a full disk"
cp -r ws full && cp -r ws.offline full.offline
expect 3 bash -c "ulimit -f 600; trap '' XFSZ; exec '$BIN/birthmark' line run full --units 400"
expect 0 bm ledger verify full
bm line run full --units 2 >/dev/null || die "the line does not go on when there is room again"
expect 0 bm ledger verify full

say "pipes: no colour, no progress, no fuss when the reader goes away"
OUT=$(TERM=xterm NO_COLOR='' bm vocab 2>&1 | cat)
lacks $'\033'
(set +o pipefail; bm vocab | head -n 1 >/dev/null)
expect 0 bash -c "'$BIN/birthmark' completion bash | bash -n"
expect 0 bm completion man
has ".TH BIRTHMARK 1"
while read -r noun verb; do
  # shellcheck disable=SC2086
  expect 0 bm $noun $verb --help
  has "Example:"
done < <(bm completion fish | sed -nE "s/.*__fish_seen_subcommand_from ([a-z]+); and not.* -a ([a-z]+) -d.*/\1 \2/p")
echo "bad input: refused as it should be"
