#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A phone says what it is and what it booted (RFC 9711), over its console: compared with the log and a
# disclosure; the token is verified by another library; lies about kind and maker, an old token, a
# changed flash chip are each told by name. What was signed is sent to a second phone.
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
# put STATE [OPTION…]: the device of that folder, its console at $LINK.
put() {
  off
  "$BIN/birthmark-device" --board bmc --state "$1" --console pty --lifetime-seconds 120 "${@:2}" <power >device.out 2>&1 &
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

off

say "what was signed reaches the other phone, and is measured there"
second=ph/devices/P1-000002
sign() { bm artifact sign ph "$@"; }
send() { bm artifact send "$@" --device "$LINK"; }
# runs VERSION: the application of the last --json output, after the restart.
runs() { jq -r '.stages[] | select(.partition == "application") | .after' <<<"$OUT" | grep -q " $1\( (second buffer)\)\?$" || die "not version $1: $OUT"; }
head -c 40000 /dev/urandom >code
expect 0 sign code --anchor update --kind device-image --version 7 -o app7.img
# The same anchor, another signer: its key is elsewhere, and a file of octets goes there and back.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout elsewhere.key -out elsewhere.csr -subj /CN=elsewhere 2>/dev/null
expect 0 bm artifact signer ph --anchor update --csr elsewhere.csr -o elsewhere.pem --json
signer=$(jq -r .signer <<<"$OUT")
carried() { sign code --anchor update --kind device-image --version "$1" --signer "$signer" --round "round$1" -o "app$1.img"; }
expect 0 carried 8
openssl dgst -sha256 -sign elsewhere.key -out round8/signature round8/message
expect 0 carried 8
has "(carried)"
put $second
expect 0 send app8.img --dry-run
has "would send"
expect 0 send app8.img --confirm --json
jq -e '.accepted and .confirmed and .restarted and .into == "application-b"' <<<"$OUT" >/dev/null || die "not taken: $OUT"
runs 8
expect 1 send app7.img
has "refused[rolled-back]"
flipped() { # FILE FROM-THE-END: one bit of it changed
  cp "$1" changed && printf "$(printf '\\x%02x' $(($(tail -c "$2" "$1" | head -c 1 | od -An -tu1) ^ 1)))" |
    dd of=changed bs=1 seek=$(($(stat -c %s "$1") - $2)) conv=notrunc status=none
}
expect 0 sign code --anchor update --kind device-image --version 9 -o app9.img
flipped app9.img 100
expect 1 send changed
has "refused[image-digest]"
expect 1 send acme/images/*/application
has "refused[chain]"
expect 1 send first.eat
has "artifact."
expect 0 bm unit attest ph P1-000002 --link "$LINK" --json
jq -e '.claims[] | select((.claim | startswith("application")) and .result == "agrees" and (.said | contains("version 8")))' <<<"$OUT" >/dev/null ||
  die "the new application is not measured: $OUT"

say "an update manifest with its content; what nobody confirms goes back"
expect 0 sign app9.img --anchor update --kind update --version 9 -o app9.suit
expect 1 send app9.suit
has "artifact.send-content"
expect 1 send app9.suit --content app8.img
has "artifact.content"
expect 1 send app9.suit --content changed
has "artifact.content"
expect 0 send app9.suit --content app9.img --json
jq -e '.on_trial and .kind == "update" and .anchor == "update" and .into == "application"' <<<"$OUT" >/dev/null || die "not on trial: $OUT"
runs 9
put $second
expect 0 send app9.suit --content app9.img
has "on trial"
expect 0 bm artifact send --confirm --device "$LINK" --json
jq -e .confirmed <<<"$OUT" >/dev/null || die "not confirmed: $OUT"

say "the power goes in the middle: the old or the new"
expect 0 sign code --anchor update --kind device-image --version 10 -o app10.img
for cut in 2 12 9 14; do
  put $second --power-cut-after $cut
  bm artifact send app10.img --device "$LINK" --confirm >cut.out 2>&1 && die "the power did not go: $(cat cut.out)"
  DEVICE=
  put $second
  expect 0 bm unit attest ph P1-000002 --link "$LINK" --json
  jq -e '.claims[] | select((.claim | startswith("application")) and .result == "agrees")' <<<"$OUT" >/dev/null || die "cut at $cut: $OUT"
done
expect 0 send app10.img --confirm --json
runs 10

say "messages to its TAM"
expect 0 sign wallet.pem --anchor tam --kind tam --do anchor-add --name wallet-2 --like wallet --version 8 -o add.tam
expect 0 sign --anchor tam --kind tam --do anchor-remove --target wallet-2 --version 9 -o remove2.tam
expect 0 sign --anchor tam --kind tam --do anchor-remove --target wallet --version 10 -o last.tam
expect 0 send replace.tam --into ph
has "anchor wallet in tam was replaced"
expect 0 send add.tam
has "anchor wallet-2 in tam is new"
expect 0 send remove2.tam
has "is gone"
expect 1 send last.tam
has "refused[none-left]"
expect 1 send add.tam --json
equal "$(jq -r .why <<<"$OUT")" rolled-back "an older message"
expect 1 send read.tam
has "refused["
bm answer ph --json >answer.json
grep -q signed-update answer.json || die "the replacement is not on record"
expect 0 bm unit attest ph P1-000002 --link "$LINK"
off
expect 0 bm unit attest ph P1-000002 --link emulator:P1-000002
has "nothing differs"

say "what is no token"
put ph/devices/P1-000001
head -c 300 first.eat >short.eat
expect 1 bm unit attest ph P1-000001 --token short.eat
expect 1 bm unit attest ph P1-000001 --token replace.tam
has "eat.type"
expect 2 bm unit attest ph P1-000001
expect 2 bm unit attest ph P1-000001 --link "$LINK" --nonce 0102
say "done"
