#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sapodilla: elements certified in the silicon maker's factory. Parts, certificates and manifests are made by openssl and
# node; the line proves them for each of the draft's three choices of authority (4.1.1.5); a reel goes missing and comes back.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
MAKE="node $(dirname "$SELF")/manifest.mjs"
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

key() { openssl ecparam -name "${2:-prime256v1}" -genkey -noout -out "$1" 2>/dev/null; }
# authority NAME SUBJECT [SIGNER]: NAME.key, NAME.pem, signed by itself or by SIGNER
authority() {
  key "$1.key" "${4:-prime256v1}"
  if [ -n "${3:-}" ]; then
    openssl req -new -key "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 3000 -out "$1.pem" \
      -extfile <(printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid') 2>/dev/null
  else
    openssl req -x509 -new -key "$1.key" -subj "$2" -days 3000 -out "$1.pem" -addext keyUsage=critical,keyCertSign 2>/dev/null
  fi
}
# part TRAY UID [CA]: a part's key; with CA its certificate
part() {
  mkdir -p "$1/$2"
  key "$1/$2/part.key"
  [ -n "${3:-}" ] || return 0
  cp "$3.pem" "$1/ca.pem"
  openssl req -new -key "$1/$2/part.key" -subj "/O=Example Silicon/serialNumber=$2" -out "$1/$2/part.csr" 2>/dev/null
  openssl x509 -req -in "$1/$2/part.csr" -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -days 2000 -out "$1/$2/part.pem" \
    -extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid') 2>/dev/null
}
hex() { openssl x509 -in "$1" -outform DER | od -An -v -tx1 | tr -d ' \n'; }
# solder WS TRAY UID [AS]: the part as the emulated board finds it
solder() {
  mkdir -p "$1/silicon/tray"
  {
    echo "uid $3"
    echo "key $(openssl ec -in "$2/$3/part.key" -outform DER 2>/dev/null | openssl asn1parse -inform DER 2>/dev/null | sed -n 's/.*OCTET STRING.*HEX DUMP\]:\([0-9A-F]*\)$/\1/p' | head -1 | tr A-F a-f)"
    [ ! -f "$2/$3/part.pem" ] || echo "certificate $(hex "$2/$3/part.pem")"
    [ ! -f "$2/ca.pem" ] || echo "certificate $(hex "$2/ca.pem")"
    echo "password open sesame"
  } >"$1/silicon/tray/${4:-$3}"
}
import() { bm manifest import "$@"; }
count() { bm reel list "$1" --json | jq -r --arg r "$2" ".[] | select(.reel == \$r) | .$3"; }
uid() { printf '0123%s01' "$(openssl rand -hex 6)"; }

say "a maker, its manifest signer under its root, and a plan that pins the root"
authority root "/O=Example Silicon/CN=Root"
authority ca "/O=Example Silicon/CN=Signer 1" root
authority lister "/O=Example Silicon/CN=Log Signer" root
authority stranger "/O=Somebody/CN=Root"
authority proto "/O=Our Bench/CN=Prototype Signer"
bm plan new --like lock -o lock.toml >/dev/null
sed -i 's/^ca-option = .*/&\nvendor-roots = ["root.pem"]/' lock.toml
bm init lock --plan lock.toml >/dev/null

say "(a) manifests of versions 1, 2 and 3"
for _ in 1 2 3 4; do part one "$(uid)" ca; done
for _ in 1 2; do part light "$(uid)"; done
for _ in 1 2 3; do part three "$(uid)" ca; done
$MAKE one.json lister.pem lister.key version=1 reel=R1 secrets=yes one/0123*
$MAKE light.json lister.pem lister.key version=2 reel=R2 light/0123*
$MAKE three.json lister.pem lister.key version=3 reel=R3 order=yes three/0123*
expect 0 import lock one.json --signer lister.pem
has "4 parts taken in"
has "4 encrypted secrets came with them; none was opened"
lacks TEST
expect 0 import lock light.json --signer lister.pem
has "2 parts taken in"
expect 0 import lock three.json --signer lister.pem --reel R3 --dry-run
has "3 parts would be taken in"
expect 0 import lock three.json --signer lister.pem --reel R3
SIZE=$(bm ledger verify lock 2>/dev/null | grep -o '^[0-9]*')
expect 0 import lock three.json --signer lister.pem --reel R3
has "0 parts taken in, 3 were here already"
equal "$(bm ledger verify lock 2>/dev/null | grep -o '^[0-9]*')" "$SIZE" "a second import"
equal "$(count lock R1 received)" 4 "parts of R1"

