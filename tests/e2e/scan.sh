#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reader's tool on real input: a bootstrapped Debian root, its shim and GRUB, Java's key stores,
# OVMF's variables, a FIT of mkimage, an archive as Android's; and what other people's tools list
# there is what the scan finds. Then input that is broken on purpose.
. "$(dirname "$0")/lib.sh"

json() { bm scan "$1" --json "${@:2}"; }
# prints STORE JSON: the fingerprints of a store's anchors, sorted.
prints() { jq -r --arg w "$1" '.items as $i | .stores[] | select(.where == $w) | .anchors[] |
  select(.role == "anchor") | $i[.item].fingerprint' "$2" | sort -u; }
same() { # NAME FILE FILE
  cmp -s "$2" "$3" || die "$1: $(diff "$2" "$3" | head -5)"
  [ -s "$2" ] || die "$1: nothing to compare"
}

ROOT=$WORK/root
mkdir -p "$ROOT" packages
# bootstrap makes a root as debootstrap does, by dpkg and the packages' own scripts; apt's lists of
# this machine are taken as they are.
bootstrap() {
  local sources=() f
  for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do [ -s "$f" ] && sources+=("$f"); done
  exec mmdebstrap --mode=root --variant=custom --skip=update,cleanup,check/empty \
    --include=dpkg,base-files,base-passwd,libc-bin,coreutils,dash,diffutils,debianutils,findutils,grep,sed,tar,gzip,mawk,perl-base \
    --include=ca-certificates,dns-root-data,debian-archive-keyring,openssh-client,p11-kit,p11-kit-modules \
    --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
    --setup-hook='find /var/lib/apt/lists -maxdepth 1 -name "*debian*" -type f -exec cp -t "$1/var/lib/apt/lists/" {} +' \
    --customize-hook='cd "$1" && rm -rf usr/share/doc usr/share/man usr/share/locale var/cache/apt/*.bin var/cache/apt/archives/*.deb var/lib/apt/lists/*_*' \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$ROOT" "${sources[@]}"
}
if [ "$(id -u)" -eq 0 ] && command -v mmdebstrap >/dev/null; then
  bootstrap >bootstrap.log 2>&1 </dev/null &
  BOOTSTRAP=$!
  # While it runs /proc and /sys are mounted in there: nothing is removed before it has ended.
  trap 'if [ -n "${BOOTSTRAP:-}" ]; then kill "$BOOTSTRAP" 2>/dev/null || true; wait "$BOOTSTRAP" || true; fi; rm -rf --one-file-system "$WORK"' EXIT
fi

say "firmware: UEFI variables, a signature list"
json /usr/share/OVMF/OVMF_VARS_4M.ms.fd >vars.json
equal "$(jq -r '[.stores[].where] | sort | join(" ")' vars.json | tr ' ' '\n' | sed 's/.*#//' | grep -cE '^(PK|KEK|db|dbx)$')" 4 "the variables with keys"
jq -e '.items[] | select(.label | test("Microsoft.*UEFI CA 2011"))' vars.json >/dev/null || die "Microsoft's UEFI CA is not in db"
jq -e '.stores[] | select(.where | endswith("#dbx")) | .anchors[0].role == "rejected"' vars.json >/dev/null || die "dbx does not refuse"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=DO NOT TRUST - Test Root" -days 30 -keyout test.key -out test.crt 2>/dev/null
cert-to-efi-sig-list -g 77fa9abd-0359-4d32-bd60-28f4e78f784b test.crt db.esl
json db.esl >esl.json
equal "$(jq -r '.items[0].fingerprint' esl.json)" "$(openssl x509 -in test.crt -outform DER | sha256sum | cut -d' ' -f1)" "the list's certificate"
mkdir keys
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out keys/dev.key 2>/dev/null
openssl req -batch -new -x509 -key keys/dev.key -subj /CN=dev -out keys/dev.crt
say "Java's key stores, made by Java"
prints_of() { keytool -list -v -keystore "$1" -storepass "$2" 2>/dev/null | sed -n 's/.*SHA256: *//p' | tr -d : | tr A-F a-f | sort -u; }
mkdir -p java
for type in JKS JCEKS PKCS12; do
  for word in changeit "secret of ours"; do
    store=java/$type-${word%% *}
    for one in test.crt keys/dev.crt; do
      keytool -importcert -noprompt -alias "Entry $one" -file $one -keystore "$store" -storetype $type -storepass "$word" 2>/dev/null
    done
  done
done
cp /etc/ssl/certs/java/cacerts java/
json java >java.json
for store in JKS-changeit JKS-secret JCEKS-changeit JCEKS-secret PKCS12-changeit cacerts; do
  word=changeit whole=true
  [ "${store#*-}" = secret ] && word="secret of ours" whole=false
  prints_of java/$store "$word" >java.theirs
  prints "/$store" java.json >ours
  same "Java's $store" java.theirs ours
  equal "$(jq --arg w "/$store" '[.stores[] | select(.where == $w) | .facts[].code] | index("trust.not-checked") == null' java.json)" $whole "$store: its digest is checked"
done
jq -e 'any(.unread[]; .where == "/PKCS12-secret" and .code == "trust.pkcs12-password")' java.json >/dev/null || die "a closed PKCS #12 store: $(jq -c .unread java.json)"

say "bad input: each is named, and what lies beside it is found"
mkdir -p bad tree/etc/ssl/certs tree/dir && cp test.crt bad/good.pem
cp test.crt tree/etc/ssl/certs/good.pem
for name in a b c; do head -c 50000 /dev/urandom >tree/$name; done
ln -s y.pem tree/etc/ssl/certs/x.pem && ln -s x.pem tree/etc/ssl/certs/y.pem
tar -C tree -cf bad/circle.tar .
for kind in 2 4; do mke2fs -q -F -t ext$kind -b 1024 -d tree bad/circle.ext$kind 4M >/dev/null 2>&1; done
mksquashfs tree bad/circle.sqfs -quiet -no-progress -all-root >/dev/null
image() { cp "bad/circle.$1" "bad/$2"; }
fs() { debugfs -w -R "$2" "bad/$1" >/dev/null 2>&1; } # one change inside an image
block() { debugfs -R "bmap /$2 0" "bad/$1" 2>/dev/null; }
image ext4 overlap.ext4 && fs overlap.ext4 "sif /b block[5] $(block overlap.ext4 a)"
image ext2 overlap.ext2 && fs overlap.ext2 "sif /b block[0] $(block overlap.ext2 a)"
image ext4 loop.ext4 && fs loop.ext4 "ln / /dir/up"
image ext4 absurd.ext4 && fs absurd.ext4 "sif /c size 0x7fffffffff"
image ext4 outside.ext4 && fs outside.ext4 "sif /c block[5] 0x7fffffff"
head -c 1500 bad/circle.ext4 >bad/super.ext4
image ext4 groups.ext4 && head -c 1024 /dev/urandom | dd of=bad/groups.ext4 bs=1024 seek=2 conv=notrunc status=none
head -c 300000 bad/circle.ext4 >bad/cut.ext4
head -c 60 bad/circle.sqfs >bad/super.sqfs
head -c 20000 bad/circle.sqfs >bad/cut.sqfs
mkdir holes && cp test.crt holes/ && truncate -s 1T holes/sparse && echo end >>holes/sparse
tar -C holes -S -cf bad/sparse.tar .
truncate -s 1G holes/sparse
mksquashfs holes bad/sparse.sqfs -quiet -no-progress >/dev/null 2>&1
openssl pkcs12 -export -nokeys -in test.crt -passout pass:unknown -out bad/closed.p12
python3 - <<'EOF'
import gzip, io, socket, struct, tarfile, zipfile, zlib
good = open("test.crt", "rb").read()
def patched(name, source, at, octets):
    data = bytearray(open("bad/" + source, "rb").read())
    data[at:at + len(octets)] = octets
    open("bad/" + name, "wb").write(data)
for name, at in (("ids", 48), ("inodes", 64), ("folders", 72), ("fragments", 80)):  # where the superblock has them
    patched(name + ".sqfs", "circle.sqfs", at, struct.pack("<Q", 97))
with gzip.GzipFile("bad/bomb.gz", "wb", 9) as out:
    for _ in range(300): out.write(bytes(1 << 20))
# Members of 64 MiB: none of them is a bomb, all together are.
body = zlib.compressobj(9, zlib.DEFLATED, -15)
member = body.compress(bytes(64 << 20)) + body.flush()
crc, central, local = zlib.crc32(bytes(64 << 20)), b"", b""
head = struct.pack("<5H3I2H", 20, 0, 8, 0, 0x21, crc, len(member), 64 << 20, 1, 0)
for name in b"a", b"b", b"c", b"d", b"e", b"f":
    central += b"PK\x01\x02\x14\x00" + head + struct.pack("<3H2I", 0, 0, 0, 0, len(local)) + name
    local += b"PK\x03\x04" + head + name + member
end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 6, 6, len(central), len(local), 0)
open("bad/many.zip", "wb").write(local + central + end)
with tarfile.open("bad/out.tar", "w") as t:
    for name in ("../../tmp/evil.pem", "/etc/evil.pem"):
        info = tarfile.TarInfo(name); info.size = len(good); t.addfile(info, io.BytesIO(good))
