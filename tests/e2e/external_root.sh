#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A company that has a root already: openssl signs the request for level 2, and the line runs under it.
. "$(dirname "$0")/lib.sh"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout root.key -out root.pem -days 9000 \
  -subj "/O=Acme/CN=Acme Old Root" -addext "basicConstraints=critical,CA:TRUE" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
bm plan new --like bmc -o bmc.toml >/dev/null
expect 0 bm init ws --plan bmc.toml --root-cert root.pem
has "has to be signed by your root"
expect 1 bm line run ws --units 1
has "desk.no-authority"
expect 1 bm status ws
has "status.waiting"
request=ws/requests/identity-2.1.request
expect 0 openssl req -in "$request" -noout -verify

say "another root's answer is refused"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 9000 \
  -subj "/O=Acme/CN=Acme Old Root" 2>/dev/null
openssl x509 -req -in "$request" -CA other.pem -CAkey other.key -copy_extensions copyall -days 8000 -out wrong.pem 2>/dev/null
expect 1 bm request import ws wrong.pem

openssl x509 -req -in "$request" -CA root.pem -CAkey root.key -copy_extensions copyall -days 8000 -out signed.pem 2>/dev/null
expect 0 bm request import ws signed.pem
expect 0 bm line run ws --units 1
has "1 good"
bm cert show ws BMC-0001 --pem >device.pem
bm ca show ws identity-2.1 --json | jq -r .certificate >sub.pem
expect 0 openssl verify -CAfile root.pem -untrusted sub.pem device.pem
expect 1 bm request import ws signed.pem
has "request.nothing-waiting"
expect 0 bm ledger verify ws
echo "external root: signed by openssl, used by the line"
