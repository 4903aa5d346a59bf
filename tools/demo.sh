#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on real input: two products are born, answer for it, and are read side by side; then
# three more, so that every method of the draft stands beside the others.
# Called by `./dev demo` after the build. Everything goes into build/demo, which is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=$PWD/build/bin
OUT=$PWD/build/demo
UNITS=${UNITS:-20}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then B=$'\033[1m' N=$'\033[0m'; else B='' N=''; fi
step() { printf '\n%s== %s%s\n' "$B" "$*" "$N"; }
run() {
  printf '%s$ birthmark %s%s\n' "$B" "$*" "$N"
  "$BIN/birthmark" "$@"
}

rm -rf "$OUT"
mkdir -p "$OUT"
cd "$OUT"
# The demo's passphrases: two, since the offline root's is not the online keys'. A real workspace is
# asked for them at a prompt, or gets them from a file only its owner can read.
(umask 077 && head -c 24 /dev/urandom | base64 >online.pass && head -c 24 /dev/urandom | base64 >offline.pass)
export BIRTHMARK_PASSPHRASE_FILE=$OUT/online.pass BIRTHMARK_OFFLINE_PASSPHRASE_FILE=$OUT/offline.pass

# ceremony WS PLAN: the rehearsed ceremony that makes the offline roots. A script stands in for the
# people: it types what they would, at a terminal.
ceremony() {
  local ws=$1 reviewed
  step "$ws: the ceremony, rehearsed"
  run ceremony new --plan "$2" --requests "$ws/requests" -o "$ws.ceremony.toml"
  run ceremony check "$ws.ceremony.toml"
  reviewed=$(sha256sum "$ws.ceremony.toml" | cut -d' ' -f1)
  (umask 077 && head -c 24 /dev/urandom | base64 >custody.pass)
  cat >people.json <<EOF
{"script": "$reviewed", "seconds": 300, "rules": [
  {"ask": "done, exception or stop", "say": "done"},
  {"ask": "^n, how many", "say": "7"}, {"ask": "^k, how many|^k again", "say": "3"},
  {"ask": "continent where", "say": ["EU", "EU", "EU", "NA", "NA", "AS", "AS"]},
  {"ask": "kept sealed", "say": "Somebody"}, {"ask": "words on paper", "say": "no"},
  {"ask": "remove them here", "say": "keep"}, {"ask": "again .other numbers.|withhold", "say": "publish"}]}
EOF
  printf '%s$ birthmark ceremony run %s.ceremony.toml --reviewed %s… -o %s.custody%s\n' "$B" "$ws" "${reviewed:0:8}" "$ws" "$N"
  python3 ../../tests/e2e/pty_ceremony.py people.json "$BIN/birthmark" ceremony run "$ws.ceremony.toml" \
    --reviewed "$reviewed" --requests "$ws/requests" -o "$ws.custody" --passphrase-file custody.pass >"$ws.ceremony.log" ||
    { cat "$ws.ceremony.log"; exit 1; }
  cat "$ws.custody/transcript.txt"
  step "$ws: the factory takes the record"
  run ceremony accept "$ws" "$ws.custody/record.birthmark-record"
}

step "this machine's own root file system: what does it believe?"
# Where rules and forms tell; without --rules-only and --depth every file and archive is searched too.
run scan / --summary --rules-only --depth 0

for product in bmc bulb; do
  step "$product: a plan, a PKI, a line"
  run plan new --like "$product" -o "$product.toml"
  run plan check "$product.toml"
  if [ "$product" = bmc ]; then
    # Its root is nowhere in one place: people on three continents sign with it together.
    sed -i '/^name = "Acme Root R1"/,/^algorithm/s/^algorithm.*/algorithm = "ed25519"\ncustody = "threshold"/' bmc.toml
    run init bmc --plan bmc.toml --ceremony
    ceremony bmc bmc.toml
  else
    run init "$product" --plan "$product.toml"
  fi
  run line run "$product" --units "$UNITS"
  step "$product: the evidence, the answers, the disclosure"
  run ledger checkpoint "$product" -o "$product.checkpoint"
  run ledger verify "$product" --since "$product.checkpoint"
  run answer "$product"
  run disclose "$product" -o "$product.birthmark"
  run ledger bundle "$product" -o "$product.evidence"
