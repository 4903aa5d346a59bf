#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A whole life of keys on a pseudo-terminal: a rehearsed ceremony makes a threshold root and a split
# root and is killed in the middle; the record is accepted; then a health round, a recovery with
# shares that should not be there, and a re-sharing that ends the old shares.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
(umask 077 && echo "sealed folder $RANDOM$RANDOM" >seal.pass)

# in_room RULES COMMAND…: runs the command with people answering; RULES is JSON.
in_room() {
  local rules=$1
  shift
  printf '%s' "$rules" >rules.json
  python3 "$HERE/pty_ceremony.py" rules.json "$BIN/birthmark" "$@" --passphrase-file seal.pass
}
# room SCRIPT [MORE]: the usual answers, with MORE rules before them.
room() {
  python3 - "$(sha256sum "$1" | cut -d' ' -f1)" "${2:-}" "${3:-}" <<'PY'
import json, sys
digest, more, kill = sys.argv[1:4]
rules = json.loads(more) if more else []
rules += [{"ask": a, "say": s} for a, s in [
    ("done, exception or stop", "done"), ("^n, how many", "5"), ("^k, how many|^k again", "2"),
    ("continent where", ["EU", "NA", "EU", "AS", "SA", "OC", "AF"]), ("kept sealed", "Somebody"),
    ("words on paper", "no"), ("stays, moves or leaves", "stays"), ("joins\\?", "no"),
    ("again \\(other numbers\\)|withhold", "publish"), ("remove them here", "keep")]]
out = {"rules": rules, "script": digest}
if kill:
    out["kill_at"] = kill
print(json.dumps(out))
PY
}
digest() { sha256sum "$1" | cut -d' ' -f1; }
shares() { find custody/shares -name "$1.share" | sort; }

