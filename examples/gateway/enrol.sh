#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How the gateway enrols over EST with its TPM; on a product this is its own software. The TPM makes
# the key, opens the server's credential for the nonce, signs a request that carries its statement
# about the key, and keeps the certificate. Needs birthmark-element, curl, jq and openssl.
# usage: enrol.sh ELEMENT EST-URL CA.pem TOKEN SERIAL
#   ELEMENT  the TPM: tpm2:device:/dev/tpmrm0, or swtpm:WS/devices/SERIAL/tpm of a rehearsal
#   EST-URL  of the product: https://HOST:PORT/.well-known/est/corvid-g2
#   CA.pem   what the server's TLS certificate leads to: WS/public/operations-root.pem
#   TOKEN    the file of birthmark token new WS --unit SERIAL -o TOKEN
set -euo pipefail
[ $# -eq 5 ] || { sed -n '6,10s/^# //p' "$0" >&2; exit 2; }
element=$1 url=$2 ca=$3 token=$4 serial=$5
tool=${BIRTHMARK_ELEMENT:-birthmark-element}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 077
printf 'user = "%s"\n' "$(cat "$token")" >"$dir/curl" # kept off argument lists
ask() { # TYPE FILE OPERATION
  curl -sS --fail-with-body --cacert "$ca" -K "$dir/curl" -H "Content-Type: $1" --data-binary "@$2" "$url/$3"
}

"$tool" "$element" make idevid -o "$dir/key.pem"
"$tool" "$element" endorse --ek "$dir/ek" --ak "$dir/ak"
# The nonce comes inside a credential that only this TPM opens, with this attestation key loaded.
printf '{"type": "1.3.6.1.4.1.32473.1.2", "reqInfo": {"ek-certificate": "%s", "ak-public": "%s"}}' \
  "$(base64 -w0 "$dir/ek")" "$(base64 -w0 "$dir/ak")" >"$dir/asks"
ask application/est-attestation-freshness+json "$dir/asks" nonce >"$dir/given"
jq -r .respInfo.credential "$dir/given" | base64 -d >"$dir/credential"
"$tool" "$element" activate --credential "$dir/credential" -o "$dir/nonce"
"$tool" "$element" csr idevid --subject "serialNumber=$serial" --nonce "$dir/nonce" -o "$dir/request"
base64 -w0 "$dir/request" >"$dir/body"
ask application/pkcs10 "$dir/body" simpleenroll | openssl base64 -d -A >"$dir/answer"
openssl pkcs7 -inform DER -in "$dir/answer" -print_certs | openssl x509 -outform DER -out "$dir/certificate"
"$tool" "$element" store idevid --certificate "$dir/certificate"
echo "$serial enrolled; its certificate is in the TPM"
