#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Network-transferred, on the real server with clients that nobody here wrote: curl and strongSwan's
# pki over EST, openssl over CMP, strongSwan's pki over SCEP, libcoap's client over EST-coaps; keys
# made by the device (avocado) and keys made for it (bamboo).
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"

serve() { # WS [options…]: starts the server, waits until it is ready, sets HTTPS, HTTP, COAPS
  local ws=$1
  shift
  rm -f ready.json
  "$BIN/birthmark" serve "$ws" --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log "$@" >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do
    [ -s ready.json ] && break
    kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
    sleep 0.05
  done
  url() { jq -r --arg w "$1" '[.endpoints[] | select(.what == $w)][0].url' ready.json; }
  EST=$(url EST) CMP=$(url CMP) SCEP=$(url SCEP) COAPS=$(url EST-coaps) METRICS=$(url metrics)
  CA=$ws/public/operations-root.pem ROOT=$ws/public/root.pem
}
stop() {
  kill -TERM "$SERVER"
  wait "$SERVER" || die "the server did not end well"
}
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
# csr NAME SERIAL: a key of the device's own and a request in DER and in base64
csr() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/O=$MAKER/serialNumber=$2" -outform DER -out "$1.csr" 2>/dev/null
  base64 -w0 "$1.csr" >"$1.b64"
}
# token NAME [options…]: NAME.token, and the same as files that keep the secret off argument lists
token() {
  bm token new "$WS" -o "$1.token" "${@:2}" 2>/dev/null
  printf 'user = "%s"\n' "$(cat "$1.token")" >"$1.curl"
  cut -d: -f1 "$1.token" | tr -d '\n' >"$1.ref"
  cut -d: -f2 "$1.token" | tr -d '\n' >"$1.secret"
}
certs() { openssl base64 -d -in "$1" -A | openssl pkcs7 -inform DER -print_certs 2>/dev/null; }
# chain_ok CERT SERIAL: leads to the identity root and names the unit
chain_ok() {
  openssl verify -CAfile "$ROOT" -untrusted above.pem "$1" >/dev/null || die "$1 does not lead to the root"
  openssl x509 -in "$1" -noout -subject | grep -q "serialNumber = $2" || die "$1 is not of $2"
}
est() { curl -sf --cacert "$CA" -H 'Content-Type: application/pkcs10' "$@"; }
# status URL… : the HTTP status alone
status() { curl -s -o refused.txt -w '%{http_code}' --cacert "$CA" -H 'Content-Type: application/pkcs10' "$@" || true; }
# state CERT: what the registry says of it
state() { bm cert show "$WS" "$(openssl x509 -in "$1" -noout -serial | cut -d= -f2 | tr A-F a-f)" --json | jq -r .state; }
cmp() { openssl cmp -server "$CMP" -ignore_keyusage "$@" >cmp.log 2>&1; }
coap() { timeout 20 coap-client-openssl -C "$CA" -c "$1.pem" -j "$1.key" -B 10 "${@:2}"; }

# plan EXAMPLE: the example with its identity over the network
plan() {
  bm plan new --like "$1" -o "$1.toml" >/dev/null
  sed -i 's/^transfer = "mechanically-.*"/transfer = "network-transferred"/' "$1.toml"
}

say "avocado over the network"
plan bmc
bm init bmc --plan bmc.toml >/dev/null
WS=bmc MAKER=Acme
serve bmc

say "EST with curl"
est "$EST/cacerts" -o cacerts.b64
certs cacerts.b64 >above.pem
token one --unit BMC-0001
csr one BMC-0001
est -K one.curl "$EST/csrattrs" -o attrs.b64
openssl base64 -d -A -in attrs.b64 | openssl asn1parse -inform DER >attrs.txt
grep -q BMC-0001 attrs.txt || die "csrattrs does not push the serial number"
est -K one.curl --data-binary @one.b64 "$EST/simpleenroll" -o one.p7
certs one.p7 >one.pem
chain_ok one.pem BMC-0001
equal "$(state one.pem)" issued "the identity"
# A lost reply, a stolen token, no credential, a second key.
est -K one.curl --data-binary @one.b64 "$EST/simpleenroll" -o again.p7
equal "$(sha256sum <again.p7)" "$(sha256sum <one.p7)" "a retry"
csr evil BMC-0002
equal "$(status -K one.curl --data-binary @evil.b64 "$EST/simpleenroll")" 403 "a token of another unit"
equal "$(status --data-binary @evil.b64 "$EST/simpleenroll")" 401 "no credential"
csr second BMC-0001
equal "$(status -K one.curl --data-binary @second.b64 "$EST/simpleenroll")" 403 "a second key"
# The device renews with its own certificate, and with none that was replaced.
csr renew BMC-0001
est --cert one.pem --key one.key --data-binary @renew.b64 "$EST/simplereenroll" -o renew.p7
certs renew.p7 >renew.pem
chain_ok renew.pem BMC-0001
equal "$(state one.pem)" superseded "the replaced identity"
[ "$(status --cert one.pem --key one.key --data-binary @second.b64 "$EST/simplereenroll")" != 200 ] ||
  die "a replaced certificate still renews"