say "each refusal names its element"
refuse() { # CODE TEXT import arguments…
  expect 1 import lock "${@:3}"
  has "$1"
  has "$2"
}
BAD=$(uid)
part bad "$BAD" ca
P=bad/$BAD
$MAKE bad.json lister.pem lister.key tamper=yes $P
refuse manifest.signature "element 1 ($BAD)" bad.json --signer lister.pem
$MAKE bad.json lister.pem lister.key alg=none $P
refuse manifest.algorithm '"none"' bad.json --signer lister.pem
key big.key secp384r1
openssl req -x509 -new -key big.key -subj "/O=Example Silicon/CN=P-384" -days 3000 -out big.pem 2>/dev/null
$MAKE bad.json big.pem big.key alg=ES384 $P
refuse manifest.algorithm '"ES384"' bad.json --signer lister.pem
$MAKE bad.json stranger.pem stranger.key $P
refuse manifest.signer "element 1 ($BAD)" bad.json --signer lister.pem
$MAKE bad.json lister.pem lister.key header=0123000000000000ff $P
refuse manifest.unique-id "$BAD" bad.json --signer lister.pem
$MAKE bad.json lister.pem lister.key $P $P
expect 1 import lock bad.json --signer lister.pem --dry-run
has manifest.duplicate
has "element 2 ($BAD)"
$MAKE bad.json lister.pem lister.key reel=R7 $P
refuse manifest.customer '"R7", not "R1"' bad.json --signer lister.pem --reel R1
refuse manifest.customer "partNumber" bad.json --signer lister.pem --part-number ATECC608C-OTHER
$MAKE bad.json lister.pem lister.key d=yes $P
refuse manifest.private-key "element 1 ($BAD)" bad.json --signer lister.pem
part foreign "$BAD" stranger
$MAKE bad.json lister.pem lister.key foreign/$BAD
refuse manifest.chain "leads to no pinned root" bad.json --signer lister.pem
head -c 900 one.json >cut.json
refuse manifest.json "octet" cut.json --signer lister.pem
jq -c '.[0].header.alg = "ES256"' one.json >bad.json
refuse manifest.unprotected "outside the signature" bad.json --signer lister.pem
$MAKE bad.json proto.pem proto.key $P
refuse manifest.test "prototypes" bad.json --signer proto.pem
expect 0 import lock bad.json --signer proto.pem --allow-test --dry-run
has TEST
equal "$(bm manifest list lock --json | jq '[.[] | select(.test != "")] | length')" 0 "test manifests"

say "the line proves each part"
for u in one/0123*; do solder lock one "$(basename "$u")"; done
bm line run lock --units 3 >line.out
grep -q "3 good" line.out || die "$(cat line.out)"
equal "$(count lock R1 used)" 3 "parts used"
equal "$(count lock R1 left)" 1 "parts left"
bm cert show lock LOCK-000001 --pem >lock1.pem
openssl verify -CAfile root.pem -untrusted ca.pem lock1.pem >/dev/null || die "a lock's certificate does not lead to the maker's root"
expect 0 bm unit show lock LOCK-000001
has "proved its key"
has sapodilla

