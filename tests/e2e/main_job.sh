#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job with both products, and what other people's tools say of the results.
. "$(dirname "$0")/lib.sh"

for product in bmc bulb; do
  say "$product: born, answered, disclosed"
  born "$product" 3
  equal "$(grep -c GOOD line.out)" 3 "units of $product"
  grep -q "3 good, 0 scrapped, 0 unexplained" line.out || die "line run says: $(cat line.out)"
  expect 0 bm ledger verify "$product"
  has intact
  bm ledger checkpoint "$product" -o "$product.checkpoint" >/dev/null
  bm answer "$product" --json >answers.json
  equal "$(jq -r '[.answers[].question] | unique | map(select(test("^(initial|first|identity|pki)-"))) | length' answers.json)" 18 "questions of $product"
  equal "$(jq -r '.answers[] | select(.question == "first-stage-exposure") | .measured.value' answers.json)" 1 "people at the first stage of $product"
  expect 0 bm disclose "$product" -o "$product.birthmark"
  has "leak guard:"
  has REHEARSAL
  bm ledger bundle "$product" -o "$product.evidence" >/dev/null
  expect 0 bm ledger verify "$product" --since "$product.checkpoint"

  say "$product: the reader's side"
  expect 0 reader verify "$product.birthmark" --anchor "$product/public/disclosure-root.pem"
  has "no contradictions"
  has "REHEARSAL: emulated devices, rehearsal keys"
  fingerprint=$(openssl x509 -in "$product/public/disclosure-root.pem" -outform DER | sha256sum | cut -d' ' -f1)
  expect 0 reader verify "$product.birthmark" --fingerprint "$fingerprint"
  expect 1 reader verify "$product.birthmark"
  has "signer not checked"
  expect 1 reader verify "$product.birthmark" --fingerprint "${fingerprint//[0-9]/1}"
  expect 0 reader recompute "$product.evidence" "$product.birthmark"
  for rendering in "show $product.birthmark" "show $product.birthmark --json"; do
    # shellcheck disable=SC2086
    expect 0 reader $rendering
    grep -qi rehearsal <<<"$OUT" || die "$rendering does not say rehearsal"
  done

  say "$product: other people's tools"
  unit=$(bm unit list "$product" --json | jq -r '.[0].unit')
  bm cert show "$product" "$unit" --pem >device.pem
  sub=$(bm ca list "$product" --json | jq -r '[.[] | select(.ca | startswith("identity-2"))][0].ca')
  bm ca show "$product" "$sub" --json | jq -r .certificate >sub.pem
  expect 0 openssl verify -x509_strict -CAfile "$product/public/root.pem" -untrusted sub.pem device.pem
  OUT=$(certtool -i --infile device.pem)
  has "Version: 3"
  has "9999"
  expect 0 bm cert show "$product" "$unit"
  has "9999-12-31T23:59:59"
  lacks "error"
  lacks "warning"
  # An auditor has the bundle alone.
  equal "$(bm unit list "$product.evidence" --json | jq length)" 3 "units in the bundle of $product"
  expect 0 bm unit show "$product.evidence" "${unit##*/}"
  expect 0 bm ledger verify "$product.evidence"
done

say "bamboo tells how long keys were outside, avocado has nothing to tell"
OUT=$(bm unit show bulb LUMO-000001)
has "key outside"
has "plain memory"
OUT=$(bm unit show bmc BMC-0001)
lacks "key outside"

say "side by side"
expect 0 bm compare bmc.birthmark bulb.birthmark --html pair.html
has "Ridgeback S1"
has "Lumo A19"
grep -qi rehearsal pair.html || die "the page does not say rehearsal"
! grep -qiE 'https?://[^"<]*\.(js|css)|<script' pair.html || die "the page wants a script or the network"
[ "$(awk 'length > 80' <<<"$OUT" | LC_ALL=C.UTF-8 wc -l)" -eq 0 ] || LC_ALL=C.UTF-8 awk 'length > 80 {print; exit 1}' <<<"$OUT" || die "the comparison is wider than 80 columns"

say "any changed byte is refused"
size=$(stat -c %s bulb.birthmark)
for i in $(seq 1 25); do
  cp bulb.birthmark changed.birthmark
  at=$((RANDOM * 32768 % size + RANDOM % 97))
  at=$((at % size))
  byte=$(dd if=bulb.birthmark bs=1 skip=$at count=1 status=none | od -An -tu1 | tr -d ' ')
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of=changed.birthmark bs=1 seek=$at conv=notrunc status=none
  # shellcheck disable=SC2034
  expect 1 reader verify changed.birthmark --anchor bulb/public/disclosure-root.pem
done
head -c $((size - 1)) bulb.birthmark >short.birthmark
expect 1 reader verify short.birthmark --anchor bulb/public/disclosure-root.pem
truncate -s 1G zeros.birthmark
expect 1 reader verify zeros.birthmark --anchor bulb/public/disclosure-root.pem
truncate -s 1G zeros.evidence
expect 1 bm ledger verify zeros.evidence

say "a forger's own chain"
mkdir forger && (cd forger && bm plan new --like bulb -o p.toml >/dev/null && bm init f --plan p.toml >/dev/null &&
  bm line run f --units 1 >/dev/null && bm disclose f -o f.birthmark >/dev/null)
expect 1 reader verify forger/f.birthmark --anchor bulb/public/disclosure-root.pem

say "rolled back: seen against a checkpoint kept elsewhere, and only then"
cp -r bulb older
bm line run bulb --units 1 >/dev/null
bm ledger checkpoint bulb -o newer.checkpoint >/dev/null
expect 0 bm ledger verify older
expect 1 bm ledger verify older --since newer.checkpoint
has "ledger.rolled-back"
echo "main job: all as it should be"
