#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the golden workspace of a release: tools/golden.sh VERSION. Run once, when it is released.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=$PWD/build/bin
OUT=$PWD/tests/golden/$1
[ ! -e "$OUT" ] || { echo "$OUT is there already: golden workspaces are never changed" >&2; exit 1; }
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
mkdir -p "$OUT"
cd "$WORK"
(umask 077 && echo golden-online >online.pass && echo golden-offline >offline.pass)
export BIRTHMARK_PASSPHRASE_FILE=$WORK/online.pass BIRTHMARK_OFFLINE_PASSPHRASE_FILE=$WORK/offline.pass
"$BIN/birthmark" plan new --like bulb -o bulb.toml
"$BIN/birthmark" init ws --plan bulb.toml
"$BIN/birthmark" line run ws --units 2
"$BIN/birthmark" ledger checkpoint ws -o "$OUT/kept.checkpoint"
"$BIN/birthmark" disclose ws -o "$OUT/bulb.birthmark"
"$BIN/birthmark" ledger bundle ws -o "$OUT/bulb.evidence"
openssl x509 -in ws/public/disclosure-root.pem -outform DER | sha256sum | cut -d' ' -f1 >"$OUT/fingerprint"
rm -rf ws/devices
tar -czf "$OUT/workspace.tar.gz" ws ws.offline online.pass offline.pass
du -sh "$OUT"
