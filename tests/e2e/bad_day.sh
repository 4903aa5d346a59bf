#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bad day is one command each, over units of ours and over those that `openssl ca` made before.
. "$(dirname "$0")/lib.sh"

born bulb 4
say "units and certificates are found by station, authority, product and period"
equal "$(bm unit list bulb --station burner --json | jq length)" 4 "units that were at the burner"
equal "$(bm unit list bulb --station burner --since 2100-01-01 --json | jq length)" 0 "units of a later day"
equal "$(bm unit list bulb --ca identity-2.1 --json | jq length)" 4 "units of the subordinate"
equal "$(bm cert list bulb --station burner --product lumo-a19 --json | jq length)" 4 "certificates of the burner"
equal "$(bm cert list bulb --ca identity-2.1 --until 2020-01-01 --json | jq length)" 0 "certificates of before"
expect 2 bm cert list bulb --since yesterday
has cli.time

say "a dry run shows what it would touch; a hold is taken back, a revocation is not"
expect 2 bm cert revoke bulb --reason keyCompromise
has cert.which
expect 2 bm cert revoke bulb --ca identity-2.1
has cert.reason
expect 0 bm cert revoke bulb --ca identity-2.1 --hold --dry-run
has "4 put on hold"
has "nothing was changed"
equal "$(bm cert list bulb --state held --json | jq length)" 0 "held by a dry run"
expect 0 bm cert revoke bulb --station burner --since 2020-01-01 --hold
equal "$(bm cert list bulb --state held --json | jq length)" 4 "held"
expect 0 bm cert revoke bulb --product lumo-a19 --unhold
equal "$(bm cert list bulb --state confirmed-locked --json | jq length)" 4 "back from the hold"
serial=$(bm cert list bulb --unit LUMO-000002 --json | jq -r '.[0].serial')
expect 0 bm cert revoke bulb "$serial" --reason keyCompromise
expect 0 bm cert revoke bulb "$serial" --unhold
has "0 taken off hold"
equal "$(bm cert list bulb --state revoked --json | jq -r '.[0].unit')" lumo-a19/LUMO-000002 "revoked"
clerk=$(bm credential issue bulb --role operator --json | jq -r .pseudonym)
expect 1 bm cert revoke bulb --unit LUMO-000001 --reason superseded --as "$clerk"
has credential.role

say "scrap decides on the identity; a sealed unit takes an override"
expect 0 bm unit scrap bulb LUMO-000003 --reason "cracked"
equal "$(bm cert list bulb --unit LUMO-000003 --json | jq -r '.[0].state')" revoked "the scrapped unit's identity"
expect 1 bm unit rework bulb LUMO-000004 --reason "flickers"
has unit.sealed
expect 0 bm unit rework bulb LUMO-000004 --reason "flickers" --override
expect 0 bm line run bulb --units 1
has "LUMO-000004 GOOD"
expect 1 bm unit correct bulb LUMO-000001 LUMO-000009 --reason "wrong label"
has unit.ended

say "what openssl ca made comes in, declared only"
mkdir -p demo/newcerts
touch demo/index.txt
echo 1000 >demo/serial
cat >demo/ca.cnf <<'CNF'
[ca]
default_ca = demo
[demo]
dir = demo
database = demo/index.txt
new_certs_dir = demo/newcerts
serial = demo/serial
default_md = sha256
policy = any
default_days = 365
unique_subject = no
[any]
organizationName = optional
commonName = supplied
CNF
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout demo/ca.key -out demo/ca.pem \
  -subj "/CN=Old CA" -days 3650 2>/dev/null
for i in 1 2 3; do
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "demo/$i.key" -out "demo/$i.csr" \
    -subj "/O=Lumo Lighting/CN=OLD-$i" 2>/dev/null
  openssl ca -batch -config demo/ca.cnf -cert demo/ca.pem -keyfile demo/ca.key -in "demo/$i.csr" -notext 2>/dev/null >/dev/null
done
openssl ca -config demo/ca.cnf -cert demo/ca.pem -keyfile demo/ca.key -revoke demo/newcerts/1001.pem \
  -crl_reason keyCompromise 2>/dev/null
# A key of a copied flash: the same key for another unit.
openssl req -new -key demo/1.key -out demo/4.csr -subj "/O=Lumo Lighting/CN=OLD-4" 2>/dev/null
openssl ca -batch -config demo/ca.cnf -cert demo/ca.pem -keyfile demo/ca.key -in demo/4.csr -notext 2>/dev/null >/dev/null
rm demo/newcerts/1002.pem
expect 1 bm unit adopt bulb demo/index.txt
has "1 valid, 1 revoked"
has adopt.no-certificate
has adopt.duplicate-key
equal "$(bm cert list bulb --unit OLD-1 --json | jq -r '.[0].method')" adopted "OLD-1"
equal "$(bm cert list bulb --unit OLD-2 --json | jq -r '.[0].state')" revoked "OLD-2"
expect 0 bm cert show bulb OLD-1
has "declared only"
expect 0 bm answer bulb --json
lacks OLD-1

say "certificates go out for a cloud, keys never"
expect 0 bm unit export bulb --format ndjson -o devices.ndjson
equal "$(wc -l <devices.ndjson)" 3 "devices: two live ones of ours, one adopted"
jq -r .Certificate devices.ndjson | openssl x509 -noout -subject >/dev/null
! grep -q PRIVATE devices.ndjson || die "a private key went out"
expect 2 bm unit export bulb --format csv-nrf
expect 0 bm unit export bulb --format csv-nrf -o devices.csv

say "and the night still closes"
expect 0 bm reconcile bulb
has "closes to zero"
expect 0 bm ledger verify bulb
echo "bad day: over"
