#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Carrot: seed files made by openssl alone, refused and taken; keys derived by the factory and by the
# devices; all three deliveries; the certificate fetched by curl; kills in the middle of issuing.
. "$(dirname "$0")/lib.sh"
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

unhex() { printf "$(sed 's/../\\x&/g' <<<"$1")"; }
b64() { base64 -w0; }
chip() { printf '%024x' "$((0xc0de00 + $1))"; }
seed() { openssl rand -hex 32; }
# cbc KEY HEX: IV and ciphertext, as XML Encryption has it
cbc() {
  local iv
  iv=$(openssl rand -hex 16)
  unhex "$iv"
  unhex "$2" | openssl enc -aes-256-cbc -K "$1" -iv "$iv"
}
XENC=http://www.w3.org/2001/04/xmlenc
cipher() { echo "<xenc:EncryptionMethod Algorithm=\"$XENC#aes256-cbc\"/><xenc:CipherData><xenc:CipherValue>$1</xenc:CipherValue></xenc:CipherData>"; }
# pskc FILE KEYHEX CHIP:SEED…: a file to a key that both companies hold
pskc() {
  local file=$1 key=$2 mac box
  shift 2
  mac=$(seed)
  {
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:xenc=\"$XENC#\">"
    echo "<EncryptionKey><ds:KeyName>plant</ds:KeyName></EncryptionKey>"
    echo "<MACMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"><MACKey>$(cipher "$(cbc "$key" "$mac" | b64)")</MACKey></MACMethod>"
    local n=0 pair
    for pair in "$@"; do
      n=$((n + 1))
      cbc "$key" "${pair#*:}" >box
      echo "<KeyPackage><DeviceInfo><Manufacturer>Test Silicon</Manufacturer><SerialNo>${pair%%:*}</SerialNo></DeviceInfo><Key Id=\"$n\"><Data><Secret><EncryptedValue>$(cipher "$(b64 <box)")</EncryptedValue><ValueMAC>$(openssl dgst -sha256 -mac HMAC -macopt "hexkey:$mac" -binary box | b64)</ValueMAC></Secret></Data></Key></KeyPackage>"
    done
    echo "</KeyContainer>"
  } >"$file"
}
# cms FILE CERT CHIP:SEED…: a SymmetricKeyPackage by openssl's ASN.1 and CMS
cms() {
  local file=$1 cert=$2 n=0 pair list=""
  shift 2
  {
    echo "asn1=SEQUENCE:pkg"
    for pair in "$@"; do
      n=$((n + 1))
      list+="k$n=SEQUENCE:key$n"$'\n'
      printf '[key%d]\na=SEQUENCE:attrs%d\ns=FORMAT:HEX,OCT:%s\n' "$n" "$n" "${pair#*:}"
      printf '[attrs%d]\ns=SEQUENCE:serial%d\n[serial%d]\no=OID:1.2.840.113549.1.9.16.12.2\nv=SET:value%d\n[value%d]\nt=UTF8:%s\n' \
        "$n" "$n" "$n" "$n" "$n" "${pair%%:*}"
    done
    printf '[pkg]\nkeys=SEQUENCE:keys\n[keys]\n%s' "$list"
  } >pkg.cnf
  openssl asn1parse -genconf pkg.cnf -noout -out pkg.der >/dev/null
  # openssl names what it encrypts id-data; streamed, no length stands around the name.
  openssl cms -encrypt -binary -stream -aes-256-cbc -in pkg.der -outform DER "$cert" |
    perl -0777 -pe 's/\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01/\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x19/' >"$file"
}
# fuse WS CHIP:SEED…: what the silicon maker put into each chip, for the emulated ones
fuse() {
  local ws=$1 pair
  shift
  mkdir -p -m 700 "$ws/silicon"
  for pair in "$@"; do echo "${pair#*:}" >"$ws/silicon/${pair%%:*}.seed"; done
}
# factory WS TRANSFER [mixes]
factory() {
  bm plan new --like ecu -o "$1.toml" >/dev/null
  sed -i "s/^transfer = .*/transfer = \"$2\"/; s/^mixes-entropy = .*/mixes-entropy = ${3:-false}/" "$1.toml"
  bm init "$1" --plan "$1.toml" >/dev/null
}
batch() { jq -r .batch <<<"$OUT"; }
# leads CHAIN ROOT SERIAL: a PEM chain that leads to the root and names the unit
leads() {
  openssl x509 -in "$1" -out leaf.pem
  openssl verify -CAfile "$2" -untrusted "$1" leaf.pem >/dev/null || die "$1 does not lead to the root"
  openssl x509 -in leaf.pem -noout -subject | grep -q "serialNumber = $3" || die "$1 is not of $3"
}

