#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Salak on emulated parts: a TPM over EST (as the example has it), over CMP and over the serial
# console, a PKCS#11 token over the console. tpm2-tools and openssl, which know nothing of us, look at what came out; what must be
# refused is refused.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
trap 'kill ${SERVER:-} ${TPM:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT
for tool in swtpm swtpm_setup tpm2_print tpm2_checkquote softhsm2-util; do
  command -v "$tool" >/dev/null || { echo "salak did not run: $tool is not here"; exit 0; }
done
element() { "$BIN/birthmark-element" "$@"; }

# plan NAME [SED…]: the gateway's plan, over EST, with something changed
plan() {
  bm plan new --like gateway -o "$1.toml" >/dev/null
  [ $# -eq 1 ] || sed -i "${@:2}" "$1.toml"
}
# serial NAME [SED…]: the same with request and certificate over the serial console
serial() { plan "$1" -e 's/^transfer = "network-transferred"/transfer = "mechanically-transferred"/' "${@:2}"; }
above() { # WS: the certificates between device and root
  bm ca show "$1" "$(bm ca list "$1" --json | jq -r '[.[] | select(.ca | startswith("identity-2"))][0].ca')" --json | jq -r .certificate >above.pem
}
# powered FOLDER: runs a TPM by itself, for tpm2-tools and openssl
powered() {
  swtpm socket --tpm2 --tpmstate "dir=$1" --server "type=unixio,path=$WORK/sock" --ctrl "type=unixio,path=$WORK/sock.ctrl" \
    --flags not-need-init,startup-clear >/dev/null 2>&1 &
  TPM=$!
  export TSS2_LOG=all+none TPM2TOOLS_TCTI="swtpm:path=$WORK/sock" TPM2OPENSSL_TCTI="swtpm:path=$WORK/sock"
  for _ in $(seq 3000); do
    tpm2_getcap properties-fixed >/dev/null 2>&1 && return
    sleep 0.05
  done
  die "swtpm did not start"
}
unplug() {
  kill "$TPM"
  wait "$TPM" 2>/dev/null || true
  TPM=
  rm -f sock sock.ctrl
}

serve() { # WS: starts the server, waits until it is ready
  rm -f ready.json
  "$BIN/birthmark" serve "$1" --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do
    [ -s ready.json ] && break
    kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
    sleep 0.05
  done
  EST=$(jq -r '[.endpoints[] | select(.what == "EST")][0].url' ready.json) CMP=$(jq -r '[.endpoints[] | select(.what == "CMP")][0].url' ready.json) CA=$1/public/operations-root.pem
}
stop() {
  kill -TERM "$SERVER"
  wait "$SERVER" || die "the server did not end well"
  SERVER=
}

say "a TPM over the serial console"
serial tpm
bm init tpm --plan tpm.toml >/dev/null
began=$(date +%s%N)
bm line run tpm --units 1 >line.out || die "line run: $(cat line.out)"
took=$((($(date +%s%N) - began) / 1000000))
equal "$(grep -c GOOD line.out)" 1 "units with a TPM: $(cat line.out)"
echo "    $took ms for the first unit, images and its TPM made with it"
bm ledger verify tpm >/dev/null 2>&1 || die "the ledger does not verify"
expect 0 bm unit show tpm GW-00001
has "tpm2-certify-creation"
has "read back from the element"
unit=corvid-g2/GW-00001
bm cert show tpm "$unit" --pem >device.pem
above tpm
expect 0 openssl verify -x509_strict -CAfile tpm/public/root.pem -untrusted above.pem device.pem
openssl x509 -in device.pem -noout -ext certificatePolicies >policies.txt
grep -q '2.23.133.11.1.1' policies.txt && grep -q '2.23.133.11.1.2' policies.txt || die "the certificate does not say what was proved: $(cat policies.txt)"
expect 0 bm key show tpm --unit GW-00001 --revision 02
has "salak"
has "generated on device"
expect 0 bm key show tpm --unit GW-00001 --revision 15
has "avocado"
has "fixedTPM true"

say "tpm2-tools on the same TPM"
powered tpm/devices/GW-00001/tpm
openssl x509 -in device.pem -outform DER -out device.der
tpm2_nvread -Q -C o -o nv.der 0x01800200 2>/dev/null
cmp nv.der device.der || die "the NV index does not hold the certificate of the ledger"
tpm2_readpublic -Q -c 0x81000200 -f pem -o key.pem -n key.name
openssl x509 -in device.pem -noout -pubkey | cmp - key.pem || die "the TPM's key is not the certificate's"
tpm2_readpublic -c 0x81000200 >key.txt
grep -A1 '^attributes' key.txt | grep -q 'fixedtpm|fixedparent|sensitivedataorigin' || die "tpm2_readpublic: $(cat key.txt)"
tpm2_nvread -Q -C o -o ek.der 0x01c00002 2>/dev/null
openssl x509 -inform DER -in ek.der -out ek.pem 2>/dev/null
tpm2_nvread -Q -C o -o ekca.der 0x01c00100 2>/dev/null
openssl x509 -inform DER -in ekca.der -out ekca.pem 2>/dev/null
expect 0 openssl verify -CAfile tpm/parts-maker/root.pem -untrusted ekca.pem ek.pem
# A quote by the attestation key is checked by the tool: it is a key that signs only what the TPM made.
tpm2_readpublic -Q -c 0x81000210 -f pem -o ak.pem -n ak.name
tpm2_quote -Q -c 0x81000210 -l sha256:0 -q 0badcafe -m quote.msg -s quote.sig -o quote.pcr
tpm2_checkquote -Q -u ak.pem -m quote.msg -s quote.sig -q 0badcafe -f quote.pcr || die "tpm2_checkquote"
head -c 20 /dev/urandom >nonce
element "tpm2:$TPM2TOOLS_TCTI" certify idevid --nonce nonce -o said
tpm2_print -t TPMS_ATTEST said.attest >attest.txt 2>/dev/null || true # this release prints the rest of quotes alone
grep -q 'magic: ff544347' attest.txt && grep -q 'type: 8017' attest.txt || die "tpm2_print: $(cat attest.txt)"
grep -q "extraData: $(od -An -tx1 -v nonce | tr -d ' \n')" attest.txt || die "the nonce is not in: $(cat attest.txt)"
od -An -tx1 -v said.attest | tr -d ' \n' | grep -q "$(od -An -tx1 -v key.name | tr -d ' \n')" || die "the attest is not about the key"
tpm2_verifysignature -Q -c 0x81000210 -g sha256 -m said.attest -s said.sig || die "tpm2_verifysignature"
# MakeCredential by the tool, opened by us.
openssl x509 -in ek.pem -noout -pubkey >ekpub.pem
head -c 16 /dev/urandom >secret
tpm2_makecredential -Q -T none -u ekpub.pem -G rsa -s secret -n "$(od -An -tx1 -v ak.name | tr -d ' \n')" -o credential
element "tpm2:$TPM2TOOLS_TCTI" activate --credential credential -o opened
cmp secret opened || die "the credential did not open"
unplug

say "a PKCS#11 token over the serial console"
serial token -e 's/^kind = "tpm"$/kind = "secure-element"/' -e 's/^attestation = .*/attestation = "optional"/' -e '/^vendor-roots/d'
bm init token --plan token.toml >/dev/null
bm line run token --units 1 >line.out || die "line run: $(cat line.out)"
equal "$(grep -c GOOD line.out)" 1 "units with a token: $(cat line.out)"
bm cert show token "$unit" --pem >device.pem
above token
expect 0 openssl verify -x509_strict -CAfile token/public/root.pem -untrusted above.pem device.pem
export SOFTHSM2_CONF=$PWD/token/devices/GW-00001/token/softhsm2.conf
pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --read-object --type cert --label birthmark-idevid -o token.der >/dev/null 2>&1 ||
  die "pkcs11-tool finds no certificate"
openssl x509 -in device.pem -outform DER | cmp - token.der || die "the token does not hold the certificate of the ledger"

say "firmware TPM: the same facts under the draft's other name"
serial ftpm -e 's/^kind = "tpm"$/kind = "firmware-tpm"/' -e 's/^method = "salak"/method = "avocado"/'
bm init ftpm --plan ftpm.toml >/dev/null
bm line run ftpm --units 1 >line.out || die "line run: $(cat line.out)"
equal "$(grep -c GOOD line.out)" 1 "units with a firmware TPM: $(cat line.out)"
expect 0 bm key show ftpm --unit GW-00001 --revision 02
has "avocado"
has "fixedTPM true"

say "the example: the line waits for a device that enrols over EST by itself"
plan est
bm init est --plan est.toml >/dev/null
expect 0 bm line run est --units 1
has "GW-00001 WAIT"
equal "$(bm unit list est --json | jq -r '.[0].state')" started "a unit that waits"
serve est
bm token new est --unit GW-00001 -o line.token 2>/dev/null
BIRTHMARK_ELEMENT=$BIN/birthmark-element "$(dirname "$SELF")/../../examples/gateway/enrol.sh" \
  swtpm:est/devices/GW-00001/tpm "$EST" "$CA" line.token GW-00001 >enrol.out || die "enrol.sh: $(cat enrol.out)"
stop
expect 0 bm line run est --units 1
has "GW-00001 GOOD"
expect 0 bm unit show est GW-00001
has "enrolled over a network"
equal "$(bm cert list est --json | jq -r '.[0].state')" confirmed-locked "the identity at the end of the line"
bm cert show est "$unit" --pem >line.pem
above est
expect 0 openssl verify -x509_strict -CAfile est/public/root.pem -untrusted above.pem line.pem
expect 0 bm key show est --unit GW-00001
has "fixedTPM true"

say "a TPM over EST, step by step"
serve est
# part NAME MAKER: a TPM with its key, what a server must know of it, and a token for its unit
part() {
  element "swtpm:$1.tpm" part --maker "$2" --serial "$1"
  element "swtpm:$1.tpm" make idevid -o "$1.pub"
  element "swtpm:$1.tpm" endorse --ek "$1.ek" --ak "$1.ak"
  bm token new est --unit "$1" -o "$1.token" 2>/dev/null
  printf 'user = "%s"\n' "$(cat "$1.token")" >"$1.curl"
}
# nonce NAME: the server's nonce, which only this TPM reads
nonce() {
  jq -n --arg ek "$(base64 -w0 "$1.ek")" --arg ak "$(base64 -w0 "$1.ak")" \
    '{type: "1.3.6.1.4.1.32473.1.2", reqInfo: {"ek-certificate": $ek, "ak-public": $ak}}' >"$1.asks"
  curl -sf --cacert "$CA" -K "$1.curl" -H 'Content-Type: application/est-attestation-freshness+json' --data-binary "@$1.asks" "$EST/nonce" >"$1.given"
  jq -r .respInfo.credential "$1.given" | base64 -d >"$1.credential"
  rm -f "$1.nonce"
  element "swtpm:$1.tpm" activate --credential "$1.credential" -o "$1.nonce"
}
request() { element "swtpm:$1.tpm" csr idevid --subject "serialNumber=$1,O=Corvid Networks" "${@:2}" -o "$1.csr"; }
# enrol NAME: the HTTP status
enrol() {
  base64 -w0 "$1.csr" >"$1.b64"
  curl -s -o "$1.p7" -w '%{http_code}' --cacert "$CA" -K "$1.curl" -H 'Content-Type: application/pkcs10' --data-binary "@$1.b64" "$EST/simpleenroll" || true
}
curl -sf --cacert "$CA" "$EST/cacerts" | openssl base64 -d -A | openssl pkcs7 -inform DER -print_certs 2>/dev/null >above.pem
part GW-00002 est/parts-maker
nonce GW-00002
request GW-00002 --nonce GW-00002.nonce
openssl req -inform DER -in GW-00002.csr -noout -verify >req.txt 2>&1 || die "openssl req: $(cat req.txt)"
equal "$(enrol GW-00002)" 200 "a TPM's request: $(cat GW-00002.p7)"
openssl base64 -d -in GW-00002.p7 -A | openssl pkcs7 -inform DER -print_certs 2>/dev/null | openssl x509 -out GW-00002.pem
expect 0 openssl verify -CAfile est/public/root.pem -untrusted above.pem GW-00002.pem
openssl x509 -in GW-00002.pem -noout -pubkey | cmp - GW-00002.pub || die "the certificate is for another key"
openssl x509 -in GW-00002.pem -outform DER -out GW-00002.der
element swtpm:GW-00002.tpm store idevid --certificate GW-00002.der
element swtpm:GW-00002.tpm read idevid -o back.der
cmp back.der GW-00002.der || die "the TPM does not keep its certificate"

say "refused over EST: a stale nonce, another maker, no evidence"
part GW-00003 est/parts-maker
cp GW-00002.nonce stale.nonce
request GW-00003 --nonce stale.nonce
equal "$(enrol GW-00003)" 403 "a stale nonce"
request GW-00003
equal "$(enrol GW-00003)" 403 "a request without evidence"
nonce GW-00003
request GW-00003 --nonce GW-00003.nonce
equal "$(enrol GW-00003)" 200 "the same TPM with a fresh nonce: $(cat GW-00003.p7)"
part GW-00004 stranger
nonce GW-00004
request GW-00004 --nonce GW-00004.nonce
equal "$(enrol GW-00004)" 403 "a maker that nobody pinned"

modules=$(openssl version -m)
modules=${modules#*\"}
if [ -e "${modules%\"*}/tpm2.so" ]; then
  say "a TPM over CMP: openssl signs with the TPM's key, the evidence stands in the CRMF template"
  # cmp NAME NONCE: the exit status of openssl cmp
  cmp_tpm() {
    local status=0
    cut -d: -f1 "$1.token" | tr -d '\n' >"$1.ref"
    cut -d: -f2 "$1.token" | tr -d '\n' >"$1.secret"
    element "swtpm:$1.tpm" attest idevid --nonce "$2" -o "$1.bundle"
    printf '[evidence]\n1.2.840.113549.1.9.16.2.59 = DER:%s\n' "$(od -An -v -tx1 "$1.bundle" | tr -d ' \n')" >"$1.cnf"
    powered "$1.tpm"
    openssl cmp -config "$1.cnf" -provider tpm2 -provider default -server "$CMP" -ignore_keyusage -cmd ir -ref "$(cat "$1.ref")" \
      -secret "file:$1.secret" -newkey handle:0x81000200 -subject "/O=Corvid Networks/serialNumber=$1" -reqexts evidence \
      -certout "$1.cmp.pem" >cmp.log 2>&1 || status=$?
    unplug
    return "$status"
  }
  part GW-00005 est/parts-maker
  # The desk behind all protocols is one: the nonce that EST gave for a token is that token's over CMP too.
  nonce GW-00005
  cmp_tpm GW-00005 GW-00005.nonce || die "openssl cmp with evidence: $(cat cmp.log)"
  openssl x509 -in GW-00005.cmp.pem -noout -pubkey | cmp - GW-00005.pub || die "the certificate over CMP is for another key"
  expect 0 openssl verify -CAfile est/public/root.pem -untrusted above.pem GW-00005.cmp.pem
  openssl x509 -in GW-00005.cmp.pem -noout -ext certificatePolicies | grep -q '2.23.133.11.1.2' || die "the certificate does not say what was proved"
  part GW-00006 est/parts-maker
  head -c 32 /dev/urandom >made-up.nonce
  ! cmp_tpm GW-00006 made-up.nonce || die "evidence that nothing binds to a TPM was taken over CMP"
  ! cmp_tpm GW-00006 GW-00005.nonce || die "another's nonce was taken over CMP"
else
  say "CMP with a TPM's key did not run: openssl has no tpm2 provider here"
fi
stop
if [ -e GW-00005.cmp.pem ]; then
  grep -q 'attest.not-bound' serve.log || die "the log does not say that nothing binds the key: $(cat serve.log)"
  expect 0 bm key show est --unit GW-00005
  has "fresh true"
fi
grep -q 'attest.nonce' serve.log && grep -q 'attest.unknown-root' serve.log || die "the log does not say why: $(cat serve.log)"
plan forbid -e 's/^attestation = .*/attestation = "forbidden"/' -e '/^vendor-roots/d'
bm init forbid --plan forbid.toml >/dev/null
serve forbid
bm token new forbid --unit GW-00002 -o GW-00002.token 2>/dev/null
printf 'user = "%s"\n' "$(cat GW-00002.token)" >GW-00002.curl
equal "$(enrol GW-00002)" 403 "evidence where it is forbidden"
request GW-00002
equal "$(enrol GW-00002)" 200 "the same without evidence"
stop

say "refused over the console: a maker that nobody pinned"
serial unknown -e "s|^vendor-roots = .*|vendor-roots = [\"$PWD/stranger/root.pem\"]|"
bm init unknown --plan unknown.toml >/dev/null
bm line run unknown --units 1 >line.out 2>&1 || true
grep -q SCRAP line.out && grep -q 'pinned roots' line.out || die "an unknown maker was taken: $(cat line.out)"
equal "$(bm cert list unknown --json | jq length)" 0 "certificates for a part of an unknown maker"
echo "salak: all as it should be"
