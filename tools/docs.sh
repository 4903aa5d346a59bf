#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Regenerates what is made from the program: the vocabulary, the answers' schema, the man page and the
# shells' completions. Called by `./dev docs` after a build; the tests compare the first two.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=build/bin/birthmark
"$BIN" vocab --markdown >docs/vocabulary.md
"$BIN" vocab --schema >docs/formats/answer.schema.json
mkdir -p build/share/man/man1 build/share/completions
"$BIN" completion man >build/share/man/man1/birthmark.1
for shell in bash zsh fish; do "$BIN" completion "$shell" >"build/share/completions/birthmark.$shell"; done
echo "docs/vocabulary.md, docs/formats/answer.schema.json, build/share/man/man1/birthmark.1, build/share/completions/"