with zipfile.ZipFile("bad/out.zip", "w") as z: z.writestr("../../tmp/evil.pem", good)
def cpio(name, data, size=None):
    fields = [1, 0o100644, 0, 0, 1, 0, len(data) if size is None else size, 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
open("bad/out.cpio", "wb").write(cpio(b"../../tmp/evil.pem", good) + cpio(b"TRAILER!!!", b""))
open("bad/size.cpio", "wb").write(cpio(b"good.pem", good) + cpio(b"x", b"", 0xffffffff))
info = tarfile.TarInfo("huge"); info.size = 1 << 50
open("bad/size.tar", "wb").write(info.tobuf(tarfile.GNU_FORMAT) + bytes(512))
nest = good
for i in range(30):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z: z.writestr("deeper.zip" if i else "good.pem", nest)
    nest = out.getvalue()
open("bad/deep.zip", "wb").write(nest)
socket.socket(socket.AF_UNIX).bind("bad/socket")
EOF
mkfifo bad/pipe
mknod bad/zero c 1 5 2>/dev/null || true
python3 - "$BIN/birthmark" <<'EOF' >bounds.txt
import resource, subprocess, sys, time
start = time.time()
subprocess.run([sys.argv[1], "scan", "bad", "--json"], stdout=open("bad.json", "w"), check=True, timeout=120)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, round(time.time() - start, 1))
EOF
read -r memory seconds <bounds.txt
echo "    $memory MiB of memory, $seconds s"
[ "$memory" -lt 500 ] || die "$memory MiB is too much memory"
while read -r code file; do
  jq -e --arg c "scan.$code" --arg f "/$file" 'any(.unread[]; .code == $c and (.where | startswith($f)))' bad.json >/dev/null ||
    die "$file: scan.$code is not among $(jq -c --arg f "/$file" '[.unread[] | select(.where | startswith($f))]' bad.json)"