say "a plan whose roots people share"
bm plan new --like bmc -o plan.toml >/dev/null
python3 - <<'PY'
text = open("plan.toml").read()
root = text.index('name = "Acme Root R1"')
end = text.index("[[pki.level]]", root)
level = text[root:end].replace('algorithm = "ecdsa-p384"', 'algorithm = "ed25519"\ncustody = "threshold"')
text = text[:root] + level + text[end:]
root = text.index('name = "Acme Disclosure Root"')
end = text.index("[[pki]]", root)
text = text[:root] + text[root:end].replace('algorithm = "ecdsa-p256"', 'algorithm = "ecdsa-p256"\ncustody = "split"', 1) + text[end:]
open("plan.toml", "w").write(text)
PY
bm init acme --plan plan.toml --ceremony >init.out
ls acme/requests/*.request >/dev/null

say "the script is written, reviewed, and bound by its digest"
expect 0 bm ceremony new --plan plan.toml --requests acme/requests -o ceremony.toml
expect 0 bm ceremony check ceremony.toml
has "$(digest ceremony.toml)"
for word in threshold_k 'k = ' 'n = ' holders; do
  ! grep -q "^$word" ceremony.toml || die "the file under review tells $word"
done
reviewed=$(digest ceremony.toml)
cp ceremony.toml changed.toml && sed -i 's/Acme Root R1/Acme Root R2/' changed.toml
expect 1 bm ceremony run changed.toml --reviewed "$reviewed" --requests acme/requests -o custody --passphrase-file seal.pass
has ceremony.changed
[ ! -e custody ] || die "a refused ceremony left a folder"

say "what is asked for wrongly is named, with what to do"
expect 2 bm ceremony new -o x.toml
has ceremony.new
expect 2 bm ceremony new --plan plan.toml --kind health -o x.toml
has ceremony.kind
expect 0 bm ceremony new --plan plan.toml --production -o prod.toml
expect 1 bm ceremony run prod.toml --reviewed "$(digest prod.toml)" -o x --answers-fd 0 --passphrase-file seal.pass
has ceremony.answers-fd
sed 's/^level = 1/level = 7/' ceremony.toml >broken.toml
expect 1 bm ceremony run broken.toml --reviewed "$(digest broken.toml)" -o x --passphrase-file seal.pass
has ceremony.findings
expect 1 bm ceremony new --plan plan.toml --keys identity-9.9 -o x.toml
has ceremony.other-key

say "a root that its holders' machines make together is asked for by name"
expect 1 bm ceremony new --plan plan.toml --between-machines identity-1.1 -o x.toml
has ceremony.dkg-alone
expect 1 bm ceremony new --plan plan.toml --keys disclosure-1.1 --between-machines disclosure-1.1 -o x.toml
has "no threshold key"
expect 0 bm ceremony new --plan plan.toml --keys identity-1.1 --between-machines identity-1.1 -o apart.toml
grep -q '^dkg = "between-machines"' apart.toml || die "the script does not say it"
expect 0 bm ceremony check apart.toml
has "its holders' machines make it before (birthmark share begin, then share join)"

say "it is killed while a share is being read back, and goes on"
in_room "$(room ceremony.toml "" "read your share back")" ceremony run ceremony.toml --reviewed "$reviewed" \
  --requests acme/requests -o custody >killed.out && die "the killed ceremony ended well"
[ -d custody/sealed ] || die "nothing was journalled: $(cat killed.out)"
[ ! -e custody/record.birthmark-record ] || die "an unfinished ceremony gave a record away"
in_room "$(room ceremony.toml)" ceremony resume custody --requests acme/requests >run.out || die "$(cat run.out)"
record=custody/record.birthmark-record
grep -q REHEARSAL custody/transcript.txt
! grep -qE 'ke-[0-9a-f]{8}|Somebody|n = |k = ' custody/transcript.txt || die "the open transcript tells too much"

say "others verify the root and the record"
openssl verify -x509_strict -check_ss_sig -CAfile custody/certs/identity-1.1.pem custody/certs/identity-1.1.pem >/dev/null
openssl x509 -in custody/certs/identity-1.1.pem -noout -text | grep -q "Signature Algorithm: ED25519"
expect 0 bm ceremony verify "$record" --anchor custody/certs/identity-1.1.pem
has "3 spare"
expect 1 bm ceremony verify "$record"
cp "$record" bad.record && printf '\x00' | dd of=bad.record bs=1 seek=300 conv=notrunc status=none
expect 1 bm ceremony verify bad.record
cp "$record" bad.record && printf '\x00' | dd of=bad.record bs=1 seek=$(($(stat -c %s bad.record) - 9)) conv=notrunc status=none
expect 1 bm ceremony verify bad.record
has record.signature
openssl req -x509 -newkey ed25519 -nodes -keyout /dev/null -subj /CN=other -out other-root.pem 2>/dev/null
expect 1 bm ceremony verify "$record" --anchor other-root.pem
has record.anchor
expect 0 bm ceremony accept acme "$record"
expect 1 bm ceremony accept acme "$record"
bm line run acme --units 2 >line.out
expect 0 bm answer acme
has identity-shared-split-extra

say "a record is for one workspace: another plan, other requests, other keys"
sed 's/Acme Root R1/Acme Root R7/' plan.toml >other.toml
bm init other --plan other.toml --ceremony >/dev/null
expect 1 bm ceremony accept other "$record"
has ceremony.other
bm init twin --plan plan.toml --ceremony >/dev/null
expect 1 bm ceremony accept twin "$record"
has response.other-request

say "a health round from anywhere: four of five prove their shares"
expect 0 bm ceremony new --kind health --of custody --keys identity-1.1 -o health.toml --passphrase-file seal.pass
round=$(sed -n 's/^challenge = "\(.*\)"/\1/p' health.toml)
mkdir proofs
for share in $(shares identity-1.1 | head -4); do
  holder=$(basename "$(dirname "$share")")
  (umask 077 && echo "sentence of $holder" >holder.pass)
  bm share prove "$share" --round "$round" -o "proofs/$holder.proof" --passphrase-file holder.pass >/dev/null
done
cp "proofs/$(ls proofs | head -1)" proofs/again.proof
in_room "$(room health.toml)" ceremony run health.toml --reviewed "$(digest health.toml)" --proofs proofs -o custody >health.out ||
  die "$(cat health.out)"
expect 0 bm ceremony verify "$record" --anchor custody/certs/identity-1.1.pem
has "2 spare"
expect 1 bm ceremony accept twin "$record"
has ceremony.key
expect 0 bm ceremony accept acme "$record"

say "with two proofs nothing may be lost any more; with one an alarm keeps everything inside"
health() {
  bm ceremony new --kind health --of custody --keys identity-1.1 -o health.toml --passphrase-file seal.pass >/dev/null
  round=$(sed -n 's/^challenge = "\(.*\)"/\1/p' health.toml)
  rm -f proofs/*
  for share in $(shares identity-1.1 | head -"$1"); do
    holder=$(basename "$(dirname "$share")")
    (umask 077 && echo "sentence of $holder" >holder.pass)
    bm share prove "$share" --round "$round" -o "proofs/$holder.proof" --passphrase-file holder.pass >/dev/null
  done
  in_room "$(room health.toml)" ceremony run health.toml --reviewed "$(digest health.toml)" --proofs proofs -o custody >health.out
}
health 2 || die "$(cat health.out)"
expect 0 bm ceremony accept acme "$record"
expect 1 bm status acme
has status.no-spare
has "ceremony new --kind reshare"
health 1 && die "an alarm is no success"
grep -q ceremony.key-at-risk health.out || die "$(cat health.out)"

say "a recovery: a damaged share, one twice, then enough"
expect 0 bm ceremony new --kind recover --of custody --keys disclosure-1.1 -o recover.toml --passphrase-file seal.pass
mapfile -t files < <(shares disclosure-1.1)
mkdir -p "bad/$(basename "$(dirname "${files[0]}")")"
damaged="bad/$(basename "$(dirname "${files[0]}")")/disclosure-1.1.share"
python3 - "${files[0]}" "$damaged" <<'PY'
import sys
lines = open(sys.argv[1]).read().split("\n")
lines[2] = lines[2][:8] + ("A" if lines[2][8] != "A" else "B") + lines[2][9:]
open(sys.argv[2], "w").write("\n".join(lines))
PY
foreign=$(shares identity-1.1 | head -1)
in_room "$(room recover.toml "[{\"ask\": \"share file\", \"say\": [\"$damaged\", \"$foreign\", \"${files[1]}\", \"${files[1]}\", \"${files[2]}\"]}]")" \
  ceremony run recover.toml --reviewed "$(digest recover.toml)" -o custody >recover.out || die "$(cat recover.out)"
for code in share.sealed share.foreign share.duplicate; do
  grep -q "$code" recover.out || die "$code was not named: $(cat recover.out)"
done

say "a holder leaves, one joins; the old shares are dead"
cp -r custody/shares old
expect 0 bm ceremony new --kind reshare --of custody --keys identity-1.1 -o reshare.toml --passphrase-file seal.pass
mapfile -t files < <(find old -name identity-1.1.share | sort)
leaving=$(basename "$(dirname "${files[0]}")")
in_room "$(room reshare.toml "[{\"ask\": \"share file\", \"say\": [\"${files[0]}\", \"${files[1]}\"]},
  {\"ask\": \"^$leaving .*leaves\", \"say\": \"leaves\"}, {\"ask\": \"joins\", \"say\": [\"yes\", \"no\"]},
  {\"ask\": \"^k, how many|^k again\", \"say\": \"3\"}]")" \
  ceremony run reshare.toml --reviewed "$(digest reshare.toml)" -o custody >reshare.out || die "$(cat reshare.out)"
openssl verify -x509_strict -check_ss_sig -CAfile custody/certs/identity-1.1.pem custody/certs/identity-1.1.pem >/dev/null
expect 0 bm ceremony new --kind sign --of custody --keys identity-1.1 -o sign.toml --passphrase-file seal.pass
stays=$(basename "$(dirname "${files[1]}")")
mapfile -t new < <(find custody/shares -name identity-1.1.g2.share | sort)
[ "${#new[@]}" -eq 5 ] || die "new shares: ${new[*]}"
in_room "$(room sign.toml "[{\"ask\": \"share file\", \"say\": [\"old/$stays/identity-1.1.share\", \"${new[0]}\", \"${new[1]}\", \"${new[2]}\"]}]")" \
  ceremony run sign.toml --reviewed "$(digest sign.toml)" -o custody >sign.out || die "$(cat sign.out)"
grep -q share.stale sign.out || die "an old share was not refused: $(cat sign.out)"

say "upkeep between ceremonies"
expect 0 bm custody status custody --passphrase-file seal.pass
has "$stays"
expect 0 bm custody note custody --holder "$stays" --event sealed --seal A123 --passphrase-file seal.pass
expect 1 bm custody note custody --holder "$stays" --event seal-checked --seal A124 --passphrase-file seal.pass
expect 1 bm custody status custody --passphrase-file seal.pass
has custody.seal-broken
expect 1 bm custody status custody --passphrase-file online.pass
has keystore.passphrase
say "a ceremony that signed no request leaves a workspace without its lower levels"
bm plan new --like bmc -o soft.toml >/dev/null
bm init soft --plan soft.toml --ceremony >/dev/null
bm ceremony new --plan soft.toml -o soft-ceremony.toml >/dev/null
in_room "$(room soft-ceremony.toml)" ceremony run soft-ceremony.toml --reviewed "$(digest soft-ceremony.toml)" -o custody-soft >soft.out ||
  die "$(cat soft.out)"
expect 1 bm ceremony accept soft custody-soft/record.birthmark-record
has ceremony.incomplete
has "no response to requests/"
expect 1 bm ceremony new --kind reshare --of custody-soft -o x.toml --passphrase-file seal.pass
has ceremony.nothing-shared
sed '/^offline = true/d' soft.toml >online.toml
expect 1 bm ceremony new --plan online.toml -o x.toml
has ceremony.nothing-offline
mkdir many && touch many/{1..300}.request
expect 1 bm ceremony new --plan soft.toml --requests many -o x.toml
has ceremony.requests

say "the same script with a root in a module"
module=/usr/lib/softhsm/libsofthsm2.so
if [ -e "$module" ]; then
  mkdir tokens && echo "directories.tokendir = $WORK/tokens" >softhsm.conf
  export SOFTHSM2_CONF=$WORK/softhsm.conf
  softhsm2-util --init-token --free --label acme --so-pin 12345678 --pin 87654321 >/dev/null
  (umask 077 && echo 87654321 >pin)
  sed '/^\[\[key\]\]/,$d' ceremony.toml >module.toml
  cat >>module.toml <<'TOML'

[[key]]
id = "identity-1.1"
pki = "identity"
level = 1
name = "Acme Root R1"
organization = "Acme Devices"
algorithm = "ecdsa-p384"
path-length = 1
lifetime = "P30Y"
custody = "pkcs11"
TOML
  python3 - <<'PY'
steps = [("people", "roles", "ceremony-administrator"), ("script", "read-script", "internal-witness"),
         ("module", "hardware", "internal-witness"), ("make", "make-key", "internal-witness"),
         ("close", "close", "internal-witness")]
with open("module.toml", "a") as f:
    for name, do, role in steps:
        f.write(f'\n[[step]]\nid = "{name}"\ndo = "{do}"\nrole = "{role}"\ntext = "Now {name}."\n')
        if do == "make-key":
            f.write('key = "identity-1.1"\n')
PY
  cat >binding.toml <<TOML
[[store]]
key = "identity-1.1"
uri = "pkcs11:token=acme;object=acme?module-path=$module"
pin-file = "$WORK/pin"
TOML
  expect 0 bm ceremony check module.toml
  in_room "$(room module.toml)" ceremony run module.toml --reviewed "$(digest module.toml)" --binding binding.toml \
    -o custody-module >module.out || die "$(cat module.out)"
  openssl verify -x509_strict -check_ss_sig -CAfile custody-module/certs/identity-1.1.pem custody-module/certs/identity-1.1.pem >/dev/null
  expect 0 bm ceremony verify custody-module/record.birthmark-record --anchor custody-module/certs/identity-1.1.pem
  has pkcs11
fi
say done