say "a part that is not listed, of another key, without a listed key, or used before"
run_one() { # TEXT: the next unit is scrapped for it
  expect 1 bm line run lock --units 1
  has "$1"
  has "1 scrapped"
}
rm -f lock/silicon/tray/*
part none "$(uid)" ca && solder lock none "$(basename none/0123*)"
run_one "is in no manifest"
LAST=$(basename "$(ls -d three/0123* | tail -1)")
mkdir -p swapped/"$LAST" && key swapped/"$LAST"/part.key && cp three/"$LAST"/part.pem swapped/"$LAST"/ && cp ca.pem swapped/
solder lock swapped "$LAST"
run_one "another key than the one listed"
solder lock light "$(basename "$(ls -d light/0123* | head -1)")"
run_one "lists no key"
USED=$(bm reel show lock R1 --json | jq -r '.units[0].element')
solder lock one "$USED"
run_one "is that of bastion-l2/LOCK-0000"
solder lock three "$LAST"
sed -i 's/^password .*/password another/' lock/silicon/tray/"$LAST"
run_one "does not take the activation password"

say "a reel goes missing and comes back"
expect 0 bm reel quarantine lock R1 --reason "lost on the way" --dry-run
has "3 identities changed"
equal "$(count lock R1 state)" received "a dry run"
expect 0 bm reel quarantine lock R1 --reason "lost on the way"
equal "$(bm cert list lock --state held --json | jq length)" 3 "identities on hold"
for u in one/0123*; do
  [ "$(bm reel show lock R1 --json | jq -r --arg u "$(basename "$u")" '[.units[] | select(.element == $u)] | length')" = 0 ] && FREE=$(basename "$u")
done
solder lock one "$FREE"
run_one "which is in quarantine"
expect 0 bm reel release lock R1 --reason "found, seal intact"
equal "$(bm cert list lock --state held --json | jq length)" 0 "identities on hold"
equal "$(bm cert list lock --state confirmed-locked --json | jq length)" 3 "identities back"
solder lock one "$FREE"
expect 0 bm line run lock --units 1
has "1 good"
equal "$(count lock R1 left)" 0 "parts left"
expect 1 bm reel release lock R1 --reason "again"
has reel.state

say "whose PKI it is"
expect 0 bm answer lock identity-pki-level
has "the silicon maker's own PKI certifies these parts"
bm disclose lock -o lock.birthmark >/dev/null
expect 0 reader show lock.birthmark
has "in the silicon maker's factory: generic"
expect 0 bm ledger verify lock
bm ledger rebuild lock >/dev/null
equal "$(count lock R1 used)" 4 "a rebuilt registry"

say "(b) an authority of ours whose key the maker holds"
bm plan new --like lock -o behalf.toml >/dev/null
sed -i 's/^ca-option = .*/ca-option = "on-behalf"/' behalf.toml
bm init behalf --plan behalf.toml >/dev/null
key theirs.key
openssl req -new -key theirs.key -subj "/O=Example Silicon/CN=whatever" -out theirs.csr 2>/dev/null
expect 0 bm request sign behalf theirs.csr --on-behalf -o chain.pem
openssl x509 -in chain.pem -out theirs.pem
openssl verify -CAfile behalf/public/root.pem theirs.pem >/dev/null || die "their authority does not lead to our root"
part ours "$(uid)" theirs
$MAKE ours.json proto.pem proto.key reel=B1 ours/0123*
expect 0 import behalf ours.json --signer proto.pem --allow-test
solder behalf ours "$(basename ours/0123*)"
expect 0 bm line run behalf --units 1
has "1 good"
bm cert show behalf LOCK-000001 --pem >behalf.pem
openssl verify -CAfile behalf/public/root.pem -untrusted theirs.pem behalf.pem >/dev/null || die "not under our root"
expect 0 bm answer behalf identity-pki-level
has "measured    3 level"
has "an authority whose key the silicon maker holds"