K=$(seed)
(umask 077 && echo "$K" >plant.key)
for i in 1 2 3 4; do declare "S$i=$(chip "$i"):$(seed)"; done

say "what is no good is refused by name, and the rest is taken"
factory ser mechanically-transferred
pskc mixed.xml "$K" "$S1" "$(chip 11):$(openssl rand -hex 16)" "$(chip 12):$(printf '0%.0s' {1..64})" "$(chip 13):${S1#*:}" "$S2"
expect 1 bm seed import ser mixed.xml --shared-key plant=plant.key --dry-run
for why in seed.short seed.zero seed.repeated; do has "$why"; done
equal "$(bm seed list ser --json | jq length)" 0 "batches after a dry run"
expect 1 bm seed import ser mixed.xml --json --shared-key plant=plant.key --oem "Test Silicon" --place tampere
equal "$(jq -c '[.count, .refused, .protection]' <<<"$OUT")" '[2,3,"pskc-shared-key"]' "taken and refused"
SER=$(batch)
expect 1 bm seed import ser mixed.xml --shared-key plant=plant.key
has seeds.known
seed >other.key
expect 1 bm seed import ser mixed.xml --shared-key other=other.key
has seed.recipient
expect 1 bm seed import ser mixed.xml --shared-key plant=other.key
has seed.
sed 's/<EncryptionKey>.*<\/EncryptionKey>//; s/<MACMethod.*<\/MACMethod>//; s|<EncryptedValue>.*</ValueMAC>|<PlainValue>'"$(unhex "${S3#*:}" | b64)"'</PlainValue>|' mixed.xml |
  awk '!/KeyPackage/ || !n++' >plain.xml
expect 1 bm seed import ser plain.xml
has seed.unprotected
grep -rqF "${S2#*:}" ser && die "a seed lies open in the workspace"
equal "$(stat -c %a ser/seeds "ser/seeds/$SER" | xargs)" "700 600" "modes of the sealed batch"

say "the plant: certificate over the console, both keys the same"
expect 1 bm line run ser --units 1
has line.no-seed
expect 1 bm seed issue ser --batch "$SER" "$(chip 99)"
has seeds.chip
expect 0 bm seed issue ser --batch "$SER" "$(chip 1)"
has "1 seeds left"
fuse ser "$S1"
expect 0 bm line run ser --units 1
has "BC7-00000001 GOOD"
expect 0 bm seed issue ser --batch "$SER" --json
equal "$(jq -c '[.issued, .left, .destroyed]' <<<"$OUT")" '[1,0,true]' "the end of the batch"
[ ! -e "ser/seeds/$SER" ] || die "the wrap is still there"
expect 1 bm seed issue ser --batch "$SER"
has seeds.ended
say "a chip with another seed, and one with none"
fuse ser "$(chip 2):$(seed)"
expect 1 bm line run ser --units 1
has "derived the key"
bm unit show ser BC7-00000001 >unit.txt
grep -q "from the seed of chip $(chip 1), batch $SER" unit.txt || die "unit show does not tell of the seed: $(cat unit.txt)"
expect 0 bm seed tell ser --batch "$SER" --what couriered --how "two couriers, sealed bag" --place "Oulu to Tampere"
expect 0 bm seed show ser --batch "$SER" --json
equal "$(jq -r '[.custody[].what] | join(" ")' <<<"$OUT")" "received opened used destroyed couriered" "the batch's hands"
equal "$(jq -r '.not_taken | length' <<<"$OUT")" 3 "elements not taken"
expect 0 bm ledger verify ser
expect 0 bm cert export ser --product corvid-bc7 -o www
leads www/onboarding/corvid-bc7/BC7-00000001 ser/public/root.pem BC7-00000001

say "the image: the certificate is written from outside; CMS by openssl"
factory img mechanically-installed
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout oem.key -out oem.pem -subj /CN=Corvid -days 30 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout else.key -out else.pem -subj /CN=Else -days 30 2>/dev/null
cms seeds.cms oem.pem "$S1" "$S2"
expect 1 bm seed import img seeds.cms --key else.key
has seed.recipient
printf '%s,%s\n' "$(chip 2)" VIN-2 "$(chip 1)" VIN-1 >serials.csv
expect 0 bm seed import img seeds.cms --key oem.key --serials serials.csv --derive-now --json
equal "$(jq -c '[.issued, .format, .protection]' <<<"$OUT")" '[2,"cms","cms-enveloped"]' "issued while reading"
[ -z "$(ls img/seeds)" ] || die "a seed was stored"
fuse img "$S1" "$S2"
expect 0 bm line run img --units 2
has "VIN-1 GOOD"
has "VIN-2 GOOD"
bm unit show img VIN-1 | grep -q "certificate written from outside" || die "not written from outside"

say "the network: fetched by serial number, from the server and from files"
factory net network-transferred
expect 0 bm seed import net plain.xml --allow-unencrypted --json
has "encrypted with nothing"
NET=$(bm seed list net --json | jq -r '.[0].batch')
equal "$(bm seed list net --json | jq -r '.[0].protection')" none "protection"
expect 0 bm seed issue net --batch "$NET"
fuse net "$(chip 1):${S3#*:}"
expect 0 bm line run net --units 1
bm unit show net BC7-00000001 | grep -q "left to be fetched at onboarding" || die "not left to be fetched"
"$BIN/birthmark" serve net --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
SERVER=$!
for _ in $(seq 3000); do
  [ -s ready.json ] && break
  kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
  sleep 0.05
done
URL=$(jq -r '[.endpoints[] | select(.what == "onboarding")][0].url' ready.json)
curl -sf -D head.txt -o fetched.pem "$URL/BC7-00000001"
grep -qi '^content-type: application/pem-certificate-chain' head.txt || die "type: $(cat head.txt)"
grep -qi '^cache-control: public, max-age=3600' head.txt || die "cache: $(cat head.txt)"
leads fetched.pem net/public/root.pem BC7-00000001
bm cert export net --product corvid-bc7 -o static >/dev/null
cmp fetched.pem static/onboarding/corvid-bc7/BC7-00000001
for path in "$URL/BC7-00000002" "$URL/" "$URL" "${URL%/*}/"; do
  equal "$(curl -s --path-as-is -o /dev/null -w '%{http_code}' "$path")" 404 "$path"
done
equal "$(curl -s --path-as-is -o /dev/null -w '%{http_code}' "$URL/..%2Fcorvid-bc7%2FBC7-00000001")" 400 "a path that climbs"
equal "$(curl -s -X POST -d x -o /dev/null -w '%{http_code}' "$URL/BC7-00000001")" 405 POST
kill -TERM "$SERVER" && wait "$SERVER" || die "the server did not end well"
SERVER=
expect 0 bm answer net --json
expect 0 bm disclose net -o net.disclosure
bm show net.disclosure --json >shown.json
grep -q "encrypted with nothing" shown.json || die "the disclosure is silent about the open file"

say "a device that mixes entropy of its own: nobody can compute its key"
factory mix mechanically-transferred true
expect 1 bm seed import mix mixed.xml --shared-key plant=plant.key
has seeds.not-recomputable
expect 0 bm line run mix --units 1
equal "$(bm cert list mix --json | jq -r '.[0].method')" carrot "method"
expect 0 bm disclose mix -o mix.disclosure
bm show mix.disclosure --json >shown.json
grep -q "entropy that nobody else has" shown.json || die "the disclosure does not tell of the entropy"
! grep -q "can compute it" shown.json || die "the disclosure calls it recomputable"

say "a site that never touches the factory: it hands over certificates and no seed"
factory fac network-transferred
bm plan new --like ecu -o site.toml >/dev/null
sed -i 's/^transfer = .*/transfer = "network-transferred"/' site.toml
bm init site --plan site.toml --root-cert fac/public/root.pem >/dev/null
expect 0 bm request sign fac site/requests/identity-2.1.request --on-behalf -o site.pem
expect 0 bm request import site site.pem
expect 1 bm seed package site -o derived.evidence
has seeds.package-none
pskc site.xml "$K" "$S1" "$S2" "$(chip 21):$(openssl rand -hex 16)"
expect 1 bm seed import site site.xml --shared-key plant=plant.key --place oulu --json
SITE=$(batch)
expect 0 bm seed issue site --batch "$SITE" --place oulu "$(chip 1)"
expect 0 bm seed package site -o first.evidence
has "1 certificates of 1 batches"
expect 0 bm seed issue site --batch "$SITE" --place oulu
expect 0 bm seed package site -o derived.evidence
expect 0 bm ledger verify derived.evidence
for secret in "${S1#*:}" "${S2#*:}"; do
  grep -qaF "$secret" derived.evidence && die "a seed is in the package"
  SECRET=$secret perl -0777 -ne 'exit(index($_, pack("H*", $ENV{SECRET})) >= 0 ? 1 : 0)' derived.evidence ||
    die "a seed's octets are in the package"
done
expect 2 bm seed import fac --package first.evidence
has "log-key"
expect 1 bm seed import fac --package first.evidence --log-key ser/public/log.vkey
head -c $(($(stat -c %s first.evidence) - 1)) first.evidence >cut.evidence
expect 1 bm seed import fac --package cut.evidence --log-key site/public/log.vkey
perl -0777 -pe 's/BC7-00000001/BC7-00000009/' first.evidence >changed.evidence
expect 1 bm seed import fac --package changed.evidence --log-key site/public/log.vkey
equal "$(bm cert list fac --json | jq length)" 0 "certificates before a package was taken"
expect 0 bm seed import fac --package first.evidence --log-key site/public/log.vkey --dry-run --json
equal "$(bm cert list fac --json | jq length)" 0 "certificates after a dry run"
expect 0 bm seed import fac --package first.evidence --log-key site/public/log.vkey --json
equal "$(jq -c '[.batches, .certificates, .known, .refused]' <<<"$OUT")" '[1,1,0,0]' "the first package"
expect 0 bm seed import fac --package derived.evidence --log-key site/public/log.vkey --json
equal "$(jq -c '[.batches, .certificates, .known, .refused]' <<<"$OUT")" '[0,1,1,0]' "the package with more in it"
expect 0 bm seed import fac --package derived.evidence --log-key site/public/log.vkey --json
equal "$(jq -c '[.batches, .certificates, .known, .refused]' <<<"$OUT")" '[0,0,2,0]' "the same again"
expect 0 bm seed show fac --batch "$SITE" --json
equal "$(jq -r '[.custody[].what] | join(" ")' <<<"$OUT")" "received opened used destroyed" "the batch's hands, as the site told them"
equal "$(jq -r '[.custody[].place] | unique | join(" ")' <<<"$OUT")" oulu "where"
equal "$(jq -r '.not_taken | length' <<<"$OUT")" 1 "what the site did not take"
expect 0 bm seed show fac --batch "$SITE"
has "no seed and no private key of it was ever here"
[ -z "$(ls fac/seeds 2>/dev/null)" ] || die "the factory keeps seeds"
expect 1 bm seed import fac site.xml --shared-key plant=plant.key
has seeds.known
expect 1 bm seed import ser --package derived.evidence --log-key site/public/log.vkey
has seeds.package-authority
# Another site, whose authority nobody here signed, tells of the same chips.
expect 0 bm seed package ser -o stranger.evidence
expect 1 bm seed import fac --package stranger.evidence --log-key ser/public/log.vkey
has "no authority that a site was given signed it"
equal "$(bm cert list fac --json | jq length)" 2 "certificates after a stranger's package"
fuse fac "$S1" "$S2"
expect 0 bm line run fac --units 2
has "BC7-00000002 GOOD"
bm cert export fac --product corvid-bc7 -o facwww >/dev/null
leads facwww/onboarding/corvid-bc7/BC7-00000001 fac/public/root.pem BC7-00000001
expect 0 bm ledger verify fac
expect 0 bm disclose fac -o fac.disclosure

say "kills while it issues lose and double nothing"
factory kill mechanically-transferred
expect 0 bm seed import kill --rehearsal 9000 --json
KILL=$(batch)
for ((i = 0; i < 4; i++)); do
  "$BIN/birthmark" seed issue kill --batch "$KILL" >/dev/null 2>&1 &
  pid=$!
  sleep "0.$(printf %03d $((300 + RANDOM % 600)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
bm seed issue kill --batch "$KILL" >issue.out 2>&1 || grep -q seeds.ended issue.out || die "$(cat issue.out)"
bm cert list kill --limit 100000 --json >certs.json
equal "$(jq 'length' certs.json)" 9000 "certificates"
equal "$(jq '[.[].unit] | unique | length' certs.json)" 9000 "units"
equal "$(bm seed list kill --json | jq -r '.[0].used')" 9000 "seeds used"
[ -z "$(ls kill/seeds)" ] || die "the wrap is still there"
expect 0 bm ledger verify kill
expect 0 bm line run kill --units 1
expect 0 bm reconcile kill --json
equal "$(jq -c '[.counts.pool, .counts.installed, (.odd | length)]' <<<"$OUT")" '[8999,1,0]' "the account"
echo "carrot: 9000 certificates, three deliveries, every chip accounted for"
