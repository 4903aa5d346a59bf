#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The transfers over their real parts: avocado through a JTAG mailbox and a serial line, bamboo installed by
# a real OpenOCD. The plans are the examples with other links at their stations.
. "$(dirname "$0")/lib.sh"

# linked PRODUCT "STATION=LINK …": the example's plan with these links.
linked() {
  [ -e "$1.toml" ] || bm plan new --like "$1" -o "$1.toml" >/dev/null
  cp "$1.toml" "$1-linked.toml"
  for pair in $2; do
    sed -i "/^id = \"${pair%=*}\"/,/^link = /s/^link = \"[a-z]*\"/link = \"${pair#*=}\"/" "$1-linked.toml"
  done
  expect 0 bm plan check "$1-linked.toml"
}
# way PRODUCT UNIT STEP: what the ledger says of how the step was done.
way() { bm unit show "$1" "$2" --json | jq -r --arg s "$3" "map(select(.what == \$s) | .detail) | join(\"\\n\")"; }

say "serial: the console of every station is a serial line"
linked bmc "bench=serial lock=serial final=serial"
bm init serial --plan bmc-linked.toml >/dev/null
expect 0 bm line run serial --units 1
has "1 good, 0 scrapped, 0 unexplained"
for step in identity-provision production-image-write read-back quality-control tamper-proof; do
  way serial BMC-0001 "$step" | grep -q "console over a serial line" || die "$step: $(way serial BMC-0001 "$step")"
done
expect 0 bm ledger verify serial

if ! command -v openocd >/dev/null; then
  echo "openocd is not installed: the rest of this test did not run"
  exit 0
fi

say "avocado: keys, requests and certificates through the JTAG mailbox; after the lock, a serial line"
linked bmc "smt-jtag=openocd smt-nails=openocd bench=openocd lock=openocd final=serial"
bm init avocado --plan bmc-linked.toml >/dev/null
expect 0 bm line run avocado --units 2
has "2 good, 0 scrapped, 0 unexplained"
for unit in BMC-0001 BMC-0002; do
  for step in system-test private-memory-init identity-provision second-stage-write production-image-write \
    test-image-erase boot-trial identity-lock read-back; do
    way avocado $unit "$step" | grep -q "console through the JTAG mailbox by Open On-Chip Debugger" ||
      die "$unit $step: $(way avocado $unit "$step")"
  done
  for step in jtag-test test-image-write first-stage-write bed-of-nails-test first-stage-lock; do
    way avocado $unit "$step" | grep -q "port through the TAP by Open On-Chip Debugger" ||
      die "$unit $step: $(way avocado $unit "$step")"
  done
  way avocado $unit port-lock | grep -q "the port answers port.closed.*port through the TAP" ||
    die "port-lock: $(way avocado $unit port-lock)"
done
bm cert show avocado BMC-0002 --pem >device.pem
expect 0 openssl x509 -in device.pem -noout -subject
has "BMC-0002"
expect 0 bm ledger verify avocado

say "bamboo: one write of everything by OpenOCD, and nothing of it on disk"
linked bulb "nails=openocd burner=openocd glow-test=serial cap=serial"
bm init bamboo --plan bulb-linked.toml >/dev/null
expect 0 bm line run bamboo --units 2
has "2 good, 0 scrapped, 0 unexplained"
unit=$(bm unit list bamboo --json | jq -r '.[0].unit | split("/")[1]')
way bamboo "$unit" single-image-write | grep -q "brought everything; port through the TAP" ||
  die "single-image-write: $(way bamboo "$unit" single-image-write)"
way bamboo "$unit" boot-trial | grep -q "console through the JTAG mailbox" || die "boot-trial: $(way bamboo "$unit" boot-trial)"
way bamboo "$unit" tamper-proof | grep -q "console over a serial line" || die "tamper-proof: $(way bamboo "$unit" tamper-proof)"
expect 0 bm ledger verify bamboo
expect 0 bm disclose bamboo -o bamboo.birthmark
expect 0 reader verify bamboo.birthmark --fingerprint "$(openssl x509 -in bamboo/public/disclosure-root.pem -outform DER | sha256sum | cut -d' ' -f1)"
has "emulated"

say "a plan that needs the mailbox after the lock stops the line, not the unit"
linked bmc "smt-jtag=openocd bench=openocd lock=openocd final=openocd"
bm init late --plan bmc-linked.toml >/dev/null
expect 1 bm line run late --units 1
has "fixture.closed"
has "serial link"
equal "$(bm status late --json | jq .unfinished)" 1 "unfinished units"
echo "jtag: born through the mailbox, the serial line and OpenOCD"
