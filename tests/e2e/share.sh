#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A holder's life with a share: checked, proven, printed, lost and typed in again, and a signature that three holders make
# in three places. The ceremony's side is played by make_custody.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"
make=$BIN/../test/make_custody
[ -x "$make" ] || die "no $make"
for tool in openssl jq zbarimg; do command -v $tool >/dev/null || die "no $tool"; done

(umask 077 && echo "rehearsal passphrase" >p && echo "another passphrase" >q && echo "short" >r)
export BIRTHMARK_PASSPHRASE_FILE=$WORK/p
mkdir c
"$make" deal c 3 5

say "a share says which it is, and neither k nor n"
expect 0 bm share check c/2.share
has "share 2 of set"
equal "$(bm share check c/2.share --json | jq -r 'keys_unsorted | join(" ")')" "set generation index fine" "what check tells"
equal "$(cat c/[1-5].share | wc -c)" "$(($(wc -c <c/1.share) * 5))" "sizes of the files"
expect 1 bm share check c/2.share --passphrase-file q
has "share.sealed"
expect 1 bm share check c/set.cbor
has "share.file"

say "a health proof"
expect 0 bm share prove c/2.share --round 00112233445566778899aabbccddeeff -o c/2.proof
"$make" proof c 2 c/2.proof || die "the proof does not hold"
! "$make" proof c 3 c/2.proof 2>/dev/null || die "the proof of 2 serves for 3"
lacks "$(jq -r '.shares["2"].value' c/deal.json)"
expect 2 bm share prove c/2.share -o c/x.proof
has "share.statement"
expect 0 bm share prove c/2.share --statement p -o c/x.proof --dry-run
[ ! -e c/x.proof ] || die "--dry-run wrote"

say "on paper"
expect 0 bm share sheet c/2.share -o plain.html
expect 0 bm share sheet c/2.share --words -o words.html
equal "$(stat -c %a words.html)" 600 "mode of the sheet"
! grep -qi -e "plain words" -e "<script" -e "http[s]*:[^w]*//[^w]" plain.html || die "more on the page than there should be"
grep -q "These words are the share itself" words.html || die "no warning"

say "the file is lost; the words bring it back under another passphrase"
bm share words c/2.share >words 2>note
equal "$(wc -l <words) $(wc -w <words)" "7 49" "lines and words"
grep -q "the share itself" note || die "no warning"
equal "$(bm share words c/2.share --json 2>/dev/null | jq -r '.lines[]')" "$(cat words)" "words in JSON"
expect 1 bm share restore -o c/2.share --passphrase-file q <words
has "share.exists"
expect 1 bm share restore -o back.share --passphrase-file r <words
has "share.passphrase"
sed '4s/^./x/' words >bad
expect 1 bm share restore -o back.share --passphrase-file q <bad
has "word 22 (line 4, word 1 of it)"
lacks "$(sed -n 4p bad | cut -d' ' -f1)"
expect 0 bm share restore -o back.share --passphrase-file q --words-fd 7 7<words
equal "$(stat -c %a back.share)" 600 "mode of the share"
expect 0 bm share prove back.share --passphrase-file q --round 00112233445566778899aabbccddeeff -o c/back.proof
"$make" proof c 2 c/back.proof || die "the restored share is another one"

say "three holders sign in three places"
echo "an emergency patch" >patch
for i in 1 4 5; do expect 0 bm share commit c/$i.share -o c/$i.commitment; done
expect 1 bm share commit c/1.share -o c/again
has "nonce.exists"
"$make" request c patch c/request c/5.commitment c/1.commitment c/4.commitment
expect 1 bm share sign c/2.share --request c/request -o c/2.part
has "sign.request"
echo "something else" >other
expect 1 bm share sign c/1.share --request c/request --message other -o c/1.part
has "sign.message"
expect 0 bm share sign c/1.share --request c/request -o c/1.part --dry-run
has "$(sha256sum <patch | cut -d' ' -f1)"
[ -e c/1.share.nonces ] || die "--dry-run spent the nonces"
for i in 1 4 5; do
  expect 0 bm share sign c/$i.share --request c/request --message patch -o c/$i.part --json
  [ ! -e c/$i.share.nonces ] || die "the nonces are still there"