done

step "the reader: only the files, a pinned root, and the small static program"
for product in bmc bulb; do
  printf '%s$ birthmark-reader verify %s.birthmark --anchor %s/public/disclosure-root.pem%s\n' "$B" "$product" "$product" "$N"
  "$BIN/birthmark-reader" verify "$product.birthmark" --anchor "$product/public/disclosure-root.pem"
  printf '%s$ birthmark-reader recompute %s.evidence %s.birthmark%s\n' "$B" "$product" "$product" "$N"
  "$BIN/birthmark-reader" recompute "$product.evidence" "$product.birthmark"
done
step "side by side"
run compare bmc.birthmark bulb.birthmark --html pair.html

# est WS SERIAL…: the gateway's devices enrol over EST by themselves, as examples/gateway/enrol.sh has it.
est() {
  local ws=$1 server url serial
  shift
  printf '%s$ birthmark serve %s%s\n' "$B" "$ws" "$N"
  "$BIN/birthmark" serve "$ws" --json --port 0 --plain-port 0 --metrics-port 0 --coaps-port 0 --log "$ws.log" >"$ws.ready" &
  server=$!
  until [ -s "$ws.ready" ]; do
    kill -0 "$server" || exit 1
    sleep 0.05
  done
  url=$(jq -r '[.endpoints[] | select(.what == "EST")][0].url' "$ws.ready")
  for serial in "$@"; do
    run token new "$ws" --unit "$serial" -o "$serial.token"
    BIRTHMARK_ELEMENT=$BIN/birthmark-element ../../examples/gateway/enrol.sh "swtpm:$ws/devices/$serial/tpm" \
      "$url" "$ws/public/operations-root.pem" "$serial.token" "$serial"
  done
  kill -TERM "$server"
  wait "$server"
}

# The other methods, on parts that stand-ins for their makers fill: a seed fused into each chip, a TPM
# with its maker's certificate, an element that was certified before it came.
for product in ecu gateway lock; do
  step "$product: $(case $product in ecu) echo carrot ;; gateway) echo salak ;; lock) echo sapodilla ;; esac)"
  run plan new --like "$product" -o "$product.toml"
  run init "$product" --plan "$product.toml"
  case $product in
    ecu)
      run seed import ecu --rehearsal 4
      run seed issue ecu --batch "$("$BIN/birthmark" seed list ecu --json | jq -r '.[0].batch')"
      ;;
    gateway)
      command -v swtpm >/dev/null || { echo "swtpm is not installed: no TPM here"; continue; }
      run line run gateway --units 2 # both wait: these devices enrol by themselves
      est gateway GW-00001 GW-00002
      ;;
    lock)
      run manifest new lock --rehearsal --count 4
      run manifest import lock lock/silicon/REHEARSAL-1.json --signer lock/silicon/manifest-signer.pem \
        --root lock/silicon/maker-root.pem --allow-test
      ;;
  esac
  run line run "$product" --units 2
  run disclose "$product" -o "$product.birthmark"
done
step "all five methods side by side"
methods=()
for product in bmc bulb ecu gateway lock; do
  [ ! -f "$product.birthmark" ] || methods+=("$product.birthmark")
done
run compare "${methods[@]}" --html methods.html

step "where to look"
cat <<EOF
build/demo/pair.html                 both disclosures as pictures, in one file
build/demo/methods.html              avocado, bamboo, carrot, salak and sapodilla side by side
build/demo/bmc.birthmark             a signed disclosure:   birthmark show build/demo/bmc.birthmark
build/demo/bmc.evidence              what every measured answer is recomputed from
build/demo/bmc.toml                  the plan it all came from
build/demo/bmc.custody               the ceremony's folder: transcript, record, shares (kept on the offline machine)
build/demo/bmc, build/demo/bulb      the workspaces:        birthmark unit show build/demo/bmc BMC-0001
Devices here are emulated and keys are rehearsal keys; every rendering says so.
EOF
