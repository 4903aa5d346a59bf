#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The intake audit over what openssl makes, and the labels of a shift under a scanner.
. "$(dirname "$0")/lib.sh"

request() { # NAME KEY
  openssl req -new -key "$2" -subj "/O=Acme/serialNumber=$1" -out "lot/$1.csr"
}
ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

say "a lot of good keys"
mkdir lot
for n in 1 2 3; do
  ec "$n.key"
  request "U-$n" "$n.key"
done
openssl req -x509 -key 1.key -subj /O=Acme/serialNumber=U-1 -days 10 -outform DER -out lot/U-1.der
openssl genrsa 2048 2>/dev/null >rsa.key
openssl rsa -in rsa.key -pubout -out lot/rsa.pub 2>/dev/null
expect 0 bm audit keys lot
has "5 keys in 5 files: 4 different, 1 RSA moduli, 4 ECDSA signatures"
has "not compared: Debian openssl-blacklist"
has "not compared: earlier batches"

say "two units with one key"
request U-4 2.key
expect 1 bm audit keys lot
has "audit.duplicate"
has "U-2, U-4"
digest=$(openssl pkey -in 2.key -pubout -outform DER | sha256sum | cut -d' ' -f1)
echo "$digest" >group.txt
expect 0 bm audit keys lot --group-list group.txt
rm lot/U-4.csr

say "a key of a list, by the list's own rule"
openssl rsa -in rsa.key -noout -modulus | sha1sum | cut -d' ' -f1 | cut -c21- >blacklist.RSA-2048
expect 1 bm audit keys lot --weak-list blacklist.RSA-2048
has "audit.listed"
has "compared with Debian openssl-blacklist: 1 entries"
echo "$digest" >spki.txt
OUT=$(bm audit keys lot --weak-list blacklist.RSA-2048,spki.txt --json || true)
equal "$(jq -r '[.hits[].code] | join(" ")' <<<"$OUT")" "audit.listed audit.listed" "hits"
equal "$(jq -r '.hits[] | select(.name == "U-2") | .spki_sha256' <<<"$OUT")" "$digest" "digest"

say "short keys, small exponents, broken files"
mkdir bad
openssl genrsa 1024 2>/dev/null | openssl rsa -RSAPublicKey_out -out bad/short.pem 2>/dev/null
openssl genrsa -3 2048 2>/dev/null | openssl rsa -noout -modulus >bad/moduli.txt
openssl genrsa -3 2048 2>/dev/null | openssl rsa -pubout -out bad/three.pub 2>/dev/null
head -c 100 lot/U-1.der >bad/cut.der
expect 1 bm audit keys bad
has "audit.size"
has "audit.exponent"
has "audit.unreadable"
has "3 hits"
expect 3 bm audit keys nowhere
has "file.missing"
mkdir empty
expect 2 bm audit keys empty
has "audit.no-input"

say "a later lot is compared with the earlier one"
expect 0 bm audit keys lot --state keys.audit
mkdir later
ec 9.key
openssl req -new -key 9.key -subj /serialNumber=U-9 -outform DER |
  base64 -w0 | sed 's/.*/{"SerialNumber": "U-9", "CSR": "&"}\n/' >later/list.ndjson
openssl req -new -key 3.key -subj /serialNumber=other -outform DER |
  base64 -w0 | sed 's/.*/{"SerialNumber": "U-10", "CSR": "&"}\n/' >>later/list.ndjson
expect 1 bm audit keys later --state keys.audit
has "U-10, U-3"
has "4 keys of earlier batches"
printf x | dd of=keys.audit bs=1 seek=60 conv=notrunc 2>/dev/null
expect 1 bm audit keys later --state keys.audit
has "audit.state"

say "labels"
born bulb 2
units=($(bm unit list bulb --json | jq -r '.[].unit'))
for u in "${units[@]}"; do
  bm unit label bulb "$u" -o "${u##*/}.png"
  bm unit label bulb "$u" -o "${u##*/}.svg"
done
first=${units[0]##*/} second=${units[1]##*/}
expect 0 bm unit label bulb "$first" --check "$first.png"
expect 1 bm unit label bulb "$first" --check "$second.png"
has "label.other-unit"
grep -q ">$first</text>" "$first.svg" || die "the SVG has no serial number in letters"
if command -v zbarimg >/dev/null; then
  grep -q "S$first" <<<"$(zbarimg -q --raw "$first.png" 2>/dev/null | tr '\035\036\004' '\n\n\n')" ||
    die "zbarimg reads something else"
fi
expect 1 bm unit label bulb nobody -o nobody.png
has "unit.unknown"
expect 2 bm unit label bulb "$first" -o label.pdf
has "label.format"
expect 2 bm unit label bulb "$first"
say "done"