done
expect 1 bm share sign c/1.share --request c/request -o c/1b.part
has "nonce.missing"
"$make" join c c/request signature c/1.part c/4.part c/5.part
openssl pkeyutl -verify -rawin -pubin -inkey c/key.pem -in patch -sigfile signature >/dev/null || die "openssl refuses it"

say "a signer with another share is named"
cp back.share c/back.share
for i in 1 4; do expect 0 bm share commit c/$i.share -o c/$i.commitment; done
expect 0 bm share commit c/back.share --passphrase-file q -o c/2.commitment
"$make" request c patch c/request c/1.commitment c/2.commitment c/4.commitment
for i in 1 4; do expect 0 bm share sign c/$i.share --request c/request -o c/$i.part; done
"$make" part c c/request 2 "$(jq -r '.shares["3"].value' c/deal.json)" c/2.part
expect 1 "$make" join c c/request signature c/1.part c/2.part c/4.part
has "sign.partial"
has "signer's: 2"

say "three machines make a key: files alone go between them, and nobody ever has it"
mkdir mail signing
printf '3\n2\n' | bm share begin identity-1.1 --rehearsal --numbers-fd 0 -o mail/terms >begin.out 2>/dev/null
expect 1 bash -c "printf '3\n2\n' | '$BIN/birthmark' share begin identity-1.1 --numbers-fd 0 -o x"
has "dkg.numbers"
parties=$(sed 's/.*parties //; s/,//g' begin.out)
read -r one two three <<<"$parties"
for i in $parties; do
  (umask 077 && echo "sentence of machine $i" >"pass.$i")
  expect 0 bm share join "m$i" --terms mail/terms --party "$i" -o mail --passphrase-file "pass.$i"
done
expect 1 bm share join "m$one" --terms mail/terms --party "$two" -o mail --passphrase-file "pass.$one"
has "dkg.begin"
mkdir first && cp mail/*.round1 first
# Each deals; one is killed while it does, and goes on.
join() { "$BIN/birthmark" share join "m$1" --in "$2" -o mail --passphrase-file "pass.$1" "${@:3}"; }
rm "first/$three.round1"
expect 1 join "$one" first
has "party $three sent no first message"
cp "mail/$three.round1" first
join "$one" first >/dev/null 2>&1 &
KILLED=$!
while [ ! -d "m$one/first" ] && kill -0 $KILLED 2>/dev/null; do :; done
kill -9 $KILLED 2>/dev/null || true
wait $KILLED 2>/dev/null || true
for i in $parties; do
  expect 0 join "$i" first --json
  transcript=$(jq -r .transcript <<<"$OUT")
done
expect 1 join "$one" mail
has "dkg.heard"
expect 1 join "$one" mail --transcript "$(sha256sum <patch | cut -d' ' -f1)"
has "dkg.heard"
# A part that was changed on the way is no cheat of its sender; an exchanged first message is stale.
cp -r mail changed
python3 - "changed/$two-$one.round2" <<'PY'
import base64, sys, textwrap
head, *body, tail = open(sys.argv[1]).read().strip().split("\n")
der = bytearray(base64.b64decode("".join(body)))
der[60] ^= 1
open(sys.argv[1], "w").write("\n".join([head, *textwrap.wrap(base64.b64encode(der).decode(), 64), tail, ""]))
PY
expect 1 join "$one" changed --transcript "$transcript"
has "dkg.signature"
has "party $two"
expect 0 bm share join stranger --terms mail/terms --party "$three" -o changed --passphrase-file "pass.$three"
expect 1 join "$one" changed --transcript "$transcript"
has "dkg.stale"
has "party $three"
[ ! -e "m$one/identity-1.1.share" ] || die "a share of a run that did not end"
for i in $parties; do expect 0 join "$i" mail --transcript "$transcript"; done
rm "mail/$three.proof"
expect 1 bm share key mail -o group.pem
has "dkg.unproven"
for i in $parties; do expect 0 join "$i" mail; done
expect 0 join "$one" mail
has "complete"
[ ! -e "m$one/secret" ] || die "the polynomial is still there"
expect 0 bm share key mail -o group.pem

say "two of them sign a patch where they are"
commit() { "$BIN/birthmark" share commit "m$1/identity-1.1.share" -o "signing/$1.commitment" --passphrase-file "pass.$1"; }
part() { "$BIN/birthmark" share sign "m$1/identity-1.1.share" --request "$2" -o "signing/$1.part" --passphrase-file "pass.$1"; }
for i in $one $three; do expect 0 commit "$i"; done
expect 0 bm share request patch --of mail --commitments signing -o request
for i in $one $three; do expect 0 part "$i" request; done
cp "signing/$one.part" kept.part && cp c/1.part "signing/$one.part"
expect 1 bm share combine request --of mail --parts signing -o patch.sig
cp kept.part "signing/$one.part"
expect 0 bm share combine request --of mail --parts signing -o patch.sig
openssl pkeyutl -verify -rawin -pubin -inkey group.pem -in patch -sigfile patch.sig >/dev/null || die "openssl refuses it"

say "a ceremony certifies that key: the room has its messages, the holders sign where they are"
rm -f signing/*
(umask 077 && echo "sealed folder" >seal.pass)
cat >apart.toml <<'TOML'
schema = 1
title = "Acme: a root made between machines"
kind = "make"
rehearsal = true
manufacturer = "Acme Devices"
roles = ["ceremony-administrator", "internal-witness", "key-executives"]

[[key]]
id = "identity-1.1"
pki = "identity"
level = 1
name = "Acme Root R1"
organization = "Acme Devices"
algorithm = "ed25519"
path-length = 1
lifetime = "P30Y"
custody = "threshold"
dkg = "between-machines"
TOML
python3 - "$BIN/birthmark" "$one" "$three" "$transcript" <<'PY'
import hashlib, json, sys
program, a, b, transcript = sys.argv[1:5]
steps = [("people", "roles", "ceremony-administrator"), ("script", "read-script", "internal-witness"),
         ("executives", "executives", "ceremony-administrator"), ("make", "make-key", "internal-witness"),
         ("attest", "attest", "ceremony-administrator"), ("close", "close", "internal-witness")]
with open("apart.toml", "a") as f:
    for name, do, role in steps:
        f.write(f'\n[[step]]\nid = "{name}"\ndo = "{do}"\nrole = "{role}"\ntext = "Now {name}."\n')
        if do == "make-key":
            f.write('key = "identity-1.1"\n')
def each(verb):
    return "; ".join(f"{program} share {verb.format(i=i)} --passphrase-file pass.{i}" for i in (a, b))
commit = each("commit m{i}/identity-1.1.share -o signing/{i}.commitment")
part = "R=$(ls -t custody/signing/identity-1.1/*/request | head -1); " + each(
    "sign m{i}/identity-1.1.share --request $R -o signing/{i}.part")
