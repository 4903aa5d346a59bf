#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Revocation as relying parties see it: lists and OCSP checked by openssl, ocsptool and curl; an
# offline root's list and its reserve; a hold taken back; a subordinate that fills up while devices
# enrol; what is refused by name.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

serve() { # WS: starts the server, waits until it is ready
  rm -f ready.json
  "$BIN/birthmark" serve "$1" --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do
    [ -s ready.json ] && break
    kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
    sleep 0.05
  done
  url() { jq -r --arg w "$1" '[.endpoints[] | select(.what == $w)][0].url' ready.json; }
  EST=$(url EST) OCSP=$(url OCSP) CRL=$(url CRL) METRICS=$(url metrics)
  CA=$1/public/operations-root.pem ROOT=$1/public/root.pem
}
stop() {
  kill -TERM "$SERVER"
  wait "$SERVER" || die "the server did not end well"
}
# enrol SERIAL: SERIAL.pem, SERIAL.key and the chain above it in above.pem
enrol() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
  openssl req -new -key "$1.key" -subj "/O=Acme/serialNumber=$1" -outform DER 2>/dev/null | base64 -w0 >"$1.b64"
  curl -sf --cacert "$CA" -K any.curl -H 'Content-Type: application/pkcs10' --data-binary "@$1.b64" "$EST/simpleenroll" -o "$1.p7" ||
    die "$1 was not enrolled: $(tail -3 serve.log)"
  openssl base64 -d -in "$1.p7" -A | openssl pkcs7 -inform DER -print_certs 2>/dev/null >"$1.pem"
}
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2 | tr A-F a-f; }
ca() { bm ca list ws --json | jq -r --arg i "$1" '.[] | select(.ca == $i) | .state'; }
# status CERT ISSUER: what openssl says after asking, the answer's signature checked
status() {
  openssl ocsp "${@:4}" -issuer "$2" -cert "$1" -url "$OCSP/$3" -CAfile "$ROOT" 2>ocsp.log | sed -n "s|^$1: ||p" || true
  grep -q 'Response verify OK' ocsp.log || die "the answer does not verify: $(cat ocsp.log)"
}

say "a plan with lists, answers and successors"
bm plan new --like bmc -o plan.toml >/dev/null
sed -i 's/^transfer = "mechanically-.*"/transfer = "network-transferred"/' plan.toml
sed -i '0,/^max-count = 50000/s||max-count = 6\nsuccessors = 2\ncrl-lifetime = "P7D"\ncrl-url = "http://pki.acme.example/crl/{}.crl"\nocsp-url = "http://pki.acme.example/ocsp/{}"|' plan.toml
sed -i '/^name = "Acme Root R1"/a crl-lifetime = "P30D"\ncrl-reserve = 2\ncrl-url = "http://pki.acme.example/crl/{}.crl"' plan.toml
bm plan check plan.toml >check.out 2>&1 || die "$(cat check.out)"
bm init ws --plan plan.toml >/dev/null
expect 0 bm ca rotate ws
has identity-2.2
has identity-2.3
equal "$(ca identity-2.1) $(ca identity-2.2) $(ca identity-2.3)" "active waiting waiting" "turns"
expect 0 bm ca rotate ws
has "enough authorities wait"

say "the offline root signs its list and a reserve, carried as files"
expect 0 bm crl build ws --ca identity-1.1
[ -s ws.offline/in/identity-1.1.crl-request ] || die "no request was carried"
openssl crl -in ws/public/crl/identity-1.1.pem -CAfile ws/public/root.pem -noout 2>crl.log
grep -q 'verify OK' crl.log || die "$(cat crl.log)"
equal "$(bm crl show ws --json | jq -r '.[] | select(.ca == "identity-1.1") | .number + " " + .reserve')" "1 2" "list and reserve"
equal "$(ls ws/crl-reserve | wc -l)" 2 "files of the reserve"
# Where the key is elsewhere the request waits, and its answer is taken in.
mv ws.offline/keys elsewhere
expect 0 bm crl build ws --ca identity-1.1
has "carry ws/requests/identity-1.1.crl-request"
mv elsewhere ws.offline/keys
expect 1 bm request import ws ws.offline/out/identity-1.1.crl-response
has crl.older
expect 0 bm crl build ws --ca identity-1.1
expect 1 bm request import ws ws.offline/out/identity-1.1.crl-response
has crl.older

