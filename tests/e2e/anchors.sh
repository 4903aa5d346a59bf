#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Anchors of a product written for their consumers, each store read by the consumer's own tool.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
INTEROP=$(dirname "$SELF")/../interop
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

# write FORMAT FILE ANCHOR…: an export that must succeed
write() {
  local format=$1 file=$2
  shift 2
  expect 0 bm anchor export w "$@" --format "$format" -o "$file"
}
der() { openssl x509 -in "$1" -outform DER -out "$2"; }
GUID=77fa9abd-0359-4d32-bd60-28f4e78f784b

say "a plan with a key of RSA, one of Ed25519 and those of the example"
openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -subj "/O=Acme/CN=Acme RSA" -days 3000 -out rsa.pem 2>/dev/null
openssl genpkey -algorithm ed25519 -out ed.key
openssl req -x509 -new -key ed.key -subj "/O=Acme/CN=Acme Ed" -days 3000 -out ed.pem
openssl pkey -in ed.key -pubout -out ed.pub
bm plan new --like bmc -o p.toml >/dev/null
for f in "rsa rsa.pem certificate" "ed ed.pem certificate" "edkey ed.pub public-key"; do
  read -r id file form <<<"$f"
  printf '\n[[anchor]]\nid = "%s"\nkinds = ["private-cloud"]\nfile = "%s"\nform = "%s"\nstore = "nor-app"\nverifies = "licence"\nkeeper = "a test"\n' \
    "$id" "$file" "$form" >>p.toml
done
bm init w --plan p.toml >/dev/null
expect 0 bm anchor list w
has "debian-archive"
has "anchor second"
equal "$(bm anchor list w --json | jq -r '.[] | select(.anchor == "webpki") | .entries')" \
  "$(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt)" "entries of the bundle"
expect 0 bm anchor show w dnssec
has "key tag 20326"
has "by:bundle"
expect 2 bm anchor show w nobody
has "anchor.unknown"

say "PEM: openssl"
write pem update.pem update
openssl x509 -in update.pem -noout -subject >subject.txt
grep -q Acme subject.txt || die "the update anchor is no certificate"
write pem webpki.pem webpki
equal "$(openssl storeutl -noout -certs webpki.pem | tail -1)" "Total found: $(grep -c BEGIN /etc/ssl/certs/ca-certificates.crt)" "PEM bundle"
expect 0 bm anchor export w --format pem -o all.pem --dry-run
has "debian-archive"
has "an OpenPGP keyring travels as it is"
[ ! -e all.pem ] || die "a dry run wrote a file"

say "PKCS #12: openssl"
(umask 077 && echo sesame >store.pass)
expect 0 bm anchor export w webpki update --format pkcs12 -o store.p12 --password-file store.pass
openssl pkcs12 -in store.p12 -nokeys -passin pass:sesame -out store.txt 2>/dev/null || die "openssl refuses the PKCS #12 store"
equal "$(grep -c 'BEGIN CERT' store.txt)" "$(($(grep -c BEGIN webpki.pem) + 1))" "certificates in PKCS #12"
equal "$(grep -c '2.16.840.1.113894.746875.1.1' store.txt)" "$(grep -c 'BEGIN CERT' store.txt)" "entries that Java believes"
! openssl pkcs12 -in store.p12 -nokeys -passin pass:other >/dev/null 2>&1 || die "a wrong password opened the store"
write pkcs12 open.p12 update
openssl pkcs12 -in open.p12 -nokeys -passin pass: -out open.txt 2>/dev/null
grep -q 'BEGIN CERT' open.txt || die "a store without password"

say "p11-kit: trust"
# p11-kit passes over a user's own configuration when root asks, so nobody asks.
AS=()
[ "$(id -u)" != 0 ] || AS=(setpriv --reuid=65534 --regid=65534 --clear-groups)
believed() { "${AS[@]}" env HOME="$WORK/home" trust "$@"; }
mkdir -p home/.config/pkcs11/modules token out
chmod 711 "$WORK" && chmod 777 out
printf 'user-config: only\n' >home/.config/pkcs11/pkcs11.conf
printf "module: %s\ntrust-policy: yes\nx-init-reserved: paths='%s'\n" \
  "$(find /usr/lib -name p11-kit-trust.so | head -1)" "$WORK/token" >home/.config/pkcs11/modules/mine.module
bm anchor export w webpki update --format p11-kit -o token/acme.p11-kit >/dev/null
believed list --filter=ca-anchors >trust.txt
equal "$(grep -c 'type: certificate' trust.txt)" "$(($(grep -c BEGIN webpki.pem) + 1))" "anchors that p11-kit believes"
# The bundle says nothing of purposes, so that only the plan's own demand can leave its anchor out.
believed extract --format=pem-bundle --filter=ca-anchors --purpose=code-signing "$WORK/out/code.pem"
believed extract --format=pem-bundle --filter=ca-anchors --purpose=server-auth "$WORK/out/server.pem"
equal "$(grep -c BEGIN out/code.pem)" "$(($(grep -c BEGIN out/server.pem) + 1))" "the anchor that is for code signing alone"