done <<'EOF'
loop circle.tar
loop circle.ext4
loop circle.sqfs
loop loop.ext4
overlap overlap.ext2
overlap overlap.ext4
overlap outside.ext4
absurd absurd.ext4
ext4 super.ext4
ext4 groups.ext4
truncated cut.ext4
squashfs super.sqfs
squashfs cut.sqfs
squashfs ids.sqfs
squashfs inodes.sqfs
squashfs folders.sqfs
squashfs fragments.sqfs
bomb sparse.sqfs
bomb sparse.tar
bomb bomb.gz
bomb many.zip
path-traversal out.tar
path-traversal out.zip
path-traversal out.cpio
truncated size.cpio
archive size.tar
depth deep.zip
EOF
jq -e 'any(.unread[]; .where == "/closed.p12" and .code == "trust.pkcs12-password")' bad.json >/dev/null || die "a closed PKCS #12 store is not named"
for at in /good.pem /circle.tar!/etc/ssl/certs/ /circle.ext2!/etc/ssl/certs/ /overlap.ext4!/etc/ssl/certs/ /overlap.ext2!/etc/ssl/certs/ \
  /loop.ext4!/etc/ssl/certs/ /absurd.ext4!/etc/ssl/certs/ /outside.ext4!/etc/ssl/certs/ /sparse.sqfs!/test.crt /out.tar!/etc/evil.pem /size.cpio!/good.pem; do
  jq -e --arg w "$at" 'any(.stores[]; .where == $w)' bad.json >/dev/null || die "$at was not found beside what is broken: $(jq -c '[.stores[].where]' bad.json)"
