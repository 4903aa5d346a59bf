#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Workspaces of earlier releases open, verify, answer and recompute, and their line goes on.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
GOLDEN=${BIRTHMARK_GOLDEN:?set BIRTHMARK_GOLDEN to tests/golden}
for release in "$GOLDEN"/*/; do
  name=$(basename "$release")
  mkdir "$name" && tar -xzf "$release/workspace.tar.gz" -C "$name"
  chmod 600 "$name"/*.pass
  export BIRTHMARK_PASSPHRASE_FILE=$WORK/$name/online.pass
  expect 0 bm ledger verify "$name/ws" --since "$release/kept.checkpoint"
  expect 0 bm answer "$name/ws" --json
  expect 0 reader verify "$release/bulb.birthmark" --fingerprint "$(cat "$release/fingerprint")"
  expect 0 reader recompute "$release/bulb.evidence" "$release/bulb.birthmark"
  expect 0 bm ledger rebuild "$name/ws"
  expect 0 bm line run "$name/ws" --units 1
  expect 0 bm ledger verify "$name/ws" --since "$release/kept.checkpoint"
  echo "release $name: opened, verified, recomputed, goes on"
done
