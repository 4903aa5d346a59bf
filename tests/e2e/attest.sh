#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A phone says what it is and what it booted (RFC 9711), over its console: compared with the log and a
# disclosure; the token is verified by another library; lies about kind and maker, an old token, a
# changed flash chip are each told by name.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
INTEROP=$(dirname "$SELF")/../interop
for tool in jq node openssl; do command -v $tool >/dev/null || die "no $tool"; done
DEVICE=
trap 'kill ${DEVICE:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT
mkfifo power
exec 9<>power # the device ends with its standard input
off() {
  [ -z "$DEVICE" ] || { kill "$DEVICE" && wait "$DEVICE" || true; }
  DEVICE=
}
# put STATE: the device of that folder, its console at $LINK.
put() {
  off
  "$BIN/birthmark-device" --board bmc --state "$1" --console pty --lifetime-seconds 120 <power >device.out 2>&1 &
  DEVICE=$!
  for _ in $(seq 3000); do
    grep -q /dev/pts device.out && break
    sleep 0.02
  done
  LINK=serial:$(grep -o '/dev/pts/[0-9]*' device.out | head -1)
}
# row CLAIM CODE: the last --json output has that claim, differing by that code.
row() {
  jq -e --arg c "$1" --arg k "$2" '.claims[] | select(.claim == $c and .result == "differs" and .code == $k)' \
    <<<"$OUT" >/dev/null || die "$1 does not differ by $2: $OUT"
}

bm plan new --like phone -o ph.toml >/dev/null
sed -i 's/^batch = 100000.*/batch = 2/' ph.toml
bm init ph --plan ph.toml >/dev/null
expect 0 bm line run ph --units 2
has "2 good"
bm disclose ph -o ph.disclosure >/dev/null

say "a phone as it left the line, with its TAM"
put ph/devices/P1-000001
expect 0 bm unit attest ph P1-000001 --link "$LINK" --disclosure ph.disclosure -o first.eat --json
jq -e '.differs == false and ([.claims[].claim] | contains(["hwmodel", "tam", "application", "disclosure: firmware"]))' \
  <<<"$OUT" >/dev/null || die "claims are missing: $OUT"
expect 0 bm unit attest ph P1-000001 --link "$LINK"
has "key of slot attestation"
has "nothing differs"

say "another library verifies the token"
if [ -d "$INTEROP/node_modules" ]; then
  node "$INTEROP/eat_auth0.mjs" first.eat >eat.json || die "@auth0/cose does not verify the token: $(cat eat.json)"
  jq -e '.hwmodel == "minnow-p1" and .oemid == 32473 and .dbgstat == 4 and .replays' eat.json >/dev/null ||
    die "it reads other claims: $(cat eat.json)"
else
  echo "not run: @auth0/cose is not installed (npm ci --prefix tests/interop)"
fi

say "an old token, another unit's, another maker's"
expect 1 bm unit attest ph P1-000001 --token first.eat --nonce 0102030405060708 --json
row eat_nonce eat.replayed
expect 1 bm unit attest ph P1-000001 --token first.eat --json # it is in the log already
row eat_nonce eat.replayed
expect 1 bm unit attest ph P1-000002 --link "$LINK" --json
row signature eat.other-unit
row ueid eat.other-unit
bm plan new --like bmc -o acme.toml >/dev/null
bm init acme --plan acme.toml >/dev/null
expect 0 bm line run acme --units 1
expect 1 bm unit attest acme BMC-0001 --link "$LINK" --json
row signature eat.provenance
row hwmodel eat.kind
row application eat.firmware

say "messages to the TAM, signed by the command"
off
tam() { timeout 30 /usr/bin/python3 "$(dirname "$SELF")/phone_device.py" "$BIN/birthmark-device" ph/devices/P1-000001 tam "$1"; }
openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout -out wallet.pem 2>/dev/null
expect 0 bm artifact sign ph wallet.pem --anchor tam --kind tam --do anchor-replace --target wallet --like wallet \
  --version 5 -o replace.tam
expect 0 bm artifact sign ph --anchor tam --kind tam --do anchor-remove --target wallet --version 6 -o remove.tam
expect 0 bm artifact sign ph --anchor tam --kind tam --do read-private --version 7 -o read.tam
equal "$(tam replace.tam)" accepted "a new key of the wallet"
equal "$(tam remove.tam)" "would leave no anchor to verify with" "the only anchor removed"
equal "$(tam read.tam)" "the manifest of the TAM does not give this privilege" "a privilege that is not there"
cp replace.tam again.tam && printf '\0' >>again.tam
equal "$(tam again.tam)" "malformed object" "a message with something behind it"

say "the flash chip changed: the TAM, then the application"
size() { stat -c %s ph/images/*/"$1"; }
# flip PARTITION OFFSET: the last bit of that image in the flash of the first phone.
flip() {
  local at=$(($2 + $(size "$1") - 1)) old
  old=$(od -An -tu1 -j $at -N1 ph/devices/P1-000001/flash.bin)
  printf "$(printf '\\x%02x' $((old ^ 1)))" | dd of=ph/devices/P1-000001/flash.bin bs=1 seek=$at conv=notrunc status=none
}
flip tam $((0x1C8000))
put ph/devices/P1-000001
expect 1 bm unit attest ph P1-000001 --link "$LINK" --json
row tam eat.boot
jq -e '[.claims[] | select(.result == "differs").claim] | unique == ["tam"]' <<<"$OUT" >/dev/null ||
  die "more differs than the TAM: $OUT"
off
flip application $((0x030000))
put ph/devices/P1-000001
expect 1 bm unit attest ph P1-000001 --link "$LINK" --disclosure ph.disclosure --json
row application eat.boot
row "disclosure: firmware" eat.disclosure

say "what is no token"
head -c 300 first.eat >short.eat
expect 1 bm unit attest ph P1-000001 --token short.eat
expect 1 bm unit attest ph P1-000001 --token replace.tam
has "eat.type"
expect 2 bm unit attest ph P1-000001
expect 2 bm unit attest ph P1-000001 --link "$LINK" --nonce 0102
say "done"