say "EST with strongSwan"
HOST=${EST%%/.well-known*}
pki --estca --url "$HOST" --cacert "$CA" --caout estca.pem --outform pem --force >estca.log 2>&1 || die "pki --estca: $(cat estca.log)"
token two --unit BMC-0002
csr two BMC-0002
printf -- '--userpass %s\n' "$(cat two.token)" >two.options
pki --est --url "$HOST/ridgeback-s1" --in two.csr --cacert "$CA" --cacert "$ROOT" --outform pem --options two.options >two.pem 2>est.log ||
  die "pki --est: $(cat est.log)"
chain_ok two.pem BMC-0002

say "CMP with openssl: shared secret"
for mode in "" -implicit_confirm; do
  name=cmp$mode serial=BMC-000$((3 + ${#mode} / 17))
  token "$name" --unit "$serial"
  key "$name"
  cmp -cmd ir -ref "$(cat "$name.ref")" -secret "file:$name.secret" -newkey "$name.key" -subject "/O=$MAKER/serialNumber=$serial" \
    $mode -certout "$name.pem" || die "openssl cmp ir $mode: $(cat cmp.log)"
  chain_ok "$name.pem" "$serial"
done
equal "$(state cmp.pem)" installed "a confirmed identity"
equal "$(state cmp-implicit_confirm.pem)" issued "an identity that nobody confirmed"
token p10 --unit BMC-0005
csr p10 BMC-0005
cmp -cmd p10cr -ref "$(cat p10.ref)" -secret file:p10.secret -csr p10.csr -certout p10.pem || die "openssl cmp p10cr: $(cat cmp.log)"
chain_ok p10.pem BMC-0005
printf 'not the secret' >wrong.secret
! cmp -cmd ir -ref "$(cat p10.ref)" -secret file:wrong.secret -newkey p10.key -subject "/O=$MAKER/serialNumber=BMC-0006" -certout no.pem ||
  die "a wrong secret was taken"

say "CMP with openssl: certificates"
key kur
cmp -cmd kur -cert p10.pem -key p10.key -trusted "$ROOT" -newkey kur.key -oldcert p10.pem -certout kur.pem || die "openssl cmp kur: $(cat cmp.log)"
chain_ok kur.pem BMC-0005
equal "$(state p10.pem)" superseded "the updated identity"
! cmp -cmd rr -cert kur.pem -key kur.key -trusted "$ROOT" -oldcert cmp.pem -revreason 1 || die "another's certificate was revoked"
equal "$(state cmp.pem)" installed "another's identity"
cmp -cmd rr -cert kur.pem -key kur.key -trusted "$ROOT" -oldcert kur.pem -revreason 1 || die "openssl cmp rr: $(cat cmp.log)"
equal "$(state kur.pem)" revoked "the revoked identity"
cmp -cmd genm -cert cmp.pem -key cmp.key -trusted "$ROOT" -infotype caCerts || die "openssl cmp genm: $(cat cmp.log)"

say "EST-coaps with libcoap"
C=${COAPS#coaps://localhost}
C=coaps://127.0.0.1$C
coap renew -m get -A 281 -b 128 -o crts.p7 "$C/crts" || die "crts"
openssl pkcs7 -inform DER -in crts.p7 -print_certs 2>/dev/null | grep -q "BEGIN CERT" || die "crts holds no certificate"
csr sren BMC-0001
coap renew -m post -t 286 -A 287 -b 128 -f sren.csr -o sren.der "$C/sren" || die "sren"
openssl x509 -inform DER -in sren.der -out sren.pem 2>/dev/null || die "sren gave no certificate: $(head -c 200 sren.der)"
chain_ok sren.pem BMC-0001
equal "$(state sren.pem)" issued "the identity renewed over EST-coaps"

curl -sf "$METRICS" >metrics.txt
grep -q '^birthmark_enrolments_granted [1-9]' metrics.txt || die "metrics: $(head -c 300 metrics.txt)"
stop
for secret in *.secret; do
  ! grep -qF "$(cat "$secret")" serve.log || die "a secret is in the log"
done
bm ledger verify bmc >/dev/null || die "the ledger does not verify"

say "avocado over SCEP with strongSwan (RSA)"
sed -e '/^slot = "idevid"/,/^$/s/ecdsa-p256/rsa-2048/' bmc.toml >rsa.toml
bm init rsa --plan rsa.toml >/dev/null
WS=rsa MAKER=Acme
serve rsa
est "$EST/cacerts" -o cacerts.b64
certs cacerts.b64 >above.pem
pki --scepca --url "$SCEP" --caout ca --outform pem --force >scepca.log 2>&1 || die "pki --scepca: $(cat scepca.log)"
token scep --unit BMC-0001
openssl genrsa -out scep.key 2048 2>/dev/null
printf -- '--password %s\n' "$(cat scep.token)" >scep.options
scep() { # KEY OUT [options…]
  pki --scep --url "$SCEP" --in "$1" --cacert-enc ca-ra.pem --cacert-sig ca-ra.pem --cacert ca-1.pem --cacert ca.pem \
    --outform pem "${@:3}" >"$2" 2>scep.log
}
scep scep.key scep.pem --dn "O=$MAKER, serialNumber=BMC-0001" --options scep.options || die "pki --scep: $(cat scep.log)"
chain_ok scep.pem BMC-0001
openssl genrsa -out next.key 2048 2>/dev/null
scep next.key next.pem --dn "O=$MAKER, serialNumber=BMC-0001" --cert scep.pem --key scep.key || die "pki --scep, renewal: $(cat scep.log)"
chain_ok next.pem BMC-0001
equal "$(state scep.pem)" superseded "the identity renewed over SCEP"
printf -- '--password %s\n' "wrong:secret" >wrong.options
openssl genrsa -out wrong.key 2048 2>/dev/null
! scep wrong.key wrong.pem --dn "O=$MAKER, serialNumber=BMC-0002" --options wrong.options || die "a wrong challenge was taken"
stop

say "bamboo over the network"
plan bulb
bm init bulb --plan bulb.toml >/dev/null
WS=bulb MAKER="Lumo Lighting"
serve bulb
est "$EST/cacerts" -o cacerts.b64
certs cacerts.b64 >above.pem
token skg --unit LUMO-000001
csr skg LUMO-000001
est -K skg.curl --data-binary @skg.b64 "$EST/serverkeygen" -o skg.mime
grep -q 'application/pkcs8' skg.mime && grep -q 'application/pkcs7-mime' skg.mime || die "serverkeygen: $(head -c 300 skg.mime)"
part() { # TYPE: the base64 of one part of the multipart answer
  tr -d '\r' <skg.mime | awk -v t="$1" '/^--/ {on = 0} /^Content-Type/ {on = index($0, t)} on && NF && !/^Content/' | tr -d '\n'
}
part pkcs8 | openssl base64 -d -A | openssl pkey -inform DER -out skg.made.key 2>/dev/null || die "serverkeygen gave no key"
part pkcs7-mime >skg.p7
certs skg.p7 >skg.pem
chain_ok skg.pem LUMO-000001
bm unit show bulb LUMO-000001 >skg.life || die "unit show"
grep -q "memory wiped when the reply was sent" skg.life || die "the end of the key is not recorded: $(cat skg.life)"
equal "$(openssl pkey -in skg.made.key -pubout)" "$(openssl x509 -in skg.pem -noout -pubkey)" "the key and its certificate"
csr own LUMO-000002
token own --unit LUMO-000002
equal "$(status -K own.curl --data-binary @own.b64 "${EST/https/http}/serverkeygen")" 000 "a key over HTTP"

if OPENSSL35=$("$(dirname "$SELF")/../support/trixie_openssl.sh" "${BIRTHMARK_TRIXIE:-$WORK/trixie}"); then
  say "CMP central key generation with openssl 3.5"
  token central --unit LUMO-000003
  "$OPENSSL35" cmp -server "$CMP" -cmd ir -centralkeygen -profile idevid-bare-key -newkeyout central.key -ref "$(cat central.ref)" -secret file:central.secret \
    -subject "/O=$MAKER/serialNumber=LUMO-000003" -certout central.pem -trusted "$ROOT" >cmp.log 2>&1 || die "central key generation: $(cat cmp.log)"
  chain_ok central.pem LUMO-000003
  equal "$("$OPENSSL35" pkey -in central.key -pubout)" "$(openssl x509 -in central.pem -noout -pubkey)" "the key and its certificate"
else
  say "CMP central key generation did not run: $OPENSSL35"
fi
stop
