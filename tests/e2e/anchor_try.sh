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
bm init gw --plan gw.toml >/dev/null
began=$(date +%s%N)
bm line run gw --units 1 >line.out
echo "    $((($(date +%s%N) - began) / 1000000)) ms with the trials"
bm answer gw --json >answers.json
of() { # ANCHOR QUESTION FILTER
  jq -r --arg s "anchor:$1" --arg q "$2" ".answers[] | select(.subject == \$s and .question == \$q) | $3" answers.json
}
for anchor in boot second update masa cloud debug owner; do
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
for anchor in boot update second; do
  for q in pki-level pki-algorithms pki-level-locked pki-lock-policy; do
    [ "$(of "$anchor" $q '.measured != null')" = true ] || [ "$q" = pki-lock-policy ] || die "$q of $anchor is not measured"
  done
done

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