say "answers by POST and GET"
serve ws
bm token new ws --uses 40 -o any.token 2>/dev/null
printf 'user = "%s"\n' "$(cat any.token)" >any.curl
for n in 1 2 3; do enrol "BMC-000$n"; done
awk '/BEGIN/{n++} n==1' BMC-0001.pem >one.pem
openssl x509 -in one.pem -noout -text >one.txt
grep -q 'http://pki.acme.example/crl/identity-2.1.crl' one.txt || die "no distribution point"
grep -q 'OCSP - URI:http://pki.acme.example/ocsp/identity-2.1' one.txt || die "no OCSP URL"
bm ca show ws identity-2.1 --json | jq -r .certificate >sub.pem
openssl x509 -in sub.pem -noout -text | grep -q 'crl/identity-1.1.crl' || die "the subordinate names no list"
equal "$(status one.pem sub.pem identity-2.1)" good "openssl ocsp"
equal "$(status one.pem sub.pem identity-2.1 -sha256 -no_nonce)" good "openssl ocsp with SHA-256"
ocsptool --ask="$OCSP/identity-2.1" --load-cert one.pem --load-issuer sub.pem --load-trust sub.pem >tool.log 2>&1 || die "$(cat tool.log)"
grep -q 'Verification.*Success\|is not revoked\|Certificate Status: good' tool.log || die "$(cat tool.log)"
openssl ocsp -issuer sub.pem -cert one.pem -no_nonce -reqout one.req 2>/dev/null
path=$(base64 -w0 one.req | sed 's|/|%2F|g; s|+|%2B|g; s|=|%3D|g')
curl -sf -D head.txt "$OCSP/identity-2.1/$path" -o one.resp
openssl ocsp -respin one.resp -issuer sub.pem -cert one.pem -CAfile "$ROOT" -no_nonce 2>/dev/null | grep -q 'one.pem: good' || die "the answer to GET"
grep -qi '^cache-control: max-age=[0-9]*, public' head.txt || die "nothing for caches: $(cat head.txt)"
curl -sf "$OCSP/identity-2.1/$(base64 -w0 one.req)" | cmp - one.resp || die "unescaped base64 gives another answer"
openssl ocsp -issuer sub.pem -serial 0x1234567890 -url "$OCSP/identity-2.1" -CAfile "$ROOT" 2>/dev/null | grep -q unknown || die "a serial number that nobody issued"

say "revoked, and on hold"
bm cert revoke ws "$(serial BMC-0002.pem)" --reason keyCompromise >/dev/null
bm cert revoke ws "$(serial BMC-0003.pem)" --hold >/dev/null
awk '/BEGIN/{n++} n==1' BMC-0002.pem >two.pem
awk '/BEGIN/{n++} n==1' BMC-0003.pem >three.pem
equal "$(status two.pem sub.pem identity-2.1)" revoked "a revoked certificate"
grep -q keyCompromise <(openssl ocsp -issuer sub.pem -cert two.pem -url "$OCSP/identity-2.1" -CAfile "$ROOT" 2>/dev/null) || die "no reason"
equal "$(status three.pem sub.pem identity-2.1)" revoked "a certificate on hold"
bm crl build ws --ca identity-2.1 >/dev/null
curl -sf -D head.txt "$CRL/identity-2.1.crl" -o sub.crl
grep -qi '^content-type: application/pkix-crl' head.txt || die "$(cat head.txt)"
curl -sf "$CRL/identity-1.1.crl" -o root.crl
for f in sub root; do openssl crl -inform DER -in $f.crl -out $f.crl.pem; done
cat sub.pem "$ROOT" >chain.pem
verify() { openssl verify -CAfile "$ROOT" -untrusted sub.pem -CRLfile sub.crl.pem -CRLfile root.crl.pem -crl_check_all "$1" 2>&1 || true; }
verify one.pem | grep -q 'one.pem: OK' || die "a good one: $(verify one.pem)"
verify two.pem | grep -q 'certificate revoked' || die "a revoked one: $(verify two.pem)"
verify three.pem | grep -q 'certificate revoked' || die "one on hold: $(verify three.pem)"
bm cert revoke ws "$(serial BMC-0003.pem)" --unhold >/dev/null
bm crl build ws --ca identity-2.1 >/dev/null
curl -sf "$CRL/identity-2.1.crl" | openssl crl -inform DER -out sub.crl.pem
verify three.pem | grep -q 'three.pem: OK' || die "taken off hold: $(verify three.pem)"
equal "$(status three.pem sub.pem identity-2.1)" good "taken off hold"
expect 0 bm crl show ws/public/crl/identity-2.1.crl
has keyCompromise
curl -sf "$METRICS" | grep -q '^birthmark_crl_next_update_seconds{ca="identity-1.1"}' || die "no countdown"

