#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is signed under each anchor's PKI: boot images, updates, servers' certificates, messages; here, carried, by holders in
# three places, by a signer in another time zone; and locks that refuse. openssl, curl and mkimage look at what came out.
. "$(dirname "$0")/lib.sh"
trap 'kill ${SERVER:-} ${TPM:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT
make=$BIN/../test/make_custody
for tool in openssl jq curl mkimage; do command -v $tool >/dev/null || die "no $tool"; done

# The plan of the example, and anchors for what else can be signed.
bm plan new --like bmc -o acme.toml >/dev/null
openssl genrsa -out pinned.key 2048 2>/dev/null
openssl rsa -in pinned.key -pubout -out pinned.pem 2>/dev/null
anchor() { # ID KIND PKI FORM VERIFIES [LINE…]
  printf '\n[[anchor]]\nid = "%s"\nkinds = ["%s"]\n%s\nform = "%s"\nstore = "nor-app"\nverifies = "%s"\nkeeper = "release team"\n' "$1" "$2" "$3" "$4" "$5"
  shift 5
  for line; do printf '%s\n' "$line"; done
}
pki() { # ID NAME ALGORITHM [MORE]
  printf '\n[[pki]]\nid = "%s"\npurpose = "anchor"\nend-entity = { name = "%s", algorithm = "%s", lifetime = "P3Y"%s }\n' "$1" "$2" "$3" "${4:-}"
}
root() { printf '\n[[pki.level]]\nlevel = 1\nname = "%s"\nalgorithm = "ecdsa-p256"\noffline = %s\nlifetime = "P30Y"\n' "$1" "$2"; }
ours() { printf 'file = "generated"\npki = "%s"' "$1"; }
{
  anchor os software-update "$(ours os-pki)" certificate packages 'levels = [2]' 'eku = ["1.3.6.1.5.5.7.3.43"]' \
    'policy-oid = ["1.3.6.1.4.1.32473.5.1"]' 'name-constraints = ["dn:O=Acme Boards"]'
  anchor own software-update "$(ours own-pki)" certificate packages 'levels = [1, 2]'
  anchor mcu software-update "$(ours mcu-pki)" public-key packages
  anchor mcu-rsa software-update "$(ours mcu-rsa-pki)" public-key packages
  anchor pinned software-update 'file = "pinned.pem"' public-key packages
  anchor cloud private-cloud "$(ours cloud-pki)" certificate tls-server 'eku = ["1.3.6.1.5.5.7.3.1"]' 'name-constraints = ["dns:acme.example"]'
  anchor pin private-cloud "$(ours pin-pki)" public-key tls-server 'levels = [1]'
  anchor ta tam "$(ours ta-pki)" certificate trusted-application
  pki os-pki "Acme OS Signer" ecdsa-p256 ', time-zones = ["UTC+1", "UTC-8", "UTC+8"]' && root "Acme OS Root" true
  pki own-pki "Acme Unused Signer" ecdsa-p256 && root "Acme Own Root" true
  pki mcu-pki "Acme MCU Key" ecdsa-p256
  pki mcu-rsa-pki "Acme MCU RSA Key" rsa-2048
  pki cloud-pki "Acme Cloud" ecdsa-p256 && root "Acme Cloud Root" false
  pki pin-pki "Acme Pinned Server" ecdsa-p256
  pki ta-pki "Acme TAM" ecdsa-p256 ', proof = "required"' && root "Acme TAM Root" false
} >>acme.toml
organization=$(grep -m1 '^manufacturer' acme.toml | cut -d'"' -f2)
sed -i "s/Acme Boards/$organization/" acme.toml
bm init acme --plan acme.toml >/dev/null
sign() { bm artifact sign acme "$@"; }
verify() { bm artifact verify "$@"; }
public=acme/public
head -c 3000 /dev/urandom >patch