digest = hashlib.sha256(open("apart.toml", "rb").read()).hexdigest()
rules = [{"ask": r"\*\.commitment", "say": "signing", "run": "rm -f signing/*; " + commit},
         {"ask": r"\*\.part", "say": "signing", "run": part}]
rules += [{"ask": x, "say": s} for x, s in [
    ("done, exception or stop", "done"), ("continent where", ["EU", "NA", "AS"]), ("kept sealed", "Somebody"),
    ("withhold", "publish")]]
json.dump({"rules": rules, "script": digest, "transcript": transcript}, open("rules.json", "w"))
open("reviewed", "w").write(digest)
PY
python3 "$HERE/pty_ceremony.py" rules.json "$BIN/birthmark" ceremony run apart.toml --reviewed "$(cat reviewed)" \
  --made mail -o custody --passphrase-file seal.pass >apart.out 2>&1 || die "$(cat apart.out)"
openssl verify -x509_strict -check_ss_sig -CAfile custody/certs/identity-1.1.pem custody/certs/identity-1.1.pem >/dev/null
openssl x509 -in custody/certs/identity-1.1.pem -pubkey -noout | cmp - group.pem || die "the root has another key"
expect 0 bm ceremony verify custody/record.birthmark-record --anchor custody/certs/identity-1.1.pem
has "1 spare"
grep -q "never in one place" custody/transcript.txt
[ ! -e custody/shares ] || die "shares in the room"

