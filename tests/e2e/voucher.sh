#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Onboarding with other people's tools: a device asks, a registrar made of openssl and curl passes it
# on, the MASA answers, the device believes it and keeps its owner; refusals by name; the audit log;
# and from the device's certificate alone to its maker's disclosure.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
trap 'kill ${SERVER:-} ${DEVICE:-} ${EST:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

HOST=mud.acme.example
start() {
  "$BIN/birthmark" serve ws --masa --name $HOST --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do
    [ -s ready.json ] && break
    kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
    sleep 0.05
  done
  MASA=$(jq -r '[.endpoints[] | select(.what == "MASA")][0].url' ready.json)
  PORT=$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$MASA")
}
# ask FILE TYPE WHAT OUT: posts to the MASA; the status is in $STATUS
ask() {
  STATUS=$(curl -s --cacert ws/public/operations-root.pem --resolve "$HOST:$PORT:127.0.0.1" -H "Content-Type: $2" --data-binary "@$1" -o "$4" -w '%{http_code}' "$MASA/$3")
}
# refused CODE FILE TYPE: the MASA says no, and says which no
refused() {
  ask "$2" "$3" requestvoucher no.json
  [ "$STATUS" -ge 400 ] || die "$2 got $STATUS"
  equal "$(jq -r .error no.json)" "$1" "why $2 was refused ($(cat no.json))"
}
device() { # SERIAL [OPTION…]: switches it on; its console is $TTY
  "$BIN/birthmark-device" --board bmc --state "ws/devices/$1" --lifetime-seconds 120 "${@:2}" <&7 >device.out &
  DEVICE=$!
  for _ in $(seq 3000); do
    [ -s device.out ] && break
    sleep 0.05
  done
  TTY=serial:$(sed 's/.*console=\([^ ]*\).*/\1/' device.out)
}
off() {
  kill "$DEVICE"
  wait "$DEVICE" 2>/dev/null || true
}
cms=application/voucher-cms+json cose=application/voucher+cose
mkfifo hold
exec 7<>hold

