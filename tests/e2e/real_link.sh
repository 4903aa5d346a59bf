#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A line on links of the world outside: the device and the OpenOCD on its port are programs that
# somebody else started. Birthmark waits for a device, knows which unit it is, and takes the next one.
. "$(dirname "$0")/lib.sh"

command -v openocd >/dev/null || {
  echo "openocd is not installed: this test did not run"
  exit 0
}
DEVICE="" PROBE="" TCL=""
off() { # the board and its probe leave the fixture
  kill ${DEVICE:-} ${PROBE:-} 2>/dev/null || true
  wait ${DEVICE:-} ${PROBE:-} 2>/dev/null || true
  DEVICE="" PROBE=""
  rm -f uart jtag.sock
}
trap 'off; rm -rf "$WORK"' EXIT
mkfifo power
exec 9<>power # the device ends with its standard input
# put BOARD STATE: a board on the fixture. Its console is ./uart, its probe's OpenOCD at $TCL.
put() {
  off
  "$BIN/birthmark-device" --board "$1" --state "$2" --console pty --jtag unix:"$WORK/jtag.sock" \
    --lifetime-seconds 300 <power >device.out 2>&1 &
  DEVICE=$!
  for _ in $(seq 3000); do
    [ -S jtag.sock ] && grep -q /dev/pts device.out && break
    sleep 0.05
  done
  [ -S jtag.sock ] || die "the device did not start: $(cat device.out)"
  ln -sfn "$(grep -o '/dev/pts/[0-9]*' device.out | head -1)" uart
  openocd -c "bindto 127.0.0.1" -c "gdb_port disabled" -c "telnet_port disabled" -c "tcl_port ${TCL:-0}" \
    -c "adapter driver remote_bitbang" -c "remote_bitbang host $WORK/jtag.sock" -c "remote_bitbang port 0" \
    -c "transport select jtag" -c "adapter speed 10000" -c "reset_config srst_only srst_nogate" \
    -c "adapter srst delay 0" \
    -c "jtag newtap dut tap -irlen 5 -ircapture 0x1 -irmask 0x3 -expected-id 0x1b17e001" -c init \
    >openocd.out 2>&1 &
  PROBE=$!
  for _ in $(seq 3000); do
    TCL=$(sed -n 's/.*istening on port \([0-9]*\) for tcl.*/\1/p' openocd.out | head -1)
    [ -n "$TCL" ] && break
    sleep 0.05
  done
  [ -n "$TCL" ] || die "OpenOCD did not start: $(cat openocd.out)"
}

bm plan new --like bmc -o bmc.toml >/dev/null
bm init acme --plan bmc.toml >/dev/null

say "a console on a serial line, the port behind an OpenOCD that runs already"
put bmc board-a
expect 0 bm line run acme --units 1 --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL"
has "BMC-0001 GOOD"
bm unit show acme BMC-0001 --json >a.json
for how in "console over a serial line" "port through the TAP by Open On-Chip Debugger"; do
  jq -e --arg h "$how" 'any(.detail | contains($h))' a.json >/dev/null || die "no step says \"$how\": $(cat a.json)"
done
jq -e 'any(.what == "identity-provision" and (.detail | contains("serial line")))' a.json >/dev/null ||
  die "the identity came another way"

say "the board that is done is not taken twice; the next one is"
"$BIN/birthmark" line run acme --units 1 --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" >again.out 2>&1 &
RUN=$!
for _ in $(seq 3000); do
  grep -q "has finished" again.out && break
  kill -0 $RUN 2>/dev/null || break
  sleep 0.05
done
wait $RUN && die "a finished unit went over the line again: $(cat again.out)"
grep -q "the device says that it is BMC-0001" again.out || die "$(cat again.out)"

say "an unfinished board is known again by its own number"
put bmc board-b
"$BIN/birthmark" line run acme --units 1 --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" >cut.out 2>&1 &
RUN=$!
until bm unit list acme --json | jq -e 'any(.unit == "ridgeback-s1/BMC-0002")' >/dev/null; do sleep 0.02; done
kill -9 "$DEVICE" $RUN # the board is torn off, and the station loses its power
wait $RUN 2>/dev/null || true
put bmc board-b
expect 0 bm line run acme --units 1 --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL"
has "BMC-0002 GOOD"
lacks "SCRAP"

say "a board torn off and put back goes on in the same run"
put bmc board-d
"$BIN/birthmark" line run acme --units 1 --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" >torn.out 2>&1 &
RUN=$!
until bm unit list acme --json | jq -e 'any(.unit == "ridgeback-s1/BMC-0003")' >/dev/null; do sleep 0.02; done
kill -9 "$DEVICE"
until grep -q "waiting for a device" torn.out || ! kill -0 $RUN 2>/dev/null; do sleep 0.05; done
put bmc board-d
wait $RUN || die "the run ended: $(cat torn.out)"
grep -q "BMC-0003 RETRY" torn.out && grep -q "BMC-0003 GOOD" torn.out || die "$(cat torn.out)"

say "a scanner says which unit it is; a wrong label is found"
put bmc board-c
echo BMC-0009 >scan.txt
expect 0 bm line run acme --units 1 --scan --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" <scan.txt
has "BMC-0009 GOOD"
put bmc board-c
echo BMC-0010 >scan.txt
expect 1 bm line run acme --units 1 --scan --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" <scan.txt
has "the label says BMC-0010, the device on the fixture says BMC-0009"
echo "https://example.com/" >scan.txt
expect 1 bm line run acme --units 1 --scan --link "serial:$WORK/uart" --port "openocd:127.0.0.1:$TCL" <scan.txt
has "is no serial number of"

say "what is no link is said"
expect 2 bm line run acme --link "emulator:x" --port "openocd:127.0.0.1:$TCL"
expect 2 bm line run acme --link "serial:$WORK/uart" --port "serial:/dev/null"
expect 0 bm reconcile acme
expect 0 bm ledger verify acme
echo "every link held"
