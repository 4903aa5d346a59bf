#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Anchors tried on a locked device: who can replace, add and remove them, beside what the graph says;
# the answers are measured, are disclosed, and come out of the evidence again.
. "$(dirname "$0")/lib.sh"

say "the gateway: tried once when the line first runs"
# Its identity is enrolled over a network; over the console the line finishes alone.
bm plan new --like gateway -o gw.toml >/dev/null
sed -i -e 's/^transfer = "network-transferred"/transfer = "mechanically-transferred"/' \
  -e 's/^method = "salak"/method = "avocado"/' -e 's/^store = "tpm"/store = "private"/' \
  -e '/^attestation = /d' -e '/^vendor-roots = /d' gw.toml
[ -r /usr/share/dns/root.key ] || sed -i '/^# 3.5/,/^# 3.6/{/^# 3.6/!d}' gw.toml
# Beside the pinned key of the cloud, servers under two authorities, locked in every way.
cat >>gw.toml <<'PLAN'

[[anchor]]
id = "fleet"
kinds = ["private-cloud"]
file = "generated"
pki = "fleet-pki"
form = "certificate"
store = "nor-app"
verifies = "tls-server"
levels = [3]
eku = ["1.3.6.1.5.5.7.3.1"]
policy-oid = ["1.3.6.1.4.1.32473.7"]
name-constraints = ["dns:fleet.example"]
subordinate = "Fleet CA 1"
keeper = "cloud operations"

[[pki]]
id = "fleet-pki"
purpose = "anchor"
end-entity = { name = "Fleet Server", algorithm = "ecdsa-p256", lifetime = "P1Y" }

[[pki.level]]
level = 1
name = "Fleet Root"
algorithm = "ecdsa-p256"
offline = true
lifetime = "P30Y"

[[pki.level]]
level = 2
name = "Fleet CA {}"
algorithm = "ecdsa-p256"
lifetime = "P10Y"
issuing-window = "P5Y"
PLAN
bm init gw --plan gw.toml >/dev/null
began=$(date +%s%N)
bm line run gw --units 1 >line.out
echo "    $((($(date +%s%N) - began) / 1000000)) ms with the trials"
bm answer gw --json >answers.json
of() { # ANCHOR QUESTION FILTER
  jq -r --arg s "anchor:$1" --arg q "$2" ".answers[] | select(.subject == \$s and .question == \$q) | $3" answers.json
}
for anchor in boot second update masa cloud fleet debug owner; do
  for aspect in replace add remove; do
    equal "$(of "$anchor" $aspect .measured.method)" anchor-changes/1 "$aspect of $anchor"
  done
done
equal "$(of boot replace .measured.value)" no "fuses"
equal "$(of update replace .measured.value)" "by:second via signed update" "an anchor in the second stage"
equal "$(of update remove .measured.value)" "by:second via signed update" "its removal, with another in its place"
equal "$(of masa add .measured.value)" "by:update via signed update" "an anchor in the application"
equal "$(of owner replace .measured.value)" "unprotected via the flash chip" "a store that nothing verifies"
equal "$(of second replace .measured.value)" "by:boot via signed image on the flash chip" "a locked chip, in hand"
of second replace '.measured.notes[]' | grep -q "update by right-key: .*write-protected" || die "the lock is not told"
equal "$(of update replace .differs)" false "the graph agrees"
equal "$(of owner replace .differs)" true "the plan says a role"
of owner replace '.measured.notes[]' | grep -q "the graph says role:owner.*, the trial shows unprotected" || die "both are not told"

say "nothing a trial can know is declared by a person"
equal "$(jq '[.answers[] | select(.subject | startswith("anchor:")) | select(.question | IN("pki-level", "pki-algorithms", "pki-level-locked", "pki-lock-policy"))
  | select((.declared.role // "plan") != "plan")] | length' answers.json)" 0 "declared by people"
for anchor in boot update second cloud debug fleet; do
  for q in pki-level pki-algorithms pki-level-locked pki-lock-policy; do
    [ "$(of "$anchor" $q '.measured != null')" = true ] || [ "$q" = pki-lock-policy ] || die "$q of $anchor is not measured"
  done
done

say "servers: the device's TLS client, another verifier, named with its build"
for anchor in cloud fleet; do
  case $(of "$anchor" pki-algorithms .measured.verifier) in *" tls") ;; *) die "whose words are these: $(of "$anchor" pki-algorithms .measured.verifier)" ;; esac
  equal "$(of "$anchor" pki-level-locked .measured.value)" true "level of $anchor"
