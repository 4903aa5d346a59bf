#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on real input: two products are born, answer for it, and are read side by side.
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

for product in bmc bulb; do
  step "$product: a plan, a PKI, a line"
  run plan new --like "$product" -o "$product.toml"
  run plan check "$product.toml"
  run init "$product" --plan "$product.toml"
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

step "where to look"
cat <<EOF
build/demo/pair.html                 both disclosures as pictures, in one file
build/demo/bmc.birthmark             a signed disclosure:   birthmark show build/demo/bmc.birthmark
build/demo/bmc.evidence              what every measured answer is recomputed from
build/demo/bmc.toml                  the plan it all came from
build/demo/bmc, build/demo/bulb      the workspaces:        birthmark unit show build/demo/bmc BMC-0001
Devices here are emulated and keys are rehearsal keys; every rendering says so.
EOF
