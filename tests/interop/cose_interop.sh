#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Our COSE before an independent library. $1 is the make_cose program. Exits 77 where it cannot run.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if ! command -v node >/dev/null || [ ! -d "$here/node_modules/@auth0/cose" ]; then
  echo "not run: the independent COSE library is not installed (npm ci --prefix tests/interop)"
  exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" "$dir"
node "$here/cose_auth0.mjs" "$dir/message.cose" "$dir/ca.pem" "$dir/other.pem"