done
equal "$(of debug pki-algorithms .measured.verifier | grep -c core)" 1 "the debug lock's verifier is the core's"
equal "$(of cloud pki-lock-policy '.measured.value | join(" ")')" none "a pinned key needs nothing in its certificate"
equal "$(of fleet pki-lock-policy '.measured.value | join(" ")')" "eku name-constraints policy-oid specific-subordinate" "what locks servers out"
equal "$(of fleet pki-level .measured.value)" 3 "level of servers"
of fleet pki-algorithms '.measured.notes[]' | grep "refused:" | grep -q "ed25519.*rsa-1024.*rsa-2048-pss" || die "what mbedTLS does not take: $(of fleet pki-algorithms '.measured.notes')"
of fleet pki-algorithms '.measured.value | join(" ")'

say "anchor try: again, on a new device"
expect 0 bm anchor try gw --dry-run
has "dry run"
events() { bm ledger verify gw 2>/dev/null | cut -d' ' -f1; }
before=$(events)
expect 0 bm anchor try gw update owner --json
equal "$(jq -r '[.[] | select(.anchor == "update" and .what == "replace")][0].trial_shows' <<<"$OUT")" "by:second via signed update" "tried again"
jq -e '.[] | select(.what == "roll back") | select(.tries | contains("older than what is installed"))' <<<"$OUT" >/dev/null || die "a rolled-back image: $OUT"
jq -e '.[] | select(.anchor == "update" and .what == "remove") | select(.tries | contains("would leave no anchor"))' <<<"$OUT" >/dev/null || die "none left: $OUT"
equal "$(events)" $((before + 3)) "the log tells of it: two tried for changes, one for what it verifies"
expect 2 bm anchor try gw nosuch
has "anchor.unknown"

say "the debug lock: an answer to this device's challenge opens its port until the next restart"
unit=$(basename "$(find gw/devices -mindepth 1 -maxdepth 1 -type d ! -name '.*' | head -1)")
mkfifo hold
exec 7<>hold
"$BIN/birthmark-device" --board bmc --state "gw/devices/$unit" --programmer "unix:$WORK/port" --lifetime-seconds 60 <&7 >device.out &
DEVICE=$!
trap 'kill ${DEVICE:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT
for _ in $(seq 3000); do
  [ -s device.out ] && break
  sleep 0.05
done
TTY=serial:$(sed 's/.*console=\([^ ]*\).*/\1/' device.out)
port() { # the programmer's port: status of "info", then the probe is pulled off
  python3 - "$WORK/port" <<'PY'
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(bytes([1] + 8 * [0]))
    print(s.recv(1)[0])
PY
}
equal "$(port)" 1 "closed"
expect 0 bm unit unlock --device "$TTY" --json
nonce=$(jq -r .nonce <<<"$OUT") serial=$(jq -r .serial <<<"$OUT")
unlock() { bm artifact sign gw --anchor "$1" --kind debug-unlock --nonce "$2" --serial "$3" -o "$4"; }
expect 1 unlock cloud "$nonce" "$serial" no.debug
has artifact.verifies
expect 0 unlock debug "$nonce" "GW-other" other.debug
expect 1 bm unit unlock other.debug --device "$TTY"
has "refused[serial]"
expect 0 unlock debug 00112233445566778899aabbccddeeff "$serial" old.debug
expect 1 bm unit unlock old.debug --device "$TTY"
has "refused[nonce]"
expect 0 unlock debug "$nonce" "$serial" good.debug
expect 0 bm unit unlock good.debug --device "$TTY"
has "open until the next restart"
equal "$(port)" 0 "opened"
expect 0 bm unit unlock --device "$TTY" # the probe was pulled off, and the device has booted
equal "$(port)" 1 "closed by the restart"
expect 1 bm unit unlock good.debug --device "$TTY"
has "refused[nonce]"
kill "$DEVICE"
wait "$DEVICE" 2>/dev/null || true
bm answer gw --json >answers.json
equal "$(of debug pki-level '.measured.notes | join(" ")' | grep -c "trial's object decides")" 0 "what was signed decides the level now"

say "disclosed, and out of the evidence again"
bm disclose gw -o gw.birthmark >/dev/null
bm ledger bundle gw -o gw.evidence >/dev/null
expect 0 reader recompute gw.evidence gw.birthmark

say "graph and trial differ: a first stage inside the processor, locked"
born bulb 1
bm answer bulb --json >answers.json
equal "$(of update replace .measured.value)" no "nobody reaches a chip that is not there"
expect 0 bm answer bulb replace
has "the graph says by:boot via signed content of flash-boot, the trial shows no"
expect 0 bm anchor try bulb --dry-run --json
equal "$(jq -r '[.[] | select(.changes_by | contains("chip"))] | length' <<<"$OUT")" 0 "no chip to hold"

say "several processors"
expect 0 bm plan new --like server -o server.toml
expect 0 bm plan check server.toml
bm init server --plan server.toml >/dev/null
bm answer server --json >answers.json
of os replace .declared.note | grep -q "also by:gpu-boot via gpu, which reaches host" || die "the GPU's reach is not told"
equal "$(of host-boot replace .declared.value)" no "fuses are on no bus"
