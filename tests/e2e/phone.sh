#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A phone with every kind of identity of section 4: keys made inside, a key shared by a batch, a secret
# for the operator, a password on the label. What the device has is asked by a program of its own
# (phone_device.py), the label is read by a scanner, the operator's file and the chains by OpenSSL.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
for tool in openssl jq zbarimg; do command -v $tool >/dev/null || die "no $tool"; done
phone() { timeout 30 /usr/bin/python3 "$HERE/phone_device.py" "$BIN/birthmark-device" "ph/devices/$1" "${@:2}"; }
# scanned SERIAL: the password on the label, as a scanner reads it (data identifier Z).
scanned() { zbarimg -q --raw "ph/labels/$1.png" 2>/dev/null | tr '\035\036\004' '\n\n\n' | sed -n 's/^Z//p'; }

bm plan new --like phone -o plan.toml >/dev/null
expect 0 bm plan check plan.toml
sed -i 's/^batch = 100000.*/batch = 2/' plan.toml
bm init ph --plan plan.toml >/dev/null

say "three phones, two in one batch"
expect 0 bm line run ph --units 3
has "3 good"
for s in P1-000001 P1-000002 P1-000003; do
  expect 0 bm unit show ph $s
  has "update key opens what is encrypted to it"
  has "a report signed with it verifies"
  has "its password opens the unit"
  lacks "$(scanned $s)"
  equal "$(phone $s password "$(scanned $s)")" match "the label's password on $s"
  equal "$(phone $s password AAAA-BBBB-CCCC-DDDD)" "no match" "another password on $s"
  equal "$(phone $s put)" refused "a new secret behind the lock of $s"
done
[ "$(scanned P1-000001)" != "$(scanned P1-000002)" ] || die "two phones have one password"
equal "$(phone P1-000001 group)" "$(phone P1-000002 group)" "the group key of two phones of a batch"
[ "$(phone P1-000001 group)" != "$(phone P1-000003 group)" ] || die "the batch is larger than its size"
# A batch that is full has no key outside of its phones.
[ -n "$(bm key list ph --json | jq -r '.[] | select(.key == "minnow-p1-group-1").destroyed')" ] || die "the full batch's key is still kept"
[ ! -e ph/keys/minnow-p1-group-1.key ] || die "the full batch's key file is still there"

for s in P1-000001 P1-000002; do
  mkdir -p lot
  # The certificate of the batch as each of its phones presents it.
  phone $s chain >lot/$s.pem
  expect 0 openssl verify -x509_strict -partial_chain -CAfile <(bm ca show ph attestation-2.1 --json | jq -r .certificate) lot/$s.pem
done
expect 0 bm audit keys lot --groups-of ph

say "nothing secret is in the ledger"
bm ledger bundle ph -o all.evidence >/dev/null
for s in P1-000001 P1-000002 P1-000003; do
  ! grep -aqF "$(scanned $s)" all.evidence || die "the password of $s is in the ledger"
done

say "the operator's file"
openssl req -x509 -newkey rsa:2048 -nodes -keyout op.key -out op.pem -subj "/O=Operator" -days 30 2>/dev/null
expect 2 bm unit export ph --secrets -o sim.p7
has "encrypted to whoever gets them"
expect 2 bm unit export ph --secrets --to op.pem --unencrypted -o sim.p7
expect 0 bm unit export ph --secrets --to op.pem -o sim.p7
has "3 secrets for the operator"
[ "$(stat -c %a sim.p7)" = 600 ] || die "others may read the operator's file"
openssl cms -decrypt -inform DER -in sim.p7 -inkey op.key -recip op.pem -out sim.csv
equal "$(wc -l <sim.csv)" 4 "lines of the operator's file"
while IFS=, read -r serial slot algorithm secret check; do
  [ "$serial" != serial ] || continue
  equal "$slot $algorithm" "symmetric symmetric-128" "what $serial has"
  equal "$(printf 'birthmark key check 1' | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$secret" -r | cut -d' ' -f1)" "$check" "check value of $serial"
  equal "$(phone "$serial" check)" "$check" "what the device of $serial answers"
  ! grep -aqF "$secret" all.evidence || die "the secret of $serial is in the ledger"
done <sim.csv
equal "$(cut -d, -f4 sim.csv | sort -u | wc -l)" 4 "different secrets"
cp sim.p7 bad.p7
printf '\x55' | dd of=bad.p7 bs=1 seek=$(($(stat -c %s bad.p7) - 40)) conv=notrunc status=none
! openssl cms -decrypt -inform DER -in bad.p7 -inkey op.key -recip op.pem -out bad.csv 2>/dev/null || die "a changed file opens"
expect 0 bm unit export ph --secrets --unencrypted -o plain.csv
has "encrypted with nothing"
diff -q sim.csv plain.csv >/dev/null || die "the two files differ"

say "chains and encryption, by others"
for slot in idevid attestation decrypt; do
  serial=$(bm cert list ph --unit P1-000001 --json | jq -r ".[] | select(.slot == \"$slot\").serial")
  bm cert show ph "$serial" --pem >$slot.pem
