#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Certificates judged as openssl judges them, the horizon of a workspace, and what status sees of
# the three ways in which a PKI fails.
. "$(dirname "$0")/lib.sh"

say "a PKI of openssl's"
mkdir pki && cd pki
cat >pki.cnf <<'EOF'
[ca]
default_ca = site
[site]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
default_crl_days = 30
policy = any
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
certificatePolicies = 1.3.6.1.4.1.32473.1
[ee]
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:unit.example
certificatePolicies = 1.3.6.1.4.1.32473.1
EOF
: >index.txt
echo 01 >serial
echo 01 >crlnumber
for k in root sub ee other; do openssl ecparam -name prime256v1 -genkey -noout -out $k.key; done
request() { openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"; }
signed() { # NAME BY SECTION SERIAL
  request "$1"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -set_serial "$4" -days 400 \
    -extfile pki.cnf -extensions "$3" -out "$1.pem" 2>/dev/null
}
request root
openssl x509 -req -in root.csr -signkey root.key -days 800 -extfile pki.cnf -extensions root \
  -out root.pem 2>/dev/null
signed sub root sub 2
signed ee sub ee 3
signed other sub ee 4
openssl ca -config pki.cnf -gencrl -keyfile root.key -cert root.pem -out root.crl 2>/dev/null
openssl ca -config pki.cnf -gencrl -keyfile sub.key -cert sub.pem -out empty.crl 2>/dev/null
openssl ca -config pki.cnf -revoke other.pem -keyfile sub.key -cert sub.pem 2>/dev/null
openssl ca -config pki.cnf -gencrl -keyfile sub.key -cert sub.pem -out sub.crl 2>/dev/null
cat root.crl empty.crl >empty-all.crl
cat root.crl sub.crl >all.crl
# The last octet of a signature, changed.
openssl x509 -in ee.pem -outform DER -out forged.der
size=$(stat -c %s forged.der)
last=$(tail -c 1 forged.der | od -An -tu1 | tr -d ' ')
printf "\\$(printf %o $((last ^ 1)))" | dd of=forged.der bs=1 seek=$((size - 1)) conv=notrunc 2>/dev/null
openssl x509 -in forged.der -inform DER -out forged.pem

say "our verdict and openssl's"
both() { # WANTED CERT "OPENSSL OPTIONS" OUR OPTIONS…
  local want=$1 cert=$2 theirs=0
  # shellcheck disable=SC2086
  openssl verify -x509_strict -policy_check -CAfile root.pem -untrusted sub.pem $3 "$cert" >their.out 2>&1 || theirs=1
  shift 3
  equal "$theirs" "$want" "openssl verify of $cert: $(cat their.out)"
  expect "$want" bm chain verify "$cert" --anchor root.pem --untrusted sub.pem "$@"
  expect "$want" reader chain verify "$cert" --anchor root.pem --untrusted sub.pem "$@"
}
both 0 ee.pem ""
both 0 ee.pem "-crl_check_all -CRLfile all.crl" --crl root.crl,sub.crl
both 1 other.pem "-crl_check_all -CRLfile all.crl" --crl root.crl,sub.crl
has "chain.revoked"
has "RFC 5280 section 6.1.3 (a)(3)"
both 0 other.pem "-crl_check_all -CRLfile empty-all.crl" --crl empty-all.crl
both 1 ee.pem "-crl_check_all -CRLfile sub.crl" --crl sub.crl
has "chain.crl-missing"
both 1 forged.pem ""
has "chain.signature"
late=$(date -u -d '+500 days' +%s)
both 1 ee.pem "-attime $late" --time "$(date -u -d "@$late" +%Y-%m-%d)"
has "chain.expired"
late=$(date -u -d '+40 days' +%s)
both 1 ee.pem "-attime $late -crl_check_all -CRLfile all.crl" --crl all.crl \
  --time "$(date -u -d "@$late" +%Y-%m-%d)"
has "chain.crl-old"
both 0 ee.pem "-purpose sslclient" --purpose client
both 1 ee.pem "-purpose sslserver" --purpose server
has "chain.use"
both 0 ee.pem "-policy 1.3.6.1.4.1.32473.1 -explicit_policy" --policy 1.3.6.1.4.1.32473.1
has "policies: 1.3.6.1.4.1.32473.1"
both 1 ee.pem "-policy 1.3.6.1.4.1.32473.2 -explicit_policy" --policy 1.3.6.1.4.1.32473.2
has "chain.policy"
both 0 ee.pem "-verify_hostname unit.example" --host unit.example
both 1 ee.pem "-verify_hostname else.example" --host else.example
has "chain.host"
expect 1 bm chain verify ee.pem --anchor root.pem
has "chain.no-anchor"
expect 1 bm chain verify ee.pem --anchor sub.pem
expect 0 bm chain verify ee.pem --anchor sub.pem --partial
expect 2 bm chain verify ee.pem --anchor root.pem --purpose frying
expect 3 bm chain verify nowhere.pem --anchor root.pem
head -c 200 forged.der >cut.der
expect 1 bm chain verify cut.der --anchor root.pem
equal "$(bm chain verify ee.pem --anchor root.pem --untrusted sub.pem --json | jq -r '.path | length')" 3 "path"

say "OCSP responses as files"
for c in ee other; do
  openssl ocsp -issuer sub.pem -cert $c.pem -reqout $c.req 2>/dev/null
done
printf 'V\t360101000000Z\t\t03\tunknown\t/CN=ee\nR\t360101000000Z\t260101000000Z,keyCompromise\t04\tunknown\t/CN=other\n' >ocsp.txt
for c in ee other; do
  openssl ocsp -index ocsp.txt -CA sub.pem -rsigner sub.pem -rkey sub.key -reqin $c.req \
    -respout $c.ocsp -ndays 7 >/dev/null 2>&1
done
openssl ocsp -index ocsp.txt -CA sub.pem -rsigner root.pem -rkey root.key -reqin ee.req \
  -respout stranger.ocsp -ndays 7 >/dev/null 2>&1
chain=(bm chain verify --anchor root.pem --untrusted sub.pem)
expect 0 "${chain[@]}" ee.pem --ocsp ee.ocsp
expect 1 "${chain[@]}" other.pem --ocsp other.ocsp
has "chain.revoked"
expect 1 "${chain[@]}" ee.pem --ocsp other.ocsp
has "chain.ocsp-missing"
expect 1 "${chain[@]}" ee.pem --ocsp ee.ocsp --time "$(date -u -d '+20 days' +%Y-%m-%d)"
has "chain.ocsp-old"
expect 1 "${chain[@]}" ee.pem --ocsp ee.req
has "chain.input"

say "certificates that other rules forbid, made by openssl"
cat >>pki.cnf <<'EOF'
[crl_x]
1.2.3.4 = critical,DER:0500
[ee_critical]
1.2.3.4 = critical,DER:0500
[ee_extension]
1.3.6.1.5.5.7.1.1 = DER:0500
[sub_no_sign]
basicConstraints = critical,CA:TRUE
keyUsage = critical,cRLSign
[sub_no_ca]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
[sub_names]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
nameConstraints = critical,permitted;DNS:other.example
EOF
# judged CODE CERT UNTRUSTED OPTIONS…
judged() {
  local code=$1 cert=$2 between=$3
  shift 3
  OUT=$(bm chain verify "$cert" --anchor root.pem --untrusted "$between" "$@" 2>&1 || true)
  has "$code"
}
n=20
for code in chain.critical chain.extension; do
  cp ee.key "e$n.key" && signed "e$n" sub "ee_${code#chain.}" $n
  judged "$code" "e$n.pem" sub.pem
  n=$((n + 1))
done
for pair in no_sign:chain.key-usage no_ca:chain.not-ca names:chain.name-constraint; do
  cp sub.key "s$n.key" && signed "s$n" root "sub_${pair%%:*}" $n
  cp ee.key "e$n.key" && signed "e$n" "s$n" ee $((n + 20))
  judged "${pair#*:}" "e$n.pem" "s$n.pem"
  n=$((n + 1))
done
cp other.key below.key && signed below sub sub 60 && cp ee.key deep.key && signed deep below ee 61
judged chain.path-length deep.pem sub.pem,below.pem
judged chain.depth ee.pem sub.pem --depth 0
openssl genrsa -out weak.key 1024 2>/dev/null && signed weak sub ee 62
judged chain.weak weak.pem sub.pem
cp ee.key long.key && signed long sub ee "0x7$(printf '%041d' 1)"
judged chain.serial long.pem sub.pem
openssl ca -config pki.cnf -gencrl -crlexts crl_x -keyfile sub.key -cert sub.pem -out critical.crl 2>/dev/null
judged chain.crl-critical ee.pem sub.pem --crl root.crl,critical.crl
openssl ca -config pki.cnf -gencrl -crl_lastupdate "$(date -u -d '+2 days' +%Y%m%d%H%M%SZ)" \
  -crl_nextupdate "$(date -u -d '+9 days' +%Y%m%d%H%M%SZ)" -keyfile sub.key -cert sub.pem -out early.crl 2>/dev/null
judged chain.crl-early ee.pem sub.pem --crl root.crl,early.crl
printf '\x30\x03\x0a\x01\x01' >refused.ocsp
judged chain.ocsp-refused ee.pem sub.pem --ocsp refused.ocsp
sed -i 1d ocsp.txt
openssl ocsp -index ocsp.txt -CA sub.pem -rsigner sub.pem -rkey sub.key -reqin ee.req -respout unknown.ocsp -ndays 7 >/dev/null 2>&1
judged chain.ocsp-unknown ee.pem sub.pem --ocsp unknown.ocsp
judged chain.ocsp-other ee.pem sub.pem --ocsp other.ocsp
for _ in $(seq 1100); do cat sub.pem; done >many.pem
judged chain.too-many ee.pem many.pem

cd ..

say "the horizon of a workspace"
born bmc 2
expect 0 bm horizon bmc --years 30 --svg horizon.svg
has "horizon of"
has "issuing windows of"
has "clocks of 32 bits end"
long=$(awk 'length > 90' <<<"$OUT")
equal "$long" "" "a line is too long"
grep -q "</svg>" horizon.svg || die "the drawing has no end"
if command -v xmllint >/dev/null; then xmllint --noout horizon.svg || die "the drawing is no XML"; fi
if grep -qE 'href|url\((https?|//)' horizon.svg; then die "the drawing needs other files"; fi
OUT=$(bm horizon bmc --json)
equal "$(jq -r '[.rows[] | select(.kind == "window")] | length > 0' <<<"$OUT")" true "windows"
equal "$(jq -r '[.rows[].date] == ([.rows[].date] | sort)' <<<"$OUT")" true "order of dates"
lacks '"identities": "2"'
expect 0 bm horizon bmc --from 2100-01-01 --years 5 --json
has horizon.past
expect 0 bm horizon bmc --years 2 --json
has horizon.beyond
expect 2 bm horizon bmc --from yesterday
has horizon.from
expect 2 bm horizon bmc --years 0

say "status is quiet, and says how far it looked"
expect 0 bm status bmc
has "no alarms"
has "issuing and revocations watched up to event"
[ -f bmc/status.marks ] || die "status remembers nothing"
expect 0 bm status bmc --all

say "a disclosed key: certificates that the ledger does not know"
bm unit export bmc --format ndjson -o known.ndjson
expect 0 bm cert seen bmc known.ndjson
has "2 looked at: 2 known here"
expect 0 bm cert seen bmc pki
has "0 that keys of ours signed unknown here"
cp -a bmc stolen
cp -a bmc.offline stolen.offline
rm -f stolen/status.marks
bm line run stolen --units 1 >/dev/null
bm unit export stolen --format ndjson -o stolen.ndjson
expect 1 bm cert seen bmc stolen.ndjson --dry-run
has "3 looked at: 2 known here"
expect 0 bm status bmc
expect 1 bm cert seen bmc stolen.ndjson
has "unknown"
expect 1 bm status bmc
has "status.field-unknown"
expect 1 bm status bmc
alarm=$({ bm status bmc --json || true; } | jq -r '.alarms[0].message' | cut -d' ' -f1 | sed 's/:$//')
expect 1 bm cert explain bmc seen:00:00 --reason "no such"
has "alarm.unknown"
expect 0 bm cert explain bmc "$alarm" --reason "our own rehearsal of a stolen copy" --dry-run
expect 1 bm status bmc
expect 0 bm cert explain bmc "$alarm" --reason "our own rehearsal of a stolen copy"
expect 0 bm status bmc

say "a name alone is no alarm"
name=$(bm ca list bmc --json | jq -r '[.[] | select(.ca | startswith("identity-"))][-1].ca')
bm ca show bmc "$name" >ca.txt
openssl ecparam -name prime256v1 -genkey -noout -out fake.key
openssl req -x509 -new -key fake.key -subj "/O=Acme/CN=pretender" -days 9 -out fake.pem
expect 0 bm cert seen bmc fake.pem
has "1 of others"
echo nothing >empty.txt
expect 1 bm cert seen bmc empty.txt
has "seen.nothing"
expect 3 bm cert seen bmc nowhere
bm ledger verify bmc >/dev/null
say "done"
