#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The line is killed at random moments; nothing issued is missing from the ledger, and no unit ends with
# two live identities. BIRTHMARK_KILLS says how often (`./dev check`: 200).
. "$(dirname "$0")/lib.sh"
KILLS=${BIRTHMARK_KILLS:-12}

for product in bmc bulb; do
  bm plan new --like "$product" -o "$product.toml" >/dev/null
  bm init "$product" --plan "$product.toml" >/dev/null
  bm line run "$product" --units 1 >/dev/null
  bm ledger checkpoint "$product" -o "$product.checkpoint" >/dev/null
  for ((i = 0; i < KILLS; i++)); do
    "$BIN/birthmark" line run "$product" --units 50 >/dev/null 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $((RANDOM % 900)))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  expect 0 bm ledger verify "$product" --since "$product.checkpoint"
  # The units that were cut short are finished by the next run, and by no other.
  unfinished=$(bm status "$product" --json | jq .unfinished || true)
  [ "$unfinished" -le 1 ] || die "$unfinished units were on the line at once"
  [ "$unfinished" -eq 0 ] || bm line run "$product" --units "$unfinished" >line.out || die "could not go on: $(cat line.out)"
  equal "$(bm status "$product" --json | jq .unfinished)" 0 "unfinished units of $product"
  expect 0 bm ledger verify "$product" --since "$product.checkpoint"
  doubled=$(bm cert list "$product" --limit 100000 --json |
    jq '[.[] | select(.state | IN("void", "revoked", "superseded", "destroyed") | not)] | group_by([.unit, .slot]) | map(select(length > 1)) | length')
  equal "$doubled" 0 "slots of $product with two live identities"
  repeated=$(bm cert list "$product" --limit 100000 --json | jq '(map(.serial) | length) - (map(.serial) | unique | length)')
  equal "$repeated" 0 "serial numbers of $product issued twice"
  units=$(bm unit list "$product" --limit 100000 --json | jq length)
  echo "$product: killed $KILLS times, $units units, every one accounted for"
done