done
bm ca show ph attestation-2.1 --json | jq -r .certificate >attestation-ca.pem
bm ca show ph identity-2.1 --json | jq -r .certificate >identity-ca.pem
expect 0 openssl verify -x509_strict -CAfile ph/public/pki-attestation-root.pem -untrusted attestation-ca.pem attestation.pem
expect 0 openssl verify -x509_strict -CAfile ph/public/root.pem -untrusted identity-ca.pem idevid.pem
expect 0 openssl verify -x509_strict -CAfile ph/public/root.pem -untrusted identity-ca.pem decrypt.pem
expect 2 openssl verify -CAfile ph/public/root.pem -untrusted identity-ca.pem attestation.pem
equal "$(openssl x509 -in decrypt.pem -noout -ext keyUsage | tail -1 | xargs)" "Key Agreement" "key usage of the update key"
equal "$(phone P1-000001 open decrypt.pem)" opened "an update by another HPKE"

say "what is told of it"
expect 0 bm answer ph
has "[identity-pki:slot/symmetric]"
has "not-applicable: no PKI"
has "[identity-pki:attestation]"
expect 0 bm disclose ph -o ph.cose
expect 0 bm show ph.cose
has "shared by <= 10"
has "whoever holds the master key can compute it"
expect 0 bm reconcile ph
has "closes to zero"

say "secrets drawn at random are forgotten once they are delivered"
bm plan new --like phone -o drawn.toml >/dev/null
sed -i 's/^derived = true/derived = false/' drawn.toml
bm init drawn --plan drawn.toml >/dev/null
bm line run drawn --units 2 >line.out || die "line run: $(cat line.out)"
equal "$(ls drawn/secrets/symmetric | wc -l)" 2 "sealed copies before the delivery"
expect 0 bm unit export drawn --secrets --to op.pem --forget --dry-run -o drawn.p7
equal "$(ls drawn/secrets/symmetric | wc -l)" 2 "sealed copies after a dry run"
expect 0 bm unit export drawn --secrets --to op.pem --forget -o drawn.p7
has "2 kept copies destroyed"
openssl cms -decrypt -inform DER -in drawn.p7 -inkey op.key -recip op.pem -out drawn.csv
equal "$(tail -n +2 drawn.csv | wc -l)" 2 "lines of the operator's file"
equal "$(ls drawn/secrets/symmetric | wc -l)" 0 "sealed copies after the delivery"
expect 1 bm unit export drawn --secrets --to op.pem -o again.p7
has "forgotten after delivery"
[ ! -e again.p7 ] && [ ! -e again.p7.part ] || die "a file without secrets was left"
bm line run drawn --units 1 >line.out || die "line run: $(cat line.out)"
expect 0 bm unit export drawn --secrets --to op.pem -o later.p7
has "2 are not in it"
openssl cms -decrypt -inform DER -in later.p7 -inkey op.key -recip op.pem -out later.csv
equal "$(tail -n +2 later.csv | cut -d, -f1)" P1-000003 "who is in the later file"
bm ledger bundle drawn -o drawn.evidence >/dev/null
grep -aqF 'overwritten and unlinked after delivery' drawn.evidence || die "that they were forgotten is not recorded"

say "killed while units are on the line"
for i in 1 2 3; do
  next=$(printf 'P1-%06d' $((3 + i)))
  "$BIN/birthmark" line run ph --units 50 >/dev/null 2>&1 &
  pid=$!
  for ((n = 0; n < 400; n++)); do
    [ ! -d "ph/devices/$next" ] || break
    sleep 0.02
  done
  sleep "0.$(printf %03d $((RANDOM % 400)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
unfinished=$(bm status ph --json | jq .unfinished || true)
[ "$unfinished" -eq 0 ] || bm line run ph --units "$unfinished" >line.out || die "could not go on: $(cat line.out)"
expect 0 bm ledger verify ph
units=$(bm unit list ph --json | jq -r '.[] | select(.state == "packed").unit | sub(".*/"; "")')
expect 0 bm unit export ph --secrets --to op.pem -o again.p7
openssl cms -decrypt -inform DER -in again.p7 -inkey op.key -recip op.pem -out again.csv
equal "$(tail -n +2 again.csv | wc -l)" "$(wc -l <<<"$units")" "units with a secret"
declare -A group
for s in $units; do
  equal "$(phone "$s" check)" "$(awk -F, -v s="$s" '$1 == s {print $5}' again.csv)" "check value of $s after the kills"
  equal "$(phone "$s" password "$(scanned "$s")")" match "the label of $s after the kills"
  key=$(phone "$s" group)
  group[$key]=$((${group[$key]:-0} + 1))
done
for key in "${!group[@]}"; do [ "${group[$key]}" -le 2 ] || die "a batch of two has ${group[$key]} phones"; done
expect 0 bm reconcile ph
has "closes to zero"
echo "$(wc -l <<<"$units") phones, ${#group[@]} batches, every secret accounted for"