say "five machines hold a key, 3 sign; one leaves, two join, 3 of 6 sign: the key stays"
rm -rf mail signing && mkdir mail five signing
printf '5\n3\n' | bm share begin patches-1.1 --rehearsal --numbers-fd 0 -o five/terms >begin.out 2>/dev/null
read -r a b c d e <<<"$(sed 's/.*parties //; s/,//g' begin.out)"
# at HOLDER ARGUMENTS…: a holder's command; one of those who join has the static program alone.
x=none
at() { "$BIN/$([ "$1" = "$x" ] && echo birthmark-offline || echo birthmark)" share "${@:2}" --passphrase-file "pass.$1"; }
for i in $a $b $c $d $e; do
  (umask 077 && echo "sentence of machine $i" >"pass.$i")
  expect 0 at "$i" join "f$i" --terms five/terms --party "$i" -o five
done
mkdir only && cp five/*.round1 only
for i in $a $b $c $d $e; do expect 0 at "$i" join "f$i" --in only -o five --json; done
transcript=$(jq -r .transcript <<<"$OUT")
for i in $a $b $c $d $e; do expect 0 at "$i" join "f$i" --in five --transcript "$transcript" -o five; done
bm share key five -o five.pem >/dev/null
# signed FOLDER SHARE-FILES…: three holders sign a patch where they are
signed() {
  local folder=$1 share i
  rm -f signing/*
  shift
  for share in "$@"; do
    i=$(basename "$(dirname "$share")") && i=${i#?}
    expect 0 at "$i" commit "$share" -o "signing/$i.commitment"
  done
  expect 0 bm share request patch --of "$folder" --commitments signing -o request
  for share in "$@"; do
    i=$(basename "$(dirname "$share")") && i=${i#?}
    expect 0 at "$i" sign "$share" --request request -o "signing/$i.part"
  done
  expect 0 bm share combine request --of "$folder" --parts signing -o patch.sig
  openssl pkeyutl -verify -rawin -pubin -inkey five.pem -in patch -sigfile patch.sig >/dev/null || die "openssl refuses it"
}
old=patches-1.1.share
mkdir kept && cp "f$a/$old" kept
signed five "f$a/$old" "f$b/$old" "f$e/$old"
expect 1 bash -c "printf '$e\n2\nx\n' | '$BIN/birthmark' share renew five --numbers-fd 0 -o x"
has "reshare.numbers"
printf '%s\n2\n3\n' "$e" | bm share renew five --numbers-fd 0 -o mail/terms --json >renew.out 2>/dev/null
read -r x y <<<"$(jq -r '.joining | join(" ")' renew.out)"
equal "$(jq -c '[.generation, (.parties | length), .leaving[0]]' renew.out)" "[2,6,$e]" "the terms"
for i in $x $y; do (umask 077 && echo "sentence of machine $i" >"pass.$i"); done
expect 1 at "$a" join "g$a" --terms mail/terms --party "$a" -o mail
has "reshare.begin"
for i in $a $b $c $d $e; do expect 0 at "$i" join "g$i" --terms mail/terms --party "$i" --share "f$i/$old" -o mail; done
expect 0 at "$x" join "g$x" --terms mail/terms --party "$x" -o mail
expect 1 at "$a" join "g$a" --in mail -o mail
has "reshare.missing"
has "holder $y"
expect 0 at "$y" join "g$y" --terms mail/terms --party "$y" -o mail
has "6 will hold, 3 sign together"
expect 0 at "$y" join "g$y" --in mail -o mail --json
transcript=$(jq -r .transcript <<<"$OUT")
expect 0 at "$a" join "g$a" --in mail -o mail
has "$transcript"
[ ! -e "mail/$a.dealing" ] || die "dealt before the transcripts were compared"
expect 1 at "$a" join "g$a" --in mail -o mail --transcript "$(sha256sum <patch | cut -d' ' -f1)"
has "reshare.heard"
# One is killed while it deals, and goes on; one is changed on the way; one cheats; one takes no part in time.
"$BIN/birthmark" share join "g$a" --in mail --transcript "$transcript" -o mail --passphrase-file "pass.$a" >/dev/null 2>&1 &
KILLED=$!
while [ ! -e "g$a/transcript" ] && kill -0 $KILLED 2>/dev/null; do :; done
kill -9 $KILLED 2>/dev/null || true
wait $KILLED 2>/dev/null || true
for i in $a $c $e; do expect 0 at "$i" join "g$i" --in mail --transcript "$transcript" -o mail; done
last=$(jq -r '.parties[-1]' renew.out)
"$make" cheat mail "f$b/$old" "sentence of machine $b" "mail/$b.dealing"
cp "mail/$a.dealing" kept.dealing
python3 - "mail/$a.dealing" <<'PY'
import base64, sys, textwrap
head, *body, tail = open(sys.argv[1]).read().strip().split("\n")
der = bytearray(base64.b64decode("".join(body)))
at = der.index(b"sealed") + 100
der[at] ^= 1
open(sys.argv[1], "w").write("\n".join([head, *textwrap.wrap(base64.b64encode(der).decode(), 64), tail, ""]))
PY
expect 0 bm share choose mail -o mail --json
has "reshare.signature"
has "holder $a was not made with its share"
cp kept.dealing "mail/$a.dealing"
took() { at "$1" join "g$1" --in mail -o mail; }
expect 1 took "$last"
has "reshare.dealing"
has "holder $b sent a part that does not fit"
expect 1 bm share key mail -o x.pem
has "reshare.unproven"
signed five "f$a/$old" "f$c/$old" "f$d/$old" # until then the old shares are in force
expect 0 bm share choose mail --without "$b" -o mail --json
has '"attempt": 2'
for i in $a $b $c $d $x $y; do expect 0 took "$i"; done
for i in $a $b $c $d $e $x $y; do
  expect 0 took "$i"
  has complete
done
expect 1 bm share choose mail -o mail
has "reshare.done"
expect 0 bm share key mail -o again.pem
cmp again.pem five.pem || die "another key"
# The old shares are gone where their holders were, each with a record; a copy that was kept is refused.
for i in $a $b $c $d $e; do
  [ ! -e "f$i/$old" ] || die "the old share of $i is still there"
  grep -q "share $i of set .* generation 1, was replaced by generation 2 and destroyed" "g$i/superseded" || die "no record"
done
new=patches-1.1.g2.share
signed mail "g$b/$new" "g$x/$new" "g$y/$new"
expect 1 "$BIN/birthmark-offline" share check "pkcs11:token=card;object=my-share" --passphrase-file "pass.$x"
has "share.card"
cat "kept/$old" >"f$a/$old" && (umask 077 && cat c/1.share >"f$b/$old")
expect 1 took "$b"
has "reshare.retire"
rm "f$b/$old"
expect 0 took "$a"
[ ! -e "f$a/$old" ] || die "a copy that came back to its place stays"
expect 1 at "$a" check "kept/$old" --of mail
has "share.stale"
expect 0 at "$d" check "g$d/$new" --of mail
expect 1 at "$d" check "g$d/$new" --of five
has "share.ahead"

say "a share on a smartcard: sealed as it is, behind the card's PIN"
module=/usr/lib/softhsm/libsofthsm2.so
if [ -e "$module" ]; then
  mkdir tokens && echo "directories.tokendir = $WORK/tokens" >softhsm.conf
  export SOFTHSM2_CONF=$WORK/softhsm.conf
  softhsm2-util --init-token --free --label card --so-pin 12345678 --pin 87654321 >/dev/null
  (umask 077 && echo 87654321 >pin && echo 00000000 >wrong.pin)
  card="pkcs11:token=card;object=my-share?module-path=$module"
  expect 1 bm share check "$card" --pin-file pin
  has keystore.missing
  expect 0 bm share store c/4.share --token "$card" --pin-file pin
  expect 1 bm share store c/4.share --token "$card" --pin-file pin
  has keystore.exists
  expect 0 bm share check "$card" --pin-file pin
  has "share 4 of set"
  expect 1 bm share check "$card" --pin-file pin --passphrase-file q
  has share.sealed
  expect 0 bm share prove "$card&pin-source=file:$WORK/pin" --round 00112233445566778899aabbccddeeff -o c/card.proof
  "$make" proof c 4 c/card.proof || die "the card's share is another one"
  expect 1 bm share commit "$card" --pin-file pin -o c/x
  has share.on-card
  pkcs11-tool --module "$module" --token-label card --list-objects --type data 2>/dev/null | grep -q my-share && die "it can be seen without the PIN"
  expect 1 bm share check "$card" --pin-file wrong.pin
  has keystore.pin
  expect 1 bm share check "$card" --pin-file pin
  has keystore.pin-last-try
  expect 0 bm share check "$card" --pin-file pin --pin-last-try
fi
say done
