#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trixie_openssl.sh FOLDER prints the path of an openssl 3.5 from Debian 13 that runs here beside the
# machine's own: its packages, fetched by apt from the mirror that this machine uses already and
# checked by apt as always, unpacked into FOLDER, started by their own loader. Nothing is installed.
# Exit 1 with one line that says why when it cannot be had. FOLDER is used again by the next call.
set -eu

no() {
  echo "no openssl 3.5: $*"
  exit 1
}

[ $# -eq 1 ] || no "give a folder to unpack into"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
run=$dir/openssl
if [ -x "$run" ] && "$run" version >/dev/null 2>&1; then
  echo "$run"
  exit 0
fi
command -v apt-get >/dev/null 2>&1 || no "this is no Debian"
# One at a time; the others find it done.
exec 9>"$dir/lock"
flock 9
if [ -x "$run" ] && "$run" version >/dev/null 2>&1; then
  echo "$run"
  exit 0
fi

arch=$(dpkg --print-architecture)
mirror=$(apt-get indextargets 'Created-By: Packages' --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' |
  awk '$1 ~ /^[a-z]+$/ && $2 == "main" && $3 ~ /\/debian\/?$/ { print $3; exit }')
[ -n "$mirror" ] || no "apt knows no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || no "debian-archive-keyring is not installed"

mkdir -p "$dir/etc" "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/deb"
printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
  "$mirror" "$keyring" >"$dir/etc/trixie.sources"
apt() {
  apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/etc" \
    -o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$dir/state" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$dir/cache" -o APT::Sandbox::User= \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=1 "$@"
}
apt update >"$dir/log" 2>&1 || no "apt cannot reach its mirror (see $dir/log)"
(cd "$dir/deb" && apt download openssl libssl3t64 libc6 zlib1g libzstd1) >>"$dir/log" 2>&1 ||
  no "the packages could not be fetched (see $dir/log)"
rm -rf "$dir/root"
for deb in "$dir"/deb/*.deb; do
  dpkg-deb -x "$deb" "$dir/root" || no "$deb could not be unpacked"
done
lib=$dir/root/usr/lib/$(dpkg-architecture -a"$arch" -qDEB_HOST_MULTIARCH 2>/dev/null ||
  echo "$(uname -m)-linux-gnu")
loader=$(find "$dir/root" -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || no "there is no loader in libc6"
cat >"$run" <<EOF
#!/bin/sh
OPENSSL_MODULES='$lib/ossl-modules' exec '$loader' --library-path '$lib' '$dir/root/usr/bin/openssl' "\$@"
EOF
chmod +x "$run"
"$run" version >>"$dir/log" 2>&1 || no "it does not run here (see $dir/log)"
rm -rf "$dir/state" "$dir/cache" "$dir/deb"
echo "$run"