say "the offline root answers, too: its responder's certificate is carried"
openssl ocsp -issuer "$ROOT" -cert sub.pem -url "$OCSP/identity-1.1" -CAfile "$ROOT" >ocsp.log 2>&1 || true
grep -q 'unauthorized' ocsp.log || die "an answer without a responder: $(cat ocsp.log)"
expect 1 bm request export ws --responder identity-2.1 --to stick
has responder.online
expect 0 bm request export ws --responder identity-1.1 --to stick
has ocsp-identity-1.1-1
expect 0 bm request export ws --responder identity-1.1 --to stick
equal "$(ls stick)" ocsp-identity-1.1-1.request "requests that wait"
expect 0 bm request show stick/ocsp-identity-1.1-1.request
has "an end entity, ocsp-responder"
expect 0 bm request sign stick/ocsp-identity-1.1-1.request --offline ws.offline -o stick/back
expect 0 bm request import ws stick/back --dry-run
expect 0 bm request import ws stick/back
has "ocsp-identity-1.1-1  certified"
expect 1 bm request import ws stick/back
equal "$(status sub.pem "$ROOT" identity-1.1)" good "openssl ocsp about a subordinate"

say "who asks the offline root for lists is known to it"
expect 0 bm request show ws.offline/in/identity-1.1.crl-request
has "asked by    the holder of the key"
sed '/REQUEST SIGNATURE/,$d' ws.offline/in/identity-1.1.crl-request >nobody.crl-request
expect 1 bm request sign nobody.crl-request --offline ws.offline
has request.unsigned
openssl genpkey -algorithm ed25519 -out other.key 2>/dev/null && openssl pkey -in other.key -pubout -out other.pem
cp -a ws.offline strange.offline && rm strange.offline/askers/* && cp other.pem strange.offline/askers/other.pem
expect 1 bm request sign ws.offline/in/identity-1.1.crl-request --offline strange.offline
has request.asker

say "a subordinate fills up while devices enrol"
for four in "4 5 6 7" "8 9 10 11" "12 13 14 15"; do
  clients=()
  for n in $four; do
    enrol "$(printf 'BMC-%04d' "$n")" &
    clients+=($!)
  done
  for client in "${clients[@]}"; do wait "$client" || die "an enrolment failed"; done
done
for n in $(seq 4 15); do [ -s "$(printf 'BMC-%04d.pem' "$n")" ] || die "unit $n got nothing"; done
equal "$(ca identity-2.1) $(ca identity-2.2) $(ca identity-2.3)" "retired retired active" "turns"
for i in 1 2 3; do
  issued=$(bm ca show ws identity-2.$i --json | jq -r .issued)
  [ "$issued" -le 6 ] || die "identity-2.$i issued $issued of 6"
done
bm ca show ws identity-2.3 --json | jq -r .certificate >third.pem
# Of the last four, which came at the same time, one may still be the second's.
led=0
for n in 12 13 14 15; do openssl verify -CAfile "$ROOT" -untrusted third.pem "BMC-00$n.pem" >/dev/null 2>&1 && led=$((led + 1)); done
[ "$led" -ge 3 ] || die "the last ones do not lead to the root"
expect 0 bm ca rotate ws --ahead 1
has identity-2.4
enrol BMC-0016; enrol BMC-0017; enrol BMC-0018; enrol BMC-0019
equal "$(bm unit list ws --json | jq length)" 19 "units"

say "static files for any web server"
expect 0 bm crl build ws --ca identity-2.1 --static cdn
openssl ocsp -respin "cdn/ocsp/identity-2.1/$(base64 -w0 one.req)" -issuer sub.pem -cert one.pem -CAfile "$ROOT" -no_nonce 2>/dev/null |
  grep -q 'one.pem: good' || die "a static answer"
cmp cdn/crl/identity-2.1.crl ws/public/crl/identity-2.1.crl

say "an authority's key is lost: the root's list tells, and its reserve is void"
expect 0 bm ca rotate ws --ca identity-2.1 --compromised
expect 1 bm status ws
has crl.reserve-void
expect 0 bm crl build ws --ca identity-1.1
curl -sf "$CRL/identity-1.1.crl" | openssl crl -inform DER -out root.crl.pem
verify one.pem | grep -q 'certificate revoked' || die "below a revoked authority: $(verify one.pem)"
expect 1 bm ca rotate ws --ca identity-2.1 --retire
has ca.ended

say "bad input is refused by name"
code() { curl -s -o answer.bin -w '%{http_code}' "$@" || true; }
equal "$(code -H 'Content-Type: application/ocsp-request' --data-binary nonsense "$OCSP/identity-2.1")" 200 "nonsense by POST"
equal "$(openssl asn1parse -inform DER -in answer.bin | grep -o 'ENUMERATED *:01')" "$(printf 'ENUMERATED        :01')" "malformedRequest"
equal "$(code -H 'Content-Type: text/plain' --data-binary @one.req "$OCSP/identity-2.1")" 415 "another type"
equal "$(code "$OCSP/identity-2.1/%%%")" 400 "no base64"
code -H 'Content-Type: application/ocsp-request' --data-binary @one.req "$OCSP/identity-2.2" >/dev/null
equal "$(od -An -tx1 answer.bin | tr -d " ")" 30030a0106 "unauthorized, from another authority"
equal "$(code "$CRL/../root.pem")" 404 "another file"
equal "$(code "$CRL/none.crl")" 404 "no such list"
grep -q ocsp.malformed serve.log || die "the log does not say why"
stop
say "a list that somebody else with the authority's key made revokes what nobody here asked for"
cp -a ws stolen && cp -a ws.offline stolen.offline
bm cert revoke stolen "$(serial BMC-0016.pem)" --reason keyCompromise >/dev/null
bm crl build stolen --ca identity-2.3 >/dev/null
expect 0 bm cert seen ws ws/public/crl/identity-2.1.crl
expect 1 bm cert seen ws stolen/public/crl/identity-2.3.crl
has revoked-unasked
expect 1 bm status ws
has status.field-revoked
has "nobody here asked"
alarm=$({ bm status ws --json || true; } | jq -r '.alarms[] | select(.code == "status.field-revoked") | .message' | cut -d' ' -f1 | sed 's/:$//')
expect 0 bm cert explain ws "$alarm" --reason "our own rehearsal of a stolen key"
OUT=$(bm status ws 2>&1 || true)
lacks status.field-revoked

# A list that somebody else made with the authority's key, and an old one put back.
cp ws/public/crl/identity-2.1.crl newest.crl
openssl crl -in sub.crl.pem -outform DER -out ws/public/crl/identity-2.1.crl
expect 1 bm status ws
has crl.older
cp newest.crl ws/public/crl/identity-2.1.crl
head -c 100 newest.crl >cut.crl
expect 1 bm crl show cut.crl
has crl.malformed
bm ledger verify ws >/dev/null || die "the log does not verify"
say "done"