done
[ "$(jq .special_files bad.json)" -ge 2 ] || die "pipe and socket are not counted"
[ ! -e /tmp/evil.pem ] || die "something was unpacked"
expect 3 bm scan nothing-there
expect 2 bm scan bad --time nonsense
has scan.time
mkdir -p closed/inner && cp test.crt closed/seen.pem && cp test.crt closed/inner/ && cp test.crt closed/secret.pem
as=()
if [ "$(id -u)" -eq 0 ]; then # root may read everything: somebody else looks
  chmod 711 "$WORK" && chmod 700 closed/inner && chmod 600 closed/secret.pem
  cp "$BIN/birthmark" scanner && as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
else
  ln -s "$BIN/birthmark" scanner && chmod 0 closed/inner closed/secret.pem
fi
"${as[@]}" ./scanner scan closed --json >closed.json
equal "$(jq -r '[.unread[] | select(.code == "scan.permission") | .where] | join(" ")' closed.json)" "/inner /secret.pem" "what nobody may read"
jq -e 'any(.stores[]; .where == "/seen.pem")' closed.json >/dev/null || die "a neighbour of what nobody may read was not found"
if grep -q ' /dev/' /proc/mounts; then
  expect 0 bm scan /dev --json
  has scan.other-file-system
fi

say "root-anchors.xml, and who signed it"
mkdir -p dns && cat >dns/root-anchors.xml <<'EOF'
<?xml version="1.0" encoding="UTF-8"?>
<TrustAnchor id="1" source="http://data.iana.org/root-anchors/root-anchors.xml"><Zone>.</Zone>
<KeyDigest id="Klajeyz" validFrom="2017-02-02T00:00:00+00:00"><KeyTag>20326</KeyTag><Algorithm>8</Algorithm><DigestType>2</DigestType>
<Digest>E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D</Digest></KeyDigest></TrustAnchor>
EOF
openssl cms -sign -binary -in dns/root-anchors.xml -signer keys/dev.crt -inkey keys/dev.key -outform DER -out dns/root-anchors.p7s
fact() { jq -e --arg c "$1" 'any(.stores[].facts[]; .code == $c)' "$2" >/dev/null || die "$2 does not tell $1: $(jq -c '[.stores[].facts[]]' "$2")"; }
json dns >dns.json
fact scan.root-signature dns.json
cp keys/dev.crt dns/icannbundle.pem
json dns >dns.json
fact scan.root-signed dns.json
sed -i 's/20326/20327/' dns/root-anchors.xml
json dns >dns.json
fact scan.root-signature dns.json

say "a Debian root"
packages=(shim-signed shim-unsigned grub-efi-amd64-signed)
if [ -n "${BOOTSTRAP:-}" ] && wait "$BOOTSTRAP"; then
  BOOTSTRAP=
  echo "    bootstrapped: $(tail -1 bootstrap.log)"
else
  echo "    no root could be bootstrapped, so packages are unpacked instead: $(grep -m1 '^E:' bootstrap.log 2>/dev/null || echo "that takes root's rights and mmdebstrap")"
  rm -rf --one-file-system "$ROOT" && mkdir "$ROOT"
  packages+=(ca-certificates debian-archive-keyring dns-root-data)