say "(c) the maker's factory asks our server"
bm plan new --like lock -o asked.toml >/dev/null
sed -i 's/^ca-option = .*/ca-option = "connected"/' asked.toml
bm init asked --plan asked.toml >/dev/null
key factory.key
openssl req -new -key factory.key -subj "/CN=factory" -out factory.csr 2>/dev/null
bm credential issue asked --role silicon-maker --request factory.csr -o factory.pem >/dev/null
"$BIN/birthmark" serve asked --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
SERVER=$!
for _ in $(seq 3000); do [ -s ready.json ] && break; sleep 0.05; done
EST=$(jq -r '[.endpoints[] | select(.what == "EST")][0].url' ready.json)
enrol() { # TRAY UID SERIAL: enrols a part for a serial number, prints the HTTP status
  openssl req -new -key "$1/$2/part.key" -subj "/O=Bastion Locks/serialNumber=$3" -outform DER 2>/dev/null | base64 -w0 >"$1/$2/part.b64"
  curl -s -o "$1/$2/part.p7" -w '%{http_code}' --cacert asked/public/operations-root.pem --cert factory.pem --key factory.key \
    -H 'Content-Type: application/pkcs10' --data-binary @"$1/$2/part.b64" "$EST/simpleenroll"
}
A=$(uid) B=$(uid)
part con "$A" && part con "$B"
equal "$(enrol con "$A" LOCK-000001)" 200 "a part enrolled by its maker"
openssl base64 -d -A -in "con/$A/part.p7" | openssl pkcs7 -inform DER -print_certs 2>/dev/null | openssl x509 -out "con/$A/part.pem"
equal "$(enrol con "$B" NOT-OURS-1)" 400 "a serial number that is none of ours"
kill -TERM "$SERVER" && wait "$SERVER" || die "the server did not end well: $(tail -3 serve.log)"
$MAKE con.json proto.pem proto.key reel=C1 x5c=no "con/$A" "con/$B"
expect 0 import asked con.json --signer proto.pem --allow-test
solder asked con "$A" LOCK-000001
expect 0 bm line run asked --units 1
has "LOCK-000001 GOOD"
bm ca show asked identity-2.1 --json | jq -r .certificate >sub.pem
openssl verify -CAfile asked/public/root.pem -untrusted sub.pem "con/$A/part.pem" >/dev/null || die "not under our root"
expect 0 bm cert list asked --json
has '"method": "sapodilla"'

say "a stolen reel enrols nothing, and what was certified ahead goes on hold"
expect 0 bm reel quarantine asked C1 --reason "stolen"
has "1 identities changed"
"$BIN/birthmark" serve asked --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
SERVER=$!
for _ in $(seq 3000); do [ -s ready.json ] && jq -e . ready.json >/dev/null 2>&1 && break; sleep 0.05; done
EST=$(jq -r '[.endpoints[] | select(.what == "EST")][0].url' ready.json)
equal "$(enrol con "$B" LOCK-000002)" 403 "a part of a reel in quarantine"
kill -TERM "$SERVER" && wait "$SERVER" || die "the server did not end well"

say "endorsement keys of TPMs"
authority tpmroot "/O=Example TPM/CN=EK Root"
mkdir ek
for n in 1 2; do
  openssl genrsa -out ek$n.key 2048 2>/dev/null
  openssl req -new -key ek$n.key -subj "/CN=TPM $n" -out ek.csr 2>/dev/null
  openssl x509 -req -in ek.csr -CA tpmroot.pem -CAkey tpmroot.key -CAcreateserial -days 2000 -outform DER -out ek/$n.der \
    -extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyEncipherment\nextendedKeyUsage=2.23.133.8.1') 2>/dev/null
done
{
  echo "tpm_serial,ek_alg,ek_name_sha256,ek_cert_der_b64,ek_chain_url,reel,received_at"
  for n in 1 2; do echo "T$n,rsa-2048,,$(base64 -w0 ek/$n.der),,TRAY-7,2026-10-02T08:00:00Z"; done
  echo "T3,rsa-512,,AAAA,,TRAY-7,"
} >ek.csv
expect 1 import lock ek.csv --root tpmroot.pem
has "2 parts taken in"
has "line 4 (TPM T3)"
expect 0 import lock ek --root tpmroot.pem
has "0 parts taken in, 2 were here already"
expect 1 import lock ek --root stranger.pem
has manifest.chain
echo "sapodilla: done"
