#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A holder's life with a share: checked, proven, printed, lost and typed in again, and a signature that three holders make
# in three places. The ceremony's side is played by make_custody.
. "$(dirname "$0")/lib.sh"
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