say "UEFI: efitools and sbsigntool"
for id in update rsa; do
  write pem "$id.pem" "$id"
  expect 0 bm anchor export w "$id" --format esl -o "$id.esl" --owner $GUID
  cert-to-efi-sig-list -g $GUID "$id.pem" theirs.esl >/dev/null
  cmp "$id.esl" theirs.esl || die "efitools writes another list for $id"
  der "$id.pem" "$id.der"
  sbsiglist --owner $GUID --type x509 --output sb.esl "$id.der"
  cmp "$id.esl" sb.esl || die "sbsiglist writes another list for $id"
done
expect 0 bm anchor export w update rsa --format esl -o two.esl --owner $GUID
cat update.esl rsa.esl >both.esl
cmp two.esl both.esl || die "two lists"
sig-list-to-certs two.esl cert >/dev/null
cmp cert-0.der update.der && cmp cert-1.der rsa.der || die "sig-list-to-certs gives other certificates"
expect 0 bm anchor export w rsa --format esl-sha256 -o hash.esl --owner $GUID
cert-to-efi-hash-list -g $GUID -s 256 -t 0 rsa.pem theirs.esl >/dev/null 2>&1 || die "cert-to-efi-hash-list"
cmp <(head -c 76 hash.esl) <(head -c 76 theirs.esl) || die "efitools hashes another part of the certificate"
expect 1 bm anchor export w edkey --format esl -o no.esl
has "trust.cannot-carry"

say "U-Boot: mkimage puts the same numbers into a control tree"
mkdir keys && cp rsa.key keys/dev.key && cp rsa.pem keys/dev.crt
printf '/dts-v1/;\n/ { description = "t"; images { k { data = "code"; type = "kernel"; arch = "arm"; os = "linux"; compression = "none"; load = <0>; entry = <0>; hash-1 { algo = "sha256"; }; }; }; configurations { default = "c"; c { kernel = "k"; signature-1 { algo = "sha256,rsa2048"; key-name-hint = "dev"; sign-images = "kernel"; }; }; }; };\n' >fit.its
printf '/dts-v1/;\n/ { };\n' | dtc -I dts -O dtb -o control.dtb 2>/dev/null
mkimage -f fit.its -k keys -K control.dtb -r fit.itb >mkimage.out 2>&1 || die "mkimage: $(cat mkimage.out)"
write fit rsa.dtb rsa
for property in rsa,modulus rsa,exponent rsa,r-squared rsa,n0-inverse rsa,num-bits; do
  equal "$(fdtget -t x rsa.dtb /signature/key-rsa $property)" "$(fdtget -t x control.dtb /signature/key-dev $property)" "$property"
done
for property in algo required; do
  equal "$(fdtget rsa.dtb /signature/key-rsa $property)" "$(fdtget control.dtb /signature/key-dev $property)" "$property"
done
expect 0 bm anchor export w update --format fit -o update.dtb --required nothing
equal "$(fdtget -l update.dtb /signature)" "key-update" "the node of an elliptic key"
! fdtget update.dtb /signature/key-update required >/dev/null 2>&1 || die "required stands there"
expect 1 bm anchor export w ed --format fit -o no.dtb
has "U-Boot verifies FIT images with RSA and ECDSA keys"

say "MCUboot: the C source compiles, and its arrays are the keys"
write mcuboot keys.c update rsa edkey
mkdir -p bootutil && printf 'struct bootutil_key { const unsigned char *key; const unsigned int *len; };\n' >bootutil/sign_key.h
printf '#include <stdio.h>\n#include "keys.c"\nint main(int c, char **v) { (void)v; const struct bootutil_key *k = &bootutil_keys[c - 1]; fwrite(k->key, 1, *k->len, stdout); return 0; }\n' >dump.c
gcc -Wall -Werror -I. dump.c -o dump
order=$(grep -o 'key_[a-z]*_[0-9]' keys.c | awk '!s[$0]++' | tr '\n' ' ')
equal "$order" "key_update_1 key_rsa_2 key_edkey_3 " "the order of keys"
openssl x509 -in update.pem -noout -pubkey | openssl pkey -pubin -outform DER -out update.spki
openssl rsa -in rsa.key -RSAPublicKey_out -outform DER -out rsa.pkcs1 2>/dev/null
openssl pkey -in ed.key -pubout -outform DER -out ed.spki
./dump | cmp - update.spki && ./dump a | cmp - rsa.pkcs1 && ./dump a b | cmp - ed.spki || die "a key in C is another"

say "pins: curl against a server with the pinned key"
write pinned rsa.pin rsa
openssl s_server -accept 127.0.0.1:0 -key rsa.key -cert rsa.pem -www >server.out 2>&1 &
SERVER=$!
for _ in $(seq 3000); do grep -q '^ACCEPT ' server.out && break || sleep 0.05; done
PORT=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.out | head -1)
curl -sk --noproxy '*' --pinnedpubkey "$(cat rsa.pin)" -o /dev/null "https://127.0.0.1:$PORT/" || die "curl refuses the pinned key"
write pinned ed.pin ed
expect 90 curl -sk --noproxy '*' --pinnedpubkey "$(cat ed.pin)" -o /dev/null "https://127.0.0.1:$PORT/"
kill $SERVER
expect 0 bm anchor export w licence --format pinned -o licence.pin
expect 1 bm anchor export w licence --format cose-keyset -o no.cbor
has "give --passphrase-file"
expect 0 bm anchor export w licence --format pem -o licence.pem --passphrase-file online.pass
equal "$(cat licence.pin)" "sha256//$(openssl pkey -pubin -in licence.pem -outform DER | openssl dgst -sha256 -binary | base64)" "a bare key and its pin"

