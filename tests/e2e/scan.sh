#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reader's tool on real input: a Debian root made of Debian's own packages, its shim and GRUB,
# OVMF's variables, a FIT of mkimage, an archive as Android's; and what other people's tools list
# there is what the scan finds. With BIRTHMARK_DEBOOTSTRAP=1 the root is a debootstrapped one.
. "$(dirname "$0")/lib.sh"

json() { bm scan "$1" --json "${@:2}"; }
# prints STORE JSON: the fingerprints of a store's anchors, sorted.
prints() { jq -r --arg w "$1" '.items as $i | .stores[] | select(.where == $w) | .anchors[] |
  select(.role == "anchor") | $i[.item].fingerprint' "$2" | sort -u; }
same() { # NAME FILE FILE
  cmp -s "$2" "$3" || die "$1: $(diff "$2" "$3" | head -5)"
  [ -s "$2" ] || die "$1: nothing to compare"
}

say "a Debian root"
ROOT=$WORK/root
mkdir -p "$ROOT" packages
packages=(ca-certificates debian-archive-keyring dns-root-data shim-signed shim-unsigned grub-efi-amd64-signed)
(cd packages && apt-get download -qq "${packages[@]}" 2>/dev/null) || die "the packages cannot be had"
if [ -n "${BIRTHMARK_DEBOOTSTRAP:-}" ]; then
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  debootstrap --variant=minbase --include=ca-certificates,dns-root-data,debian-archive-keyring "$suite" "$ROOT" >debootstrap.log ||
    die "debootstrap: $(tail -3 debootstrap.log)"
fi
for deb in packages/*.deb; do dpkg-deb -x "$deb" "$ROOT"; done
certs=$ROOT/etc/ssl/certs
if [ ! -s "$certs/ca-certificates.crt" ]; then # what its package's script does when it is installed
  mkdir -p "$certs"
  for crt in "$ROOT"/usr/share/ca-certificates/mozilla/*.crt; do
    ln -s "/usr/share/ca-certificates/mozilla/$(basename "$crt")" "$certs/$(basename "$crt" .crt).pem"
    cat "$crt"
  done >"$certs/ca-certificates.crt"
fi
ln -s /etc "$ROOT/etc/loop" 2>/dev/null || true
mkdir -p "$ROOT/etc/apt"
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.example/debian stable main' >"$ROOT/etc/apt/sources.list"

say "what other people's tools list there"
openssl storeutl -noout -text -certs "$certs/ca-certificates.crt" 2>/dev/null | grep -c '^ *Serial Number' >count.theirs || true
python3 - "$certs/ca-certificates.crt" <<'EOF' | sort -u >bundle.theirs
import hashlib, re, ssl, sys
for pem in re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", open(sys.argv[1]).read(), re.S):
    print(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())
EOF
equal "$(wc -l <bundle.theirs)" "$(cat count.theirs)" "two tools count the bundle"
gpg() { command gpg --homedir "$WORK/gpg" --no-permission-warning --batch "$@"; }
mkdir -m 700 gpg
for ring in "$ROOT"/usr/share/keyrings/*.gpg; do
  gpg --show-keys --with-colons --with-subkey-fingerprint "$ring" 2>/dev/null | awk -F: '$1 == "fpr" {print tolower($10)}' |
    sort -u >"$(basename "$ring").theirs"
done
awk '$3 == "DS" {print $4}' "$ROOT/usr/share/dns/root.ds" | sort -u >tags.theirs
objcopy -O binary --only-section=.vendor_cert "$ROOT/usr/lib/shim/shimx64.efi" vendor.bin
size=$(od -An -tu4 -N4 vendor.bin | tr -d ' ') offset=$(od -An -tu4 -j8 -N4 vendor.bin | tr -d ' ')
tail -c +$((offset + 1)) vendor.bin | head -c "$size" >vendor.der
openssl x509 -inform DER -in vendor.der -noout -subject >/dev/null || die "the shim's vendor certificate was not found by objcopy"
sha256sum <vendor.der | cut -d' ' -f1 >vendor.theirs

say "the scan agrees"
json "$ROOT" >root.json
[ "$(jq -r '[.items[] | select(.form == "certificate")] | length' root.json)" -ge "$(cat count.theirs)" ] || die "fewer certificates than openssl lists"
for store in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ /usr/share/ca-certificates/mozilla/; do
  prints "$store" root.json >ours
  same "$store" bundle.theirs ours
done
for ring in "$ROOT"/usr/share/keyrings/*.gpg; do
  prints "/usr/share/keyrings/$(basename "$ring")" root.json >ours
  same "$(basename "$ring")" "$(basename "$ring").theirs" ours
done
jq -r '.items as $i | .stores[] | select(.where == "/usr/share/dns/root.ds") | .anchors[] | $i[.item].key_tag' root.json | sort -u >ours
same "the root's key tags" tags.theirs ours
prints /usr/lib/shim/shimx64.efi root.json >ours
same "the shim's own certificate" vendor.theirs ours
equal "$(jq -r '.stores[] | select(.where == "/usr/share/keyrings/debian-archive-keyring.gpg") | .certainty' root.json)" known "the keyring that sources.list names"
jq -e '[.stores[] | select(.rule == "form.authenticode")] | length > 0' root.json >/dev/null || die "no signers of shim or GRUB"
jq -e '[.items[].facts[].code] | index("scan.expired") and index("scan.weak-key")' root.json >/dev/null || die "old archive keys are not reported as what they are"
expect 0 bm scan "$ROOT" --summary
has "webpki"
lacks "score"

say "the same root as tar, squashfs, ext4 and initramfs"
rm "$ROOT/etc/loop"
jq -r '[.stores[] | select(.certainty != "present") | .where] | sort | .[]' root.json >stores.want
tar -C "$ROOT" -cf root.tar .
mksquashfs "$ROOT" root.sqfs -quiet -no-progress -all-root >/dev/null
mke2fs -q -F -t ext4 -d "$ROOT" root.ext4 $(($(du -sk "$ROOT" | cut -f1) + 20000))k >/dev/null 2>&1
mkdir -p early/kernel/x86/microcode && head -c 3000 /dev/urandom >early/kernel/x86/microcode/GenuineIntel.bin
(cd early && find . | cpio -o -H newc --quiet && head -c 512 /dev/zero && cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >initrd.img
for image in root.tar root.sqfs root.ext4 initrd.img; do
  json "$image" >image.json
  cp image.json "$image.json"
  equal "$(jq '.unread | map(select(.code != "scan.link")) | length' image.json)" 0 "$image: parts not read: $(jq -c '.unread[:3]' image.json)"
  jq -r '[.stores[] | select(.certainty != "present") | .where] | sort | .[]' image.json >stores.have
  same "$image: its stores" stores.want stores.have
  prints /etc/ssl/certs/ca-certificates.crt image.json >ours
  same "$image: its bundle" bundle.theirs ours
done

say "two scans compared"
expect 0 bm scan root.tar --against root.tar.json
has "nothing differs"
cat >>"$ROOT/etc/ssl/certs/ca-certificates.crt" <"$(ls "$ROOT"/usr/share/ca-certificates/mozilla/*.crt | head -1)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=DO NOT TRUST - Test Root" -days 30 \
  -keyout "$ROOT/etc/ssl/certs/test.key" -out test.crt 2>/dev/null
cat test.crt >>"$ROOT/etc/ssl/certs/ca-certificates.crt"
expect 1 bm scan "$ROOT" --against root.json
has "DO NOT TRUST"
expect 0 bm scan "$ROOT"
has "scan.test-key"
has "scan.private-key-beside"

say "Debian's signed kernel: the certificates inside, by its payload unpacked elsewhere"
kernel=$(apt-cache search --names-only '^linux-image-6\.1\..*-cloud-amd64$' | sort -V | tail -1 | cut -d' ' -f1)
if [ -n "$kernel" ] && (cd packages && apt-get download -qq "$kernel" 2>/dev/null); then
  dpkg-deb --fsys-tarfile packages/"$kernel"*.deb | tar -x --wildcards './boot/vmlinuz*'
  # Debian packs this kernel with lz4, in the form of before its frames.
  at=$(grep -obUaP -m1 '\x02\x21\x4c\x18' boot/vmlinuz* | head -1 | cut -d: -f1)
  tail -c +$((at + 1)) boot/vmlinuz* | lz4 -dc 2>/dev/null >vmlinux || true
  python3 - vmlinux >kernel.theirs <<'EOF'
import hashlib, re, subprocess, sys
image = open(sys.argv[1], "rb").read()
for m in re.finditer(rb"\x30\x82..\x30\x82..\xa0\x03\x02\x01\x02", image, re.S):
    der = image[m.start():m.start() + 4 + int.from_bytes(image[m.start() + 2:m.start() + 4], "big")]
    if subprocess.run(["openssl", "x509", "-inform", "DER", "-noout"], input=der, capture_output=True).returncode == 0:
        print(hashlib.sha256(der).hexdigest())
EOF
  sort -u kernel.theirs -o kernel.theirs
  json boot/vmlinuz* >kernel.json
  jq -r '.items as $i | .stores[] | select(.rule == "boot.kernel") | .anchors[] | $i[.item].fingerprint' kernel.json | sort -u >ours
  same "the kernel's own certificates" kernel.theirs ours
  jq -e '[.stores[].rule] | index("form.authenticode")' kernel.json >/dev/null || die "the kernel's signer is not told"
else
  say "(no cloud kernel to be had: not run)"
fi

say "firmware: UEFI variables, a signature list, a FIT of mkimage, an MCUboot image's kind"
json /usr/share/OVMF/OVMF_VARS_4M.ms.fd >vars.json
equal "$(jq -r '[.stores[].where] | sort | join(" ")' vars.json | tr ' ' '\n' | sed 's/.*#//' | grep -cE '^(PK|KEK|db|dbx)$')" 4 "the variables with keys"
jq -e '.items[] | select(.label | test("Microsoft.*UEFI CA 2011"))' vars.json >/dev/null || die "Microsoft's UEFI CA is not in db"
jq -e '.stores[] | select(.where | endswith("#dbx")) | .anchors[0].role == "rejected"' vars.json >/dev/null || die "dbx does not refuse"
cert-to-efi-sig-list -g 77fa9abd-0359-4d32-bd60-28f4e78f784b test.crt db.esl
json db.esl >esl.json
equal "$(jq -r '.items[0].fingerprint' esl.json)" "$(openssl x509 -in test.crt -outform DER | sha256sum | cut -d' ' -f1)" "the list's certificate"
mkdir keys
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out keys/dev.key 2>/dev/null
openssl req -batch -new -x509 -key keys/dev.key -subj /CN=dev -out keys/dev.crt
head -c 5000 /dev/urandom >kernel
cat >fit.its <<'EOF'
/dts-v1/;
/ { description = "x"; #address-cells = <1>;
  images { kernel { description = "k"; data = /incbin/("kernel"); type = "kernel"; arch = "arm64"; os = "linux";
    compression = "none"; load = <0x80000>; entry = <0x80000>; hash-1 { algo = "sha256"; }; };
    ramdisk { description = "r"; data = /incbin/("initrd.img"); type = "ramdisk"; arch = "arm64"; os = "linux";
    compression = "none"; hash-1 { algo = "sha256"; }; }; };
  configurations { default = "c"; c { kernel = "kernel"; ramdisk = "ramdisk";
    signature-1 { algo = "sha256,rsa2048"; key-name-hint = "dev"; sign-images = "kernel", "ramdisk"; }; }; };
};
EOF
echo '/dts-v1/; / { };' | dtc -O dtb -o control.dtb -q
mkimage -f fit.its -k keys -K control.dtb -r fit.itb >/dev/null
json control.dtb >control.json
equal "$(jq -r '.items[0].spki_sha256' control.json)" "$(openssl pkey -in keys/dev.key -pubout -outform DER | sha256sum | cut -d' ' -f1)" "the key in U-Boot's tree"
json fit.itb >fit.json
jq -e '[.stores[].facts[].code] | index("scan.fit-signed")' fit.json >/dev/null || die "the FIT's signature is not told"
jq -e '[.stores[].where] | index("/images/ramdisk!/etc/ssl/certs/ca-certificates.crt")' fit.json >/dev/null || die "the ramdisk inside the FIT was not opened: $(jq -c '[.stores[].where][:3]' fit.json)"

say "an archive as Android's, and bad input"
mkdir -p android/system/etc/security
cp test.crt releasekey.x509.pem
python3 -m zipfile -c android/system/etc/security/otacerts.zip releasekey.x509.pem
json android >android.json
equal "$(jq -r '.stores[] | select(.where | contains("otacerts.zip")) | .kind' android.json)" software-update "otacerts' kind"
head -c 100000 root.ext4 >cut.ext4
head -c 3000 root.sqfs >cut.sqfs
for cut in cut.ext4 cut.sqfs; do
  expect 0 bm scan "$cut"
  has "NOT LOOKED INTO"
done
expect 3 bm scan nothing-there

say "written for others"
bm scan root.tar --cyclonedx bill.json --rfc5914 list.der >/dev/null 2>&1
equal "$(jq -r '.specVersion + " " + (.components[0].type)' bill.json)" "1.7 cryptographic-asset" "the bill"
equal "$(openssl asn1parse -inform DER -in list.der | grep -c 'd=1 ')" "$(jq '.items as $i | [.stores[].anchors[] | select(.role == "anchor") | .item] | unique | map($i[.]) | map(select(.form == "certificate")) | length' image.json)" "the list's anchors"

say "the static reader"
reader scan root.sqfs --json >static.json
prints /etc/ssl/certs/ca-certificates.crt static.json >ours
same "the static reader: the bundle" bundle.theirs ours
jq -e '[.unread[].code] | index("scan.openpgp")' static.json >/dev/null || die "the reader does not say that keyrings need the full program"

say "evidence: a plan's anchors in an image, and a disclosure checked against it"
born gateway 1
mkdir -p image/usr/share/dns image/etc/rauc
cp /usr/share/dns/root.key image/usr/share/dns/
bm anchor export gateway update --format pem -o image/etc/rauc/update.pem >/dev/null
openssl x509 -in test.crt -out image/etc/rauc/stranger.pem
bm scan image --into gateway >/dev/null 2>into.txt || die "$(cat into.txt)"
grep -q "2 of 8 anchors of the plan are in the image, 1 others" into.txt || die "$(cat into.txt)"
bm disclose gateway -o gateway.birthmark >/dev/null
code=0
bm verify gateway.birthmark --image image --json >verified.json || code=$?
equal "$(jq -r '[.image.anchors[] | select(.found) | .anchor] | sort | join(" ")' verified.json)" "dnssec update" "the disclosure's anchors in the image"
equal "$(jq -r '.image.anchors[] | select(.anchor == "boot") | .outside_of_images' verified.json)" true "the anchor in fuses"
equal "$(jq -r '.image.other_stores[]' verified.json)" /etc/rauc/stranger.pem "the store that the disclosure does not name"
equal "$code" 1 "verify's exit code"
reader verify gateway.birthmark --image image >verified.txt 2>&1 || true
grep -q "none of the disclosure's" verified.txt || die "$(cat verified.txt)"
