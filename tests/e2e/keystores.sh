#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CA keys in a PKCS#11 module (SoftHSM2) and in a TPM (swtpm), looked at with others' tools; a PIN that is wrong once
# too often; and an offline side that works from its own folder alone.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
MODULE=/usr/lib/softhsm/libsofthsm2.so
TPM_PID=
trap 'kill ${TPM_PID:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

say "two tokens: one for the site CA, one for the root"
mkdir tokens
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK" >softhsm2.conf
export SOFTHSM2_CONF=$WORK/softhsm2.conf
(umask 077 && printf 4711-site >site.pin && printf 0815-root >root.pin && printf wrong >wrong.pin && printf tpm-pin >tpm.pin)
softhsm2-util --init-token --free --label site --so-pin 11112222 --pin "$(cat site.pin)" >/dev/null
softhsm2-util --init-token --free --label root --so-pin 11112222 --pin "$(cat root.pin)" >/dev/null
cat >keys.toml <<TOML
[keys.pkcs11]
uri = "pkcs11:token=site;object=acme?module-path=$MODULE"
pin-file = "$WORK/site.pin"
[offline-keys.pkcs11]
uri = "pkcs11:token=root;object=acme?module-path=$MODULE"
TOML

say "a factory whose root and site CA are in the module"
bm plan new --like bmc -o bmc.toml >/dev/null
bm plan new --like bulb -o bulb.toml >/dev/null
# custody NAME KIND: how the key of the authorities of that name is kept
custody() { sed "/^name = \"$1/s/^/custody = \"$2\"\n/"; }
custody "Acme Root" pkcs11 <bmc.toml | custody "Acme Site CA" pkcs11 >hsm.toml
expect 0 bm plan check hsm.toml
expect 1 bm init nowhere --plan hsm.toml
has "keystore.not-configured"
[ ! -e nowhere ] || die "an init that failed left a workspace"
expect 0 bm init hsm --plan hsm.toml --keys keys.toml --offline-pin-file root.pin
expect 0 bm line run hsm --units 3
has "3 good"
bm ca show hsm identity-1.1 --json | jq -r .certificate >root.pem
bm ca show hsm identity-2.1 --json | jq -r .certificate >site.pem
for serial in $(bm unit list hsm --json | jq -r '.[].unit | split("/") | last' | head -3); do
  bm cert show hsm "$serial" --pem >unit.pem
  expect 0 openssl verify -x509_strict -CAfile root.pem -untrusted site.pem unit.pem
done
[ ! -e hsm/keys/identity-2.1.key ] && [ ! -e hsm.offline/keys/identity-1.1.key ] || die "a CA key is in a file"

say "others' tools see the same keys, and what they are"
pkcs11-tool --module "$MODULE" --token-label site --login --pin "$(cat site.pin)" --list-objects --type privkey >objects.txt
grep -q "label: *acme-identity-2.1" objects.txt || die "pkcs11-tool does not see the key: $(cat objects.txt)"
grep -q "sensitive, always sensitive, never extractable, local" objects.txt || die "attributes: $(cat objects.txt)"
pkcs11-tool --module "$MODULE" --token-label site --read-object --type pubkey --label acme-identity-2.1 -o site.der >/dev/null
openssl pkey -pubin -inform DER -in site.der -pubout >module.pub 2>/dev/null
openssl x509 -in site.pem -noout -pubkey >cert.pub
cmp module.pub cert.pub || die "the certificate's key is another than the module's"
expect 0 bm key show hsm identity-2.1
has "never extractable"
expect 0 bm answer hsm --json
jq -e '.. | objects | select(.question? == "identity-anchor-storage") | .measured.value
  | .class == "module" and .online == false and (.description | contains("PKCS #11 module") and contains("never extractable"))
    and .uses == "<= 10" and has("wait-max")' <<<"$OUT" >/dev/null || die "identity-anchor-storage: $OUT"

say "a wrong PIN is tried once, and then nobody tries unasked"
expect 1 bm line run hsm --units 1 --pin-file wrong.pin
has "error[keystore.pin]"
expect 1 bm line run hsm --units 1
has "keystore.pin-last-try"
expect 1 bm status hsm
has "status.pin-wrong"
expect 0 bm line run hsm --units 1 --pin-last-try
OUT=$(bm status hsm 2>&1 || true)
lacks "status.pin-wrong"
OUT=$(SOFTHSM2_CONF=/dev/null bm status hsm 2>&1 || true)
has "status.module-silent"
expect 0 bm line run hsm --units 1

say "the same with a TPM"
mkdir tpm
swtpm_setup --tpm2 --tpm-state tpm --overwrite --pcr-banks sha256 >/dev/null
swtpm socket --tpm2 --tpmstate dir="$WORK/tpm" --server type=unixio,path="$WORK/tpm.sock" \
  --ctrl type=unixio,path="$WORK/tpm.sock.ctrl" --flags not-need-init,startup-clear >/dev/null 2>&1 &