say "DNSSEC: the records of the package dns-root-data"
write dnssec root.key dnssec
records() { awk '$0 !~ /^;/ {sub(/;.*/, ""); k = ""; for (i = 1; i <= NF; i++) if ($i == "DNSKEY") {f = $(i+1) " " $(i+2) " " $(i+3); for (j = i+4; j <= NF; j++) k = k $j} if (k != "") print f, k}' "$1" | sort; }
equal "$(records root.key)" "$(records /usr/share/dns/root.key)" "DNSKEY records"
write root-anchors-xml root-anchors.xml dnssec
python3 - root-anchors.xml /usr/share/dns/root.ds <<'PY' || die "root-anchors.xml is not the root's DS records"
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
assert root.tag == "TrustAnchor" and root.findtext("Zone") == "." and root.get("id") and root.get("source")
ours = {tuple(k.findtext(n) for n in ("KeyTag", "Algorithm", "DigestType", "Digest")) for k in root.iter("KeyDigest")}
assert all(k.get("validFrom") for k in root.iter("KeyDigest"))
theirs = set()
for line in open(sys.argv[2]):
    f = line.split(";")[0].split()
    if "DS" in f:
        i = f.index("DS")
        theirs.add((f[i + 1], f[i + 2], f[i + 3], "".join(f[i + 4:]).upper()))
assert ours == theirs, (ours, theirs)
PY
expect 1 bm anchor export w dnssec --format pem -o no.pem
has "DNSSEC anchors travel as records"

say "EST cacerts, the truststore of RFC 9641, COSE_KeySet"
write est-cacerts cacerts update rsa
base64 -d cacerts | openssl pkcs7 -inform DER -print_certs -out cacerts.pem
equal "$(grep -c BEGIN cacerts.pem)" 2 "certificates in cacerts"
write truststore-json store.json update rsa edkey
python3 - store.json <<'PY' || die "the truststore is not as RFC 9641 has it"
import base64, json, subprocess, sys
root = json.load(open(sys.argv[1]))
(name, store), = root.items()
assert name == "ietf-truststore:truststore" and set(store) == {"certificate-bags", "public-key-bags"}
bag, = store["certificate-bags"]["certificate-bag"]
assert set(bag) == {"name", "certificate"} and len(bag["certificate"]) == 2
for c in bag["certificate"]:
    assert set(c) == {"name", "cert-data"}
    out = subprocess.run(["openssl", "cms", "-cmsout", "-inform", "DER", "-print"], input=base64.b64decode(c["cert-data"], validate=True), capture_output=True, check=True)
    assert out.stdout.count(b"d.certificate") == 1, out.stdout
keys, = store["public-key-bags"]["public-key-bag"]
key, = keys["public-key"]
assert key["public-key-format"] == "ietf-crypto-types:subject-public-key-info-format"
subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-noout"], input=base64.b64decode(key["public-key"]), check=True)
PY
write cose-keyset keys.cbor update rsa edkey
if [ -d "$INTEROP/node_modules/cbor-x" ]; then
  write pinned three.pin update rsa edkey
  equal "$(node "$INTEROP/keyset.mjs" keys.cbor)" "$(cat three.pin)" "keys as cbor-x and node read them"
else
  echo "not run: cbor-x is not installed (npm ci --prefix tests/interop)"
fi

say "RFC 5914: what the plan demands of signers stays with the key; the list signed, and as openssl checks it"
write rfc5914 list.der update rsa edkey
openssl asn1parse -inform DER -in list.der >list.txt
grep -q '06082B06010505070303' list.txt || die "the extended key usage is lost"
grep -q 'Acme' list.txt || die "the name is lost"
expect 0 bm anchor export w update rsa edkey --format rfc5914-cms -o list.cms --sign-with update-pki --passphrase-file online.pass
openssl cms -verify -inform DER -in list.cms -CAfile update.pem -purpose any -out signed.der 2>cms.out || die "openssl: $(cat cms.out)"
cmp signed.der list.der || die "the signed list is another"
openssl cms -cmsout -inform DER -in list.cms -print -out cms.txt
grep -q '1.2.840.113549.1.9.16.1.34' cms.txt || die "the content's type"
write rfc5914-cms bare.cms update rsa edkey
openssl asn1parse -inform DER -in bare.cms >bare.txt
grep -q ':1.2.840.113549.1.9.16.1.34' bare.txt || die "the bare content's type"
expect 2 bm anchor export w update --format rfc5914-cms -o no.cms --sign-with nobody --passphrase-file online.pass
has "anchor.signer"
echo "all stores were accepted"