say "a workspace, a unit, two domains"
born bmc 2
mv bmc ws && mv bmc.offline ws.offline
bm disclose ws -o out.birthmark >/dev/null
bm mud export ws >/dev/null
masa=$(bm ca list ws --json | jq -r '[.[] | select(.ca | startswith("masa-pki"))][0].ca')
bm ca show ws "$masa" --json | jq -r .certificate >masa.pem
for d in domain other; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $d.key -out $d.pem -days 30 -subj "/O=$d/CN=$d CA" 2>/dev/null
  for who in registrar plain; do
    eku=1.3.6.1.5.5.7.3.28,clientAuth
    [ $who = plain ] && eku=clientAuth
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $d-$who.key -subj "/O=$d/CN=$who" 2>/dev/null |
      openssl x509 -req -CA $d.pem -CAkey $d.key -days 20 -out $d-$who.pem -extfile <(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid' "$eku") 2>/dev/null
  done
done
start
device BMC-0001

say "the device asks, openssl is the registrar, the MASA answers in CMS"
expect 0 bm voucher request --device "$TTY" --registrar-cert domain-registrar.pem -o pledge.vch
has "asks for BMC-0001"
said() { bm voucher verify "$1" --anchor ws/public/root.pem --json | jq -r .voucher.nonce; }
registrar() { # NAME WHO PLEDGE: NAME.vcj, a request as RFC 8995 draws it
  jq -nc --arg n "$(said "$3")" --arg p "$(base64 -w0 "$3")" '{"ietf-voucher-request:voucher": {"assertion": "proximity", "created-on": "2026-01-01T00:00:00Z", "serial-number": "BMC-0001", "nonce": $n, "prior-signed-voucher-request": $p}}' >"$1.json"
  openssl cms -sign -in "$1.json" -nodetach -binary -signer "$2.pem" -inkey "$2.key" -certfile "${2%-*}.pem" -econtent_type 1.2.840.113549.1.9.16.1.40 -outform DER -out "$1.vcj"
}
nonce=$(said pledge.vch)
registrar first domain-registrar pledge.vch
ask first.vcj $cms requestvoucher voucher.vcj
equal "$STATUS" 200 "$(cat voucher.vcj)"
openssl cms -verify -inform DER -in voucher.vcj -CAfile masa.pem -purpose any -out voucher.json 2>cms.log || die "$(cat cms.log)"
equal "$(jq -r '.["ietf-voucher:voucher"] | .["serial-number"] + " " + .assertion + " " + .nonce' voucher.json)" "BMC-0001 proximity $nonce" "the voucher"
jq -r '.["ietf-voucher:voucher"]["pinned-domain-cert"]' voucher.json | base64 -d | cmp - <(openssl x509 -in domain.pem -outform DER) || die "another domain is pinned"
expect 0 bm voucher verify voucher.vcj --anchor masa.pem --serial BMC-0001 --nonce "$nonce"
has "it holds under the anchor"
expect 1 bm voucher verify voucher.vcj --anchor masa.pem --serial BMC-0002
has "voucher.serial"
expect 1 bm voucher verify voucher.vcj --anchor domain.pem
has "voucher.unknown-masa"
expect 1 bm voucher verify voucher.vcj --anchor masa.pem --nonce 00112233445566778899
has "voucher.nonce"
expect 1 bm voucher verify voucher.vcj --anchor masa.pem --time 2099-01-01T00:00:00Z
has "voucher.certificate-date"

say "refused by name"
refused voucher.replayed first.vcj $cms
registrar plain domain-plain pledge.vch
refused voucher.registrar-eku plain.vcj $cms
bm voucher request --device "$TTY" --registrar-cert domain-registrar.pem -o pledge.vch >/dev/null
registrar near other-registrar pledge.vch
refused voucher.proximity near.vcj $cms
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout fake.key -out fake.pem -days 3 -subj "/serialNumber=BMC-0001" 2>/dev/null
for f in "BMC-0001 voucher.other-maker" "BMC-9999 voucher.other-maker"; do
  bm voucher request --key fake.key --cert fake.pem --serial "${f% *}" --registrar-cert domain-registrar.pem -o fake.vrq >/dev/null
  bm voucher request --prior fake.vrq --key domain-registrar.key --cert domain-registrar.pem,domain.pem -o fake-reg.vrq >/dev/null
  refused "${f#* }" fake-reg.vrq $cms
done
head -c 300 first.vcj >cut.vcj
refused voucher.cms cut.vcj $cms
ask first.vcj text/plain requestvoucher no.txt
equal "$STATUS" 415 "another media type"

say "the device believes a COSE voucher, once, and keeps its owner"
expect 1 bm voucher owner --device "$TTY"
bm voucher request --device "$TTY" --registrar-cert domain-registrar.pem -o pledge.vch >/dev/null
bm voucher request --prior pledge.vch --key domain-registrar.key --cert domain-registrar.pem,domain.pem -o second.vch >/dev/null
ask second.vch $cose requestvoucher voucher.vch
equal "$STATUS" 200 "$(cat voucher.vch)"
bm voucher request --key fake.key --cert fake.pem --serial BMC-0002 --no-nonce -o two.vrq >/dev/null
jq -nc '{"ietf-voucher-request:voucher": {"serial-number": "BMC-0002"}}' >two.json
openssl cms -sign -in two.json -nodetach -binary -signer domain-registrar.pem -inkey domain-registrar.key -certfile domain.pem -econtent_type 1.2.840.113549.1.9.16.1.40 -outform DER -out two.vcj
refused voucher.no-pledge two.vcj $cms
expect 0 bm voucher issue ws --request two.vcj --nonceless --form cose -o two.vch
has "logged"
expect 1 bm voucher put two.vch --device "$TTY"
has "refused[serial]"
expect 1 bm voucher put second.vch --device "$TTY"
expect 0 bm voucher put voucher.vch --device "$TTY"
has "accepted, signed at level 2"
expect 1 bm voucher put voucher.vch --device "$TTY"
has "refused[nonce]"
off
device BMC-0001
expect 0 bm voucher owner --device "$TTY"
has "CN=domain CA"
has voucher
expect 1 bm voucher put voucher.vch --device "$TTY"
has "refused[nonce]"

say "its owner's EST server: TLS of the device's own, with openssl s_server; the next owner's certificate"
mkdir -p www/.well-known/est
{
  printf 'HTTP/1.0 200 OK\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\n\r\n'
  openssl crl2pkcs7 -nocrl -certfile other.pem -outform DER | base64
} >www/.well-known/est/cacerts
est() { # DOMAIN NAME: its EST server under that host name, for one session; its port is $EST_PORT
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout est.key -subj "/CN=EST" 2>/dev/null |
    openssl x509 -req -CA "$1.pem" -CAkey "$1.key" -days 2 -out est.pem -extfile <(printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:%s' "$2") 2>/dev/null
  rm -f est.out
  (cd www && exec timeout 60 openssl s_server -accept 127.0.0.1:0 -naccept 1 -cert ../est.pem -key ../est.key -HTTP >../est.out 2>&1) &
  EST=$!
  for _ in $(seq 3000); do
    grep -q '^ACCEPT ' est.out 2>/dev/null && break
    sleep 0.05
  done
  EST_PORT=$(sed -n 's/^ACCEPT .*://p' est.out | head -1)
}
fetch() { bm voucher owner --device "$TTY" --est https://est.domain.example --connect "127.0.0.1:$EST_PORT"; }
for wrong in "other est.domain.example chain" "domain elsewhere.example host"; do
  read -r who name why <<<"$wrong"
  est "$who" "$name"
  expect 1 fetch
  has "refused[$why]"
  wait "$EST" || true
done
est domain est.domain.example
expect 0 fetch
has "accepted, 1 certificate, from a server at level 2"
wait "$EST" || true
est domain est.domain.example
expect 1 fetch
has "refused[chain]"
wait "$EST" || true
off
device BMC-0001
expect 0 bm voucher owner --device "$TTY"
has "CN=other CA"
has est-cacerts

say "the audit log, and who owns what"
ask second.vch $cose requestauditlog log.json
equal "$STATUS $(jq -r '[.version, (.events | length), .events[0].assertion] | join(" ")' log.json)" "200 1 2 proximity" "the audit log"
equal "$(jq -r '.events[1].nonce' log.json)" "$nonce" "the first nonce"
bm voucher request --device "$TTY" --registrar-cert other-registrar.pem -o pledge.vch >/dev/null
bm voucher request --prior pledge.vch --key other-registrar.key --cert other-registrar.pem,other.pem -o theirs.vch >/dev/null
ask theirs.vch $cose requestauditlog no.json
equal "$STATUS $(jq -r .error no.json)" "404 voucher.not-owner" "a stranger asks for the log"
bm voucher request --device "$TTY" --registrar-cert domain-registrar.pem -o pledge2.vch >/dev/null
bm voucher request --prior pledge2.vch --key domain-registrar.key --cert domain-registrar.pem,domain.pem -o mine.vch >/dev/null
expect 0 bm voucher issue ws --request mine.vch --claim -o mine.voucher
has verified
refused voucher.owned theirs.vch $cose
expect 0 bm voucher issue ws --request theirs.vch --transfer -o theirs.voucher
equal "$(bm voucher list ws --json | jq -r '[.[] | select(.unit | endswith("BMC-0001")) | .claim] | join(" ")')" "no no yes no" "vouchers of the unit"
expect 0 bm ledger verify ws
serial=$(bm cert show ws BMC-0001 --pem | openssl x509 -noout -serial | cut -d= -f2 | tr A-F a-f)
bm cert revoke ws "$serial" --reason keyCompromise >/dev/null
bm voucher request --device "$TTY" --registrar-cert domain-registrar.pem -o pledge.vch >/dev/null
bm voucher request --prior pledge.vch --key domain-registrar.key --cert domain-registrar.pem,domain.pem -o late.vch >/dev/null
refused voucher.revoked late.vch $cose

say "from a certificate alone to the disclosure"
bm cert show ws BMC-0002 --pem >two.pem
mkdir fetched
for _ in 1 2 3 4; do
  bm discover two.pem --from fetched --anchor ws/public/disclosure-root.pem --json >way.json || true
  [ "$(jq -r '.fetch | length' way.json)" -gt 0 ] || break
  for url in $(jq -r '.fetch[]' way.json); do
    curl -sf --create-dirs --cacert ws/public/operations-root.pem --connect-to "$HOST:443:127.0.0.1:$PORT" "$url" -o "fetched/${url#https://}" || die "$url: $(tail -1 serve.log)"
  done
done
expect 0 bm discover two.pem --from fetched --anchor ws/public/disclosure-root.pem
has ridgeback-s1
file=fetched/$(jq -r .disclosure_url way.json | sed 's|https://||')
expect 0 reader verify "$file" --anchor ws/public/disclosure-root.pem
mud=fetched/$HOST/ridgeback-s1
openssl cms -verify -inform DER -in $mud.p7s -content $mud.json -binary -CAfile ws/public/disclosure-root.pem -purpose any -out /dev/null 2>cms.log || die "$(cat cms.log)"
sed -i 's/"is-supported": true/"is-supported": false/' $mud.json
expect 1 bm discover two.pem --from fetched --anchor ws/public/disclosure-root.pem
has discovery.mud-signature

say "a reset forgets the owner, if somebody is there"
expect 1 bm voucher owner --device "$TTY" --reset
has "nobody holds the device's button"
expect 0 bm voucher owner --device "$TTY"
off
device BMC-0001 --button
expect 0 bm voucher owner --device "$TTY" --reset
expect 1 bm voucher owner --device "$TTY"
has "no owner"
off
kill -TERM "$SERVER"
wait "$SERVER" || die "the server did not end well"
say "vouchers: all good"