say "a device image: the anchors of the released one, other code; the lock of the plan"
expect 0 sign patch --anchor update --kind device-image --version 7 -o application.img
has "level 3"
expect 0 verify application.img --anchor $public/anchor-update.pem --level 3 --eku 1.3.6.1.5.5.7.3.3 --installed-version 6 --json
equal "$(jq -r '[.kind, .level, .version] | join(" ")' <<<"$OUT")" "device-image 3 7" "what verify tells"
expect 1 verify application.img --anchor $public/anchor-boot.pem
has "artifact.path"
# Each restriction by itself.
for refused in "level --level 2" "eku --eku 1.3.6.1.5.5.7.3.43" "policy --policy 1.3.6.1.4.1.32473.9" "subject --subject Somebody" \
  "name-constraints --name-constraints dn:O=Other" "subordinate --subordinate $public/anchor-boot.pem" "rolled-back --installed-version 8"; do
  # shellcheck disable=SC2086
  expect 1 verify application.img --anchor $public/anchor-update.pem ${refused#* }
  has "artifact.${refused%% *}:"
done
printf 'X' | dd of=application.img bs=1 seek=100 conv=notrunc status=none
expect 1 verify application.img --anchor $public/anchor-update.pem
expect 1 sign patch --anchor update --kind device-image --version 7 -o again.img
has "artifact.version"
expect 0 sign patch --anchor update --kind device-image --version 7 --again -o again.img

say "an update manifest, with its bill of materials"
echo '{"bomFormat": "CycloneDX"}' >sbom.json
expect 0 sign patch --anchor os --kind update --version 3 --sbom sbom.json --sbom-uri https://acme.example/sbom.json -o patch.suit
expect 0 verify patch.suit --anchor $public/anchor-os.pem --content patch --eku 1.3.6.1.5.5.7.3.43 --policy 1.3.6.1.4.1.32473.5.1 --json
equal "$(jq -r '.facts["sbom-sha256"]' <<<"$OUT")" "$(sha256sum <sbom.json | cut -d' ' -f1)" "the bill's digest"
expect 1 verify patch.suit --anchor $public/anchor-os.pem --content sbom.json
has "artifact.content"
expect 1 sign patch --anchor cloud --kind update --version 1 -o no.suit
has "artifact.verifies"

say "detached CMS, by openssl"
expect 0 sign patch --anchor os --kind cms --version 4 -o patch.p7s
openssl cms -verify -binary -inform DER -in patch.p7s -content patch -CAfile $public/anchor-os.pem -purpose any -out /dev/null 2>cms.txt ||
  die "openssl cms: $(cat cms.txt)"
echo other >other
openssl cms -verify -binary -inform DER -in patch.p7s -content other -CAfile $public/anchor-os.pem -purpose any -out /dev/null 2>/dev/null && die "openssl takes another content"
expect 0 verify patch.p7s --anchor $public/anchor-os.pem --content patch --level 2 --installed-version 4
expect 1 verify patch.p7s --anchor $public/anchor-os.pem --content other
has "artifact.content"

say "MCUboot, by openssl over the octets that are hashed"
expect 0 sign patch --anchor mcu --kind mcuboot --version 1.4.2+7 -o patch.mcuboot
expect 0 verify patch.mcuboot --anchor $public/anchor-mcu.pem --level 1 --installed-version 1.4.2+6
expect 1 verify patch.mcuboot --anchor $public/anchor-mcu.pem --installed-version 1.5
has "artifact.rolled-back"
cat >tlv.py <<'PY'
# The octets that are hashed and the signature of a MCUboot image: FILE TYPE HASHED SIGNATURE.
import struct, sys
d = open(sys.argv[1], "rb").read()
magic, _, header, protected, size = struct.unpack_from("<IIHHI", d)
assert magic == 0x96F3B83D and header == 512 and size == 3000
end = header + size + protected
open(sys.argv[3], "wb").write(d[:end])
at, stop = end + 4, end + struct.unpack_from("<H", d, end + 2)[0]
while at < stop:
    kind, length = struct.unpack_from("<HH", d, at)
    if kind == int(sys.argv[2], 16): open(sys.argv[4], "wb").write(d[at + 4:at + 4 + length])
    at += 4 + length
PY
python3 tlv.py patch.mcuboot 0x22 hashed mcuboot.sig
openssl dgst -sha256 -verify $public/anchor-mcu.pem -signature mcuboot.sig hashed >/dev/null || die "openssl refuses the MCUboot image"

say "MCUboot's RSA is RSASSA-PSS"
expect 0 sign patch --anchor mcu-rsa --kind mcuboot --version 2 -o rsa.mcuboot
expect 0 verify rsa.mcuboot --anchor $public/anchor-mcu-rsa.pem --level 1
expect 1 verify rsa.mcuboot --anchor pinned.pem
has "artifact.signature"
python3 tlv.py rsa.mcuboot 0x20 rsa.hashed rsa.sig
openssl dgst -sha256 -binary rsa.hashed >rsa.digest
pss() { openssl pkeyutl -verify -pubin -inkey $public/anchor-mcu-rsa.pem -in rsa.digest -sigfile "$1" -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32; }
pss rsa.sig >/dev/null || die "openssl refuses the RSASSA-PSS signature"

say "FIT: what mkimage signed is taken, what is signed here by a carried key as well"
cat >fit.its <<'ITS'
/dts-v1/;
/ { description = "a gateway"; #address-cells = <1>;
  images { kernel { description = "kernel"; data = /incbin/("patch"); type = "kernel"; arch = "arm64"; os = "linux"; compression = "none"; load = <0x1000>; entry = <0x1000>; hash-1 { algo = "sha256"; }; };
           fdt-1 { description = "tree"; data = /incbin/("sbom.json"); type = "flat_dt"; arch = "arm64"; compression = "none"; hash-1 { algo = "sha256"; }; }; };
  configurations { default = "conf-1"; conf-1 { description = "board"; kernel = "kernel"; fdt = "fdt-1"; SIGNATURE }; };
};
ITS
sed 's/SIGNATURE//' fit.its >plain.its
sed 's/SIGNATURE/signature-1 { algo = "sha256,rsa2048"; key-name-hint = "pinned"; sign-images = "kernel", "fdt"; };/' fit.its >signed.its
mkdir keys && cp pinned.key keys/
openssl req -new -x509 -key pinned.key -out keys/pinned.crt -subj /CN=pinned -days 9 2>/dev/null
mkimage -f plain.its plain.fit >/dev/null
mkimage -f signed.its -k keys mk.fit >/dev/null
expect 0 verify mk.fit --anchor pinned.pem --level 1
expect 1 verify mk.fit --anchor $public/anchor-mcu.pem
expect 1 verify plain.fit --anchor pinned.pem
has "artifact.unsigned"
expect 0 sign plain.fit --anchor pinned --kind fit --round fit.round -o patch.fit
has "waits: sign fit.round/message"
openssl dgst -sha256 -sign pinned.key -out fit.round/signature fit.round/message
expect 0 sign plain.fit --anchor pinned --kind fit --round fit.round -o patch.fit
has "level 1, rsa-2048 by pinned (carried)"
expect 0 verify patch.fit --anchor pinned.pem
dumpimage -l patch.fit | grep -q 'Sign algo:    sha256,rsa2048:pinned' || die "dumpimage finds no signature: $(dumpimage -l patch.fit)"
sed 's/sha256,rsa2048"; key/sha256,rsa2048"; padding = "pss"; key/' signed.its >pss.its
mkimage -f pss.its -k keys mkpss.fit >/dev/null
expect 0 verify mkpss.fit --anchor pinned.pem --json
equal "$(jq -r .facts.padding <<<"$OUT")" pss "the padding that mkimage used"
by_pss() { sign plain.fit --anchor pinned --kind fit --padding pss --round pss.round --again -o pss.fit; }
expect 0 by_pss
has "a salt of 222 octets"
openssl dgst -sha256 -sign pinned.key -out pss.round/signature pss.round/message # the other padding
expect 1 by_pss
has "artifact.carried"
openssl dgst -sha256 -sign pinned.key -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:222 -out pss.round/signature pss.round/message
expect 0 by_pss
expect 0 verify pss.fit --anchor pinned.pem
dumpimage -l pss.fit | grep -q 'Sign padding: pss' || die "dumpimage finds no padding: $(dumpimage -l pss.fit)"
sed 's/board/beard/' patch.fit >bad.fit
expect 1 verify bad.fit --anchor pinned.pem

say "servers of the private cloud: a certificate on request; a pinned key, level 1"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=ignored -addext subjectAltName=DNS:api.acme.example 2>/dev/null
expect 0 sign server.csr --anchor cloud --kind tls-server -o server.pem
has "level 2"
openssl verify -x509_strict -CAfile $public/anchor-cloud.pem -verify_hostname api.acme.example server.pem >/dev/null || die "openssl refuses the server's certificate"
openssl s_server -accept 127.0.0.1:0 -cert server.pem -key server.key -www >server.log 2>&1 </dev/null &
SERVER=$!
for _ in $(seq 3000); do
  port=$(sed -n 's/.*ACCEPT 127.0.0.1:\([0-9]*\).*/\1/p' server.log)
  [ -n "$port" ] && break
  sleep 0.05
done
pin=sha256//$(openssl pkey -in server.key -pubout -outform DER | openssl dgst -sha256 -binary | base64)
get() { curl -sS -o /dev/null --resolve "api.acme.example:$port:127.0.0.1" "$@" "https://api.acme.example:$port/"; }
expect 0 get --cacert $public/anchor-cloud.pem
expect 0 get -k --pinnedpubkey "$pin"
expect 90 get -k --pinnedpubkey "sha256//$(head -c 32 /dev/zero | base64)"
kill $SERVER
openssl req -in server.csr -noout -pubkey >server.pub
expect 0 verify server.pem --anchor server.pub --level 1 --name-constraints dns:acme.example
openssl req -new -key server.key -out evil.csr -subj /CN=ignored -addext subjectAltName=DNS:acme.evil 2>/dev/null
expect 1 sign evil.csr --anchor cloud --kind tls-server -o evil.pem
has "artifact.name-constraints"
expect 0 sign --anchor pin --kind tls-server --name pin.acme.example -o pin.cert
expect 0 verify pin.cert --anchor $public/anchor-pin.pem --level 1
openssl verify -CAfile pin.cert pin.cert >/dev/null || die "openssl refuses the pinned key's certificate"

say "an offline anchor's own key, level 1: a carried request that says what it is for"
expect 0 sign patch --anchor own --kind update --version 1 --signer own-pki-1.1 -o own.suit
has "waits: carry"
request=$(ls acme/requests/*.artifact-request)
expect 0 bm request show "$request"
has "version 1"
expect 0 bm request list acme
has "own-pki-1.1"
expect 0 bm request sign "$request" --offline acme.offline
cp acme.offline/out/*.artifact-response acme/requests/
expect 0 sign patch --anchor own --kind update --version 1 --signer own-pki-1.1 -o own.suit
has "level 1"
has "(carried)"
expect 0 verify own.suit --anchor $public/anchor-own.pem --level 1 --content patch

say "the same for what carries no COSE: the offline side makes the octets itself"
offline() { # FILE KIND VERSION OUT: there and back
  expect 0 sign "$1" --anchor own --kind "$2" ${3:+--version "$3"} --signer own-pki-1.1 -o "$4"
  has "waits: carry"
  request=$(ls -t acme/requests/*.artifact-request | head -1)
  expect 0 bm request show "$request"
  has "asks for    a signature: $2"
  has "asked by    the holder of the key"
  expect 0 bm request sign "$request" --offline acme.offline
  cp acme.offline/out/*.artifact-response acme/requests/
  expect 0 sign "$1" --anchor own --kind "$2" ${3:+--version "$3"} --signer own-pki-1.1 -o "$4"
  has "level 1"
  expect 0 verify "$4" --anchor $public/anchor-own.pem --level 1
}
offline patch cms 3 own.p7s
openssl cms -verify -binary -inform DER -in own.p7s -content patch -CAfile $public/anchor-own.pem -purpose any -out /dev/null 2>cms.txt ||
  die "openssl cms: $(cat cms.txt)"
offline patch mcuboot 1.2.3+4 own.mcuboot
python3 tlv.py own.mcuboot 0x22 hashed mcuboot.sig
openssl x509 -in $public/anchor-own.pem -noout -pubkey >own.pub
openssl dgst -sha256 -verify own.pub -signature mcuboot.sig hashed >/dev/null || die "openssl refuses the carried MCUboot image"
offline plain.fit fit "" own.fit
# Who asks is known there; a request that nobody signed, or a stranger, is left alone.
sed '/BEGIN BIRTHMARK REQUEST SIGNATURE/,$d' "$request" >nobody.artifact-request
expect 1 bm request sign nobody.artifact-request --offline acme.offline
has "request.unsigned"
mkdir askers && cp acme.offline/askers/*.pem askers/
for asker in acme.offline/askers/*.pem; do cp pinned.pem "$asker"; done
expect 1 bm request sign "$request" --offline acme.offline
has "request.asker"
cp askers/*.pem acme.offline/askers/

say "an emergency patch: three holders in three places, none of whom can sign alone"
mkdir c round
echo "rehearsal passphrase" >p && chmod 600 p
"$make" deal c 3 5
admit() { bm artifact signer acme --anchor os --made c/set.cbor --round csr.round --name "Acme Emergency Signer" -o holders.pem; }
mkdir csr.round
expect 0 admit
has "waits: holders who will sign commit"
for i in 1 3 5; do expect 0 bm share commit c/$i.share --passphrase-file p -o csr.round/$i.commitment; done
expect 0 admit
for i in 1 3 5; do expect 0 bm share sign c/$i.share --passphrase-file p --request csr.round/request --message csr.round/message -o csr.round/$i.part; done
expect 0 admit
has "not proven to be in hardware"
emergency() { sign patch --anchor os --kind update --version 5 --made c/set.cbor --round round -o emergency.suit "$@"; }
expect 0 emergency
has "waits: holders who will sign commit"
for zone in 2:UTC+1 3:UTC-8 4:UTC+8; do # each in a folder of its own; only the three messages travel
  mkdir "at-${zone#*:}" && cp "c/${zone%%:*}.share" "at-${zone#*:}/mine.share"
  expect 0 bm share commit "at-${zone#*:}/mine.share" --passphrase-file p -o "round/${zone#*:}.commitment"
done
expect 0 emergency
for zone in UTC+1 UTC-8 UTC+8; do
  expect 0 bm share sign "at-$zone/mine.share" --passphrase-file p --request round/request --message round/message -o "round/$zone.part"
done
expect 0 emergency
has "ed25519"
has "(threshold)"
expect 0 verify emergency.suit --anchor $public/anchor-os.pem --content patch --level 2 --subject "Acme Emergency Signer" --json
openssl x509 -in holders.pem -noout -pubkey >holders.pub
python3 - <<'PY'
# The signature is the 64 octets that end the COSE_Sign1, found by its head 0x5840 before the manifest.
d = open("emergency.suit", "rb").read()
at = d.index(b"\xf6\x58\x40") + 3
open("emergency.sig", "wb").write(d[at:at + 64])
PY
openssl pkeyutl -verify -rawin -pubin -inkey holders.pub -in round/message -sigfile emergency.sig >/dev/null || die "openssl refuses the holders' signature"

say "the other way: a signer in each time zone, any of which signs alone"
expect 0 bm artifact list acme --signers --json
equal "$(jq -r '[.[] | select(.pki == "os-pki") | .time_zone | select(. != "")] | sort | join(" ")' <<<"$OUT")" "UTC+8 UTC-8" "zones beside the workspace's own"
expect 0 sign patch --anchor os --kind update --version 6 --signer UTC-8 -o zone.suit
expect 0 verify zone.suit --anchor $public/anchor-os.pem --level 2 --subject "Acme OS Signer UTC-8"

say "a message to a device's TAM; its signers prove their hardware"
expect 0 sign $public/anchor-cloud.pem --anchor ta --kind tam --do anchor-replace --target cloud --version 1 -o tam.msg
expect 0 verify tam.msg --anchor $public/anchor-ta.pem --level 2 --json
equal "$(jq -r '[.name, .facts.target] | join(" ")' <<<"$OUT")" "anchor-replace cloud" "what the message asks for"
expect 1 sign --anchor ta --kind tam --do anchor-remove --version 2 -o tam.msg
has "artifact.tam"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout soft.key -out soft.csr -subj /CN=soft 2>/dev/null
expect 1 bm artifact signer acme --anchor ta --csr soft.csr -o soft.pem
has "artifact.proof-required"
has "CSBR 6.2.7.4"
if command -v swtpm >/dev/null; then
  element() { "$BIN/birthmark-element" "$@"; }
  element swtpm:hsm.tpm part --maker maker --serial HSM-1
  element swtpm:hsm.tpm make idevid -o hsm.pub
  element swtpm:hsm.tpm endorse --ek hsm.ek --ak hsm.ak
  head -c 32 /dev/urandom >other.nonce
  element swtpm:hsm.tpm csr idevid --subject "CN=hsm" --nonce other.nonce -o unbound.csr
  expect 1 bm artifact signer acme --anchor ta --csr unbound.csr --vendor-root maker/root.pem -o hsm.pem
  has "attest.not-bound"
  expect 0 bm artifact signer acme --anchor ta --ek hsm.ek --ak hsm.ak -o hsm.credential
  element swtpm:hsm.tpm activate --credential hsm.credential -o hsm.nonce
  element swtpm:hsm.tpm csr idevid --subject "CN=hsm" --nonce hsm.nonce -o hsm.csr
  expect 1 bm artifact signer acme --anchor ta --csr hsm.csr --vendor-root $public/root.pem -o hsm.pem
  has "attest."
  expect 0 bm artifact signer acme --anchor ta --ek hsm.ek --ak hsm.ak -o hsm.credential
  element swtpm:hsm.tpm activate --credential hsm.credential -o hsm.nonce2
  element swtpm:hsm.tpm csr idevid --subject "CN=hsm" --nonce hsm.nonce2 -o hsm.csr
  expect 0 bm artifact signer acme --anchor ta --csr hsm.csr --vendor-root maker/root.pem -o hsm.pem --json
  equal "$(jq -r '.facts | index("fixedTPM") != null' <<<"$OUT")" true "what was proven"
  openssl verify -CAfile $public/anchor-ta.pem hsm.pem >/dev/null || die "openssl refuses the signer's certificate"
fi

say "the log has each of them, and holds"
expect 0 bm artifact list acme --json
equal "$(jq -r '[.[] | .how] | unique | join(" ")' <<<"$OUT")" "carried online threshold" "ways of signing"
equal "$(jq -r '[.[] | select(.anchor == "os") | .signer] | unique | length' <<<"$OUT")" 3 "signers under one anchor"
expect 0 bm ledger verify acme