fi
(cd packages && apt-get download -qq "${packages[@]}" 2>/dev/null) || die "the packages cannot be had"
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
rm -f "$ROOT"/etc/apt/sources.list.d/*
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.example/debian stable main' >"$ROOT/etc/apt/sources.list"

mkdir -p "$ROOT/etc/ssl/certs/java" "$ROOT/etc/ssh/sshd_config.d" "$ROOT/root/.ssh"
cp /etc/ssl/certs/java/cacerts "$ROOT/etc/ssl/certs/java/cacerts"
ssh-keygen -q -t ed25519 -N "" -C people -f people
ssh-keygen -q -t ecdsa -N "" -C "" -f "$ROOT/etc/ssh/ssh_host_ecdsa_key"
cp people.pub "$ROOT/etc/ssh/people.pub"
echo 'TrustedUserCAKeys /etc/ssh/people.pub' >"$ROOT/etc/ssh/sshd_config.d/people.conf"
echo "cert-authority $(cat people.pub)" >"$ROOT/root/.ssh/authorized_keys"
echo "@cert-authority *.example $(cat people.pub)" >"$ROOT/etc/ssh/ssh_known_hosts"

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
dd if=vendor.bin of=vendor.der iflag=skip_bytes,count_bytes skip="$offset" count="$size" status=none
openssl x509 -inform DER -in vendor.der -noout -subject >/dev/null || die "the shim's vendor certificate was not found by objcopy"
sha256sum <vendor.der | cut -d' ' -f1 >vendor.theirs

hexed() { awk '{print $2}' | sed 's/^SHA256://; s/$/=/' | base64 -d | od -An -v -tx1 | tr -d ' \n'; }
ssh-keygen -lf people.pub | hexed >people.theirs && echo >>people.theirs
host=$(ssh-keygen -lf "$ROOT/etc/ssh/ssh_host_ecdsa_key.pub" | hexed)
prints_of "$ROOT/etc/ssl/certs/java/cacerts" changeit >cacerts.theirs
if [ -x "$ROOT/usr/bin/trust" ]; then # p11-kit inside the root, with the root's own configuration
  chroot "$ROOT" trust extract --format=pem-directory --filter=ca-anchors --purpose=server-auth /tmp/anchors 2>/dev/null
  for pem in "$ROOT"/tmp/anchors/*.pem; do [ -L "$pem" ] || openssl x509 -in "$pem" -outform DER | sha256sum | cut -d' ' -f1; done | sort -u >p11-kit.theirs
  same "p11-kit and Python on the bundle" bundle.theirs p11-kit.theirs
  chmod -R u+w "$ROOT/tmp/anchors" && rm -rf "$ROOT/tmp/anchors"
fi

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
prints /etc/ssl/certs/java/cacerts root.json >ours
same "Java's trust store" cacerts.theirs ours
for store in /etc/ssh/people.pub /etc/ssh/ssh_known_hosts /root/.ssh/authorized_keys; do
  prints $store root.json >ours
  same "$store" people.theirs ours
done
equal "$(jq -r '.stores[] | select(.where == "/etc/ssh/people.pub") | .certainty' root.json)" known "the key that sshd_config names"
equal "$(jq -r '.items as $i | .stores[] | select(.where == "/etc/ssh/ssh_host_ecdsa_key") | .anchors[] | select(.role == "private-key") | $i[.item].fingerprint' root.json)" "$host" "the host's own key"
equal "$(jq -r '[.stores[] | select(.form == "authenticode") | .facts[].code] | unique | join(" ")' root.json)" scan.program-signed "shim and GRUB are what was signed"
cp "$ROOT/usr/lib/shim/shimx64.efi.signed" altered.efi
printf x | dd of=altered.efi bs=1 seek=5000 conv=notrunc status=none
json altered.efi >altered.json
fact scan.program-altered altered.json
sbsign --key keys/dev.key --cert keys/dev.crt --output ours.efi "$ROOT/usr/lib/shim/shimx64.efi" 2>/dev/null
json ours.efi >ours.json
fact scan.program-signed ours.json
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
cp test.key "$ROOT/etc/ssl/certs/test.key"
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

say "a FIT of mkimage, its kernel and initramfs"
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

say "an archive as Android's"
mkdir -p android/system/etc/security
cp test.crt releasekey.x509.pem
python3 -m zipfile -c android/system/etc/security/otacerts.zip releasekey.x509.pem
json android >android.json
equal "$(jq -r '.stores[] | select(.where | contains("otacerts.zip")) | .kind' android.json)" software-update "otacerts' kind"

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
(umask 077 && echo changeit >store.pass)
bm anchor export gateway second update masa --format pkcs12 --password-file store.pass -o ours.p12 >/dev/null
keytool -list -keystore ours.p12 -storetype PKCS12 -storepass changeit >ours.list 2>/dev/null || die "Java does not read our store: $(cat ours.list)"
equal "$(grep -c trustedCertEntry ours.list)" 3 "entries that Java believes"
prints_of ours.p12 changeit >java.theirs
json ours.p12 >ours.json
prints ours.p12 ours.json >ours
same "our store for Java" java.theirs ours
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