TPM_PID=$!
for _ in $(seq 3000); do [ -S tpm.sock ] && break; sleep 0.05; done
cat >tpm-keys.toml <<TOML
[keys.tpm2]
uri = "tpm2:tcti=swtpm:path=$WORK/tpm.sock"
pin-file = "$WORK/tpm.pin"
TOML
custody "Lumo Works CA" tpm2 <bulb.toml >tpm.toml
expect 0 bm init tpmws --plan tpm.toml --keys tpm-keys.toml
expect 0 bm line run tpmws --units 2
has "2 good"
bm ca show tpmws identity-1.1 --json | jq -r .certificate >root2.pem
bm ca show tpmws identity-2.1 --json | jq -r .certificate >site2.pem
bm cert show tpmws "$(bm unit list tpmws --json | jq -r '.[0].unit | split("/") | last')" --pem >unit2.pem
expect 0 openssl verify -x509_strict -CAfile root2.pem -untrusted site2.pem unit2.pem
# The key's file is CBOR with two TPM2B structures; tpm2-tools load them as they are.
python3 - tpmws/keys/identity-2.1.tpm <<'PY'
import sys
data = open(sys.argv[1], 'rb').read()
def item(at):
    kind, low = data[at] >> 5, data[at] & 31
    size = low if low < 24 else int.from_bytes(data[at + 1:at + 1 + (1 << (low - 24))], 'big')
    at += 1 if low < 24 else 1 + (1 << (low - 24))
    if kind == 5:
        out = {}
        for _ in range(size):
            key, at = item(at)
            out[key], at = item(at)
        return out, at
    return (data[at:at + size].decode() if kind == 3 else data[at:at + size]), at + size
key, _ = item(0)
open('key.pub', 'wb').write(key['public'])
open('key.priv', 'wb').write(key['private'])
PY
export TPM2TOOLS_TCTI=swtpm:path=$WORK/tpm.sock
expect 0 tpm2_load -C 0x81000001 -u key.pub -r key.priv -c key.ctx
expect 0 tpm2_readpublic -c key.ctx -f pem -o tpm.pub.pem
has "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"
openssl x509 -in site2.pem -noout -pubkey >cert2.pub
cmp tpm.pub.pem cert2.pub || die "the certificate's key is another than the TPM's"
tpm2_flushcontext -t >/dev/null
expect 1 bm line run tpmws --units 1 --pin-file wrong.pin
has "error[keystore.pin]"
expect 0 bm line run tpmws --units 1

say "the offline side: a folder on another machine, and one static program"
bm init files --plan bulb.toml >/dev/null
mkdir elsewhere carried && mv files.offline elsewhere/side
"$BIN/birthmark-offline" version >/dev/null
if file "$BIN/birthmark-offline" 2>/dev/null | grep -q "dynamically linked"; then echo "(sanitizer build: not static)"; fi
expect 0 bm ca rotate files
has "requested"
expect 0 bm request export files --to carried
request=carried/identity-2.2.request
[ -s "$request" ] || die "no request: $(ls carried)"
expect 0 "$BIN/birthmark-offline" request show "$request"
has "Lumo Works CA 2"
cp "$request" elsewhere/
offline() { (cd elsewhere && env -i BIRTHMARK_OFFLINE_PASSPHRASE_FILE="$WORK/offline.pass" "$BIN/birthmark-offline" "$@"); }
expect 0 offline request sign identity-2.2.request --offline side
has "signed by   identity-1.1"
expect 0 offline request sign identity-2.2.request --offline side
has "the same response again"
sed 's/CERTIFICATE REQUEST/CERTIFICATE REQUESTS/' "$request" >elsewhere/changed.request
expect 1 offline request sign changed.request --offline side
has "request.malformed"
sed 's/BIRTHMARK REQUEST/BIRTHMARK REQUEST OF 2036/' "$request" >elsewhere/changed.request
expect 1 offline request show changed.request
has "offline.newer"
has "bring the birthmark-offline of its version"
expect 0 offline request list --offline side
has "identity-1.1  authority"
sed -i 's/ authority identity-1.1 / authority identity-1.2 /' elsewhere/side/journal
expect 1 offline request list --offline side
has "offline.journal"
sed -i 's/ authority identity-1.2 / authority identity-1.1 /' elsewhere/side/journal
expect 0 bm request import files elsewhere/side/out/identity-2.2.response
expect 0 bm request list files
has "identity-2.2"
mv elsewhere/side files.offline
expect 1 bm request import files files.offline/out/identity-2.2.response
has "request.nothing-waiting"
expect 0 bm ledger verify files
echo "key stores: module, TPM and offline files"
