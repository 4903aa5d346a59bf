# SPDX-License-Identifier: Apache-2.0
# Shared by the end-to-end tests: they drive the real programs in a folder of their own.
set -euo pipefail
BIN=${BIRTHMARK_BIN:?set BIRTHMARK_BIN to the folder of the programs}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/birthmark-e2e-XXXXXX")
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
(umask 077 && echo "online $RANDOM$RANDOM" >online.pass && echo "offline $RANDOM$RANDOM" >offline.pass)
export BIRTHMARK_PASSPHRASE_FILE=$WORK/online.pass BIRTHMARK_OFFLINE_PASSPHRASE_FILE=$WORK/offline.pass
export NO_COLOR=1

bm() { "$BIN/birthmark" "$@"; }
reader() { "$BIN/birthmark-reader" "$@"; }

say() { echo "--- $*"; }
die() {
  echo "FAILED: $*" >&2
  exit 1
}
# expect CODE COMMAND…: the command must end with exactly this exit code; its output is in $OUT.
expect() {
  local want=$1 got=0
  shift
  OUT=$("$@" 2>&1) || got=$?
  [ "$got" -eq "$want" ] || die "exit $got, wanted $want: $* : $OUT"
}
# has TEXT: the last expect printed it.
has() { grep -qF -- "$1" <<<"$OUT" || die "\"$1\" is not in: $OUT"; }
lacks() { ! grep -qF -- "$1" <<<"$OUT" || die "\"$1\" is in: $OUT"; }
equal() { [ "$1" = "$2" ] || die "$3: $1, wanted $2"; }
# born PRODUCT UNITS: a workspace with so many units.
born() {
  bm plan new --like "$1" -o "$1.toml" >/dev/null
  bm init "$1" --plan "$1.toml" >/dev/null
  bm line run "$1" --units "$2" >line.out
}
