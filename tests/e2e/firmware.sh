#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Real firmware: the device core cross-built with Debian's mbedTLS and run on emulated ARM machines.
# The birth over its UART, what OpenSSL says of the requests and certificates, then whole units
# through the line. Says so and passes when this machine cannot build or run firmware.
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
. "$SOURCE/tests/e2e/lib.sh"
export BIRTHMARK_FIRMWARE=${BIRTHMARK_FIRMWARE:-$BIN/../firmware}

say "firmware for both machines"
got=0
OUT=$("$SOURCE/device/firmware/build.sh" "$BIRTHMARK_FIRMWARE" 2>&1) || got=$?
if [ "$got" -eq 3 ]; then
  echo "did not run: $OUT"
  exit 0
fi
[ "$got" -eq 0 ] || die "the firmware does not build: $OUT"
echo "$OUT"
if ! command -v qemu-system-arm >/dev/null; then
  echo "did not run: no qemu-system-arm: install the package qemu-system-arm"
  exit 0
fi

say "without the library's source it says what is missing"
expect 3 env BIRTHMARK_MBEDTLS_SOURCE="$WORK/none" "$SOURCE/device/firmware/build.sh" "$WORK/unbuilt"
has "is no source tree of mbedTLS"

say "birth, cuts of the power, locks, every algorithm: virt and mps2-an385"
mkdir birth
BIRTHMARK_FIRMWARE_OUT=$WORK/birth "$BIN/../test/line_qemu_test" >birth.log 2>&1 ||
  die "$(grep -vE '^\[ +(RUN|OK) ' birth.log)"
! grep -q SKIPPED birth.log || die "tests were skipped: $(grep -m1 'did not run' birth.log)"
tail -1 birth.log

say "what OpenSSL says of them"
for machine in virt mps2; do
  expect 0 openssl req -verify -noout -inform DER -in "birth/$machine.csr"
  has "verify OK"
  expect 0 openssl req -noout -subject -inform DER -in "birth/$machine.csr"
  has "serialNumber = BMC-0001"
done
openssl x509 -inform DER -in birth/root.der -out root.pem
openssl x509 -inform DER -in birth/device.der -out born.pem
expect 0 openssl verify -x509_strict -no_check_time -CAfile root.pem born.pem

say "a unit through the whole line: every station's link is qemu"
# The same product, less what this hardware has not: no port to test, lock or seal; locks by
# software; the boot anchor in memory that software keeps.
bm plan new --like bmc -o bmc.toml >/dev/null
sed -e '/name = "\(jtag-test\|bed-of-nails-test\|first-stage-lock\|port-lock\|tamper-proof\)"/d' \
  -e 's/link = "emulator"/link = "qemu"/' -e 's/^identity-lock = "fuse"/identity-lock = "software"/' \
  -e '/^id = "smt-nails"$/,/^link/d' \
  -e '/^id = "fuses"$/,/^processor/s/"otp-fuse"/"on-die-flash"/' \
  -e '/^id = "first-stage"$/,/^lock/s/^lock = "fuse"/lock = "none"/' \
  -e '/^question = "initial-enclave-location"/,/^value/s/otp-fuse/on-die-flash/' \
  -e '/^question = "initial-enclave-integrity-key"/,/^value/s/otp-fuse/on-die-flash/' bmc.toml |
  awk '/^\[\[station\]\]$/ { held = $0; next }
       held != "" && /^$/ { held = ""; next }
       held != "" { print held; held = "" }
       { print }' >qemu.toml
expect 0 bm plan check qemu.toml
expect 0 bm init virt --plan qemu.toml
expect 0 bm line run virt --units 1
equal "$(grep -c GOOD <<<"$OUT")" 1 "units"
has "1 good, 0 scrapped, 0 unexplained"
expect 0 bm ledger verify virt
has intact

say "the lock is software, and everything says so"
unit=$(bm unit list virt --json | jq -r '.[0].unit')
expect 0 bm unit show virt "${unit##*/}"
has "locked by software, read back closed"
has "software keeps them, no fuse does"
lacks "locked by fuse"
lacks "fuses blown"
bm answer virt --json >answers.json
equal "$(jq -r '.answers[] | select(.question == "initial-enclave-location") | .measured.value' answers.json)" \
  "internal(on-die-flash)" "where the boot anchor was read back"
expect 0 bm disclose virt -o virt.birthmark
expect 0 reader verify virt.birthmark --anchor virt/public/disclosure-root.pem
has "REHEARSAL: emulated devices, rehearsal keys"

say "its certificate, to OpenSSL"
bm cert show virt "$unit" --pem >device.pem
sub=$(bm ca list virt --json | jq -r '[.[] | select(.ca | startswith("identity-2"))][0].ca')
bm ca show virt "$sub" --json | jq -r .certificate >sub.pem
expect 0 openssl verify -x509_strict -CAfile virt/public/root.pem -untrusted sub.pem device.pem

echo "firmware: all as it should be"
