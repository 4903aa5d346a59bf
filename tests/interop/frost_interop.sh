#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our threshold signatures before an independent library. $1 is the make_custody program. Exits 77 where it cannot run.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if ! command -v node >/dev/null || ! (cd "$here" && node -e 'import("@noble/curves/ed25519.js").then(m => process.exit(m.ed25519_FROST ? 0 : 1), () => process.exit(1))'); then
  echo "not run: the independent curve library is not installed (npm ci --prefix tests/interop)"
  exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
node "$here/frost_noble.mjs" "$1" "$dir"
