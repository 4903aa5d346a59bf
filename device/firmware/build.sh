#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the firmware images virt.elf and mps2.elf into a folder: build.sh FOLDER
# The crypto library is Debian's source package of mbedTLS, of the version the host's device
# emulator is linked with. It is taken from BIRTHMARK_MBEDTLS_SOURCE (an unpacked source tree) if
# that is set, else fetched by apt from wherever this machine's packages come from, once.
# Exit 0: built. 3: something is missing, and what it is. 1: a build error.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
  echo "usage: build.sh FOLDER" >&2
  exit 1
}
mkdir -p "$1"
OUT=$(cd "$1" && pwd)

missing() {
  echo "firmware: $1" >&2
  exit 3
}
for tool in arm-none-eabi-gcc:gcc-arm-none-eabi make:make dpkg-source:dpkg-dev; do
  command -v "${tool%%:*}" >/dev/null || missing "no ${tool%%:*}: install the package ${tool##*:}"
done
[ -f "$(arm-none-eabi-gcc -print-file-name=nano.specs)" ] ||
  missing "no C library for the target: install the package libnewlib-arm-none-eabi"

# fetch takes the source package with apt's own lists of sources, turned to source packages; apt
# checks the archive's signature. Nothing outside $OUT changes.
fetch() {
  local apt=$OUT/apt version=$1 file
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/archives/partial"
  for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/${file##*/}"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -f "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >"$apt/parts/${file##*/}.list"
  done
  local options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o APT::Sandbox::User= -o Acquire::Languages=none)
  (cd "$OUT" && apt-get "${options[@]}" update &&
    apt-get "${options[@]}" source --download-only "mbedtls=$version") >"$OUT/fetch.log" 2>&1 ||
    missing "the source of mbedtls $version could not be fetched ($OUT/fetch.log); set BIRTHMARK_MBEDTLS_SOURCE to a source tree of mbedTLS 2.28"
  dpkg-source -x "$OUT/mbedtls_$version.dsc" "$OUT/mbedtls.new" >>"$OUT/fetch.log" 2>&1 ||
    missing "the source of mbedtls $version does not unpack ($OUT/fetch.log)"
  rm -rf "$apt"
  mv "$OUT/mbedtls.new" "$OUT/mbedtls-$version"
}

MBEDTLS=${BIRTHMARK_MBEDTLS_SOURCE:-}
if [ -z "$MBEDTLS" ]; then
  VERSION=$(dpkg-query -W -f '${Version}' libmbedtls-dev 2>/dev/null) ||
    missing "no libmbedtls-dev, whose version says which source to take: install it"
  MBEDTLS=$OUT/mbedtls-$VERSION
  [ -d "$MBEDTLS" ] || fetch "$VERSION"
fi
[ -f "$MBEDTLS/library/x509write_csr.c" ] || missing "$MBEDTLS is no source tree of mbedTLS 2.28"
make --no-print-directory -s -j "$(nproc)" -f "$HERE/Makefile" "OUT=$OUT" "MBEDTLS=$MBEDTLS" || exit 1
arm-none-eabi-size "$OUT/virt.elf" "$OUT/mps2.elf"
