#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Continuity: every drill once on copies of small rehearsals, backups that prove themselves, a restore on "another
# machine" that is fenced until it is compared, a gap that is recorded, and kills in the middle of backup and upgrade.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
GOLDEN=${BIRTHMARK_GOLDEN:?set BIRTHMARK_GOLDEN to tests/golden}
trap 'kill ${BUSY:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

say "a workspace, its backup, and what happens after it"
bm plan new --like bulb -o bulb.toml >/dev/null
sed -i '0,/^issuing-window = /s//crl-lifetime = "P30D"\nissuing-window = /' bulb.toml
bm init bulb --plan bulb.toml >/dev/null
bm line run bulb --units 2 >/dev/null
bm pool fill bulb --station burner --count 12 >/dev/null
expect 0 bm backup create bulb -o bulb.backup --dry-run
has "would write"
[ ! -e bulb.backup ] || die "a dry run wrote"
expect 0 bm backup create bulb -o bulb.backup --with-offline
expect 1 bm backup create bulb -o bulb.backup
has backup.exists
mv bulb.offline carried
expect 1 bm backup create bulb -o x.backup --with-offline
has backup.no-offline
mv carried bulb.offline
mkdir -p bulb/labels && touch "$(printf 'bulb/labels/two\nlines')"
expect 1 bm backup create bulb -o x.backup
has backup.name
rm "$(printf 'bulb/labels/two\nlines')"
equal "$(find . -maxdepth 1 -name 'bulb.backup.*' | wc -l)" 0 "files left beside the backup"
expect 0 bm backup check bulb.backup --key bulb/public/log.vkey
has "sealed by the key you named"
tar -tf bulb.backup >names
grep -q '^ws/ledger/log.sqlite$' names || die "tar does not find the log"
grep -q '^offline/keys/' names || die "the offline side is not in it"
bm line run bulb --units 3 >/dev/null
bm ledger checkpoint bulb -o seen.checkpoint >/dev/null

say "damaged backups are refused by name"
cp bulb.backup bad.backup
at=$(grep -abo 'lumo-a19' bad.backup | head -1 | cut -d: -f1)
printf 'X' | dd of=bad.backup bs=1 seek="$at" conv=notrunc status=none
expect 1 bm backup check bad.backup
has backup.changed
has "is not what the backup's manifest says"
expect 1 bm backup restore bad.backup never
[ ! -e never ] || die "a damaged backup made a workspace"
head -c 100000 bulb.backup >short.backup
expect 1 bm backup check short.backup
has backup.cut-short
# A length in a file's header that is no number.
cp bulb.backup bad.backup
at=$(grep -abo ustar bulb.backup | sed -n 4p | cut -d: -f1)
printf 'XYZ' | dd of=bad.backup bs=1 seek=$((at - 133)) conv=notrunc status=none
expect 1 bm backup check bad.backup
has backup.damaged
expect 2 bm backup restore bulb.backup
has restore.where
expect 1 bm backup check bulb.toml
has backup.not-one
mkdir forger && (cd forger && bm init f --plan ../bulb.toml >/dev/null && bm backup create f -o f.backup >/dev/null)
expect 1 bm backup check forger/f.backup --key bulb/public/log.vkey
has backup.seal

say "restored on another machine: fenced"
expect 0 bm backup restore bulb.backup other
has "FENCED"
expect 0 bm ledger verify other
expect 0 bm unit list other
expect 1 bm line run other --units 1
has ledger.fenced
expect 1 bm pool fill other --station burner --count 1
has ledger.fenced
expect 1 bm ledger verify other --since seen.checkpoint
has ledger.rolled-back
expect 2 bm backup restore --unfence other
has restore.no-checkpoint
cp other/ledger/fence fence && echo "no fence" >other/ledger/fence
expect 1 bm backup restore --unfence other seen.checkpoint
has restore.fence
cp fence other/ledger/fence
expect 0 bm backup restore --unfence other seen.checkpoint --dry-run
has "are lost"
has "the fence stands"
expect 1 bm line run other --units 1
# The first certificate comes in a minute of its own; the drills go on meanwhile.
"$BIN/birthmark" backup restore --unfence other seen.checkpoint >unfence.out 2>&1 &
BUSY=$!

say "drills: keys, stations, lists"
drill() { # CODE NAME WS [OPTIONS]
  local want=$1 name=$2 ws=$3
  shift 3
  expect "$want" bm drill "$name" "$ws" --scratch "$WORK" "$@"
  has "DRILL $name"
  [ "$(grep -v 'birthmark ' <<<"$OUT" | LC_ALL=C.UTF-8 awk 'length > 80' | wc -l)" -eq 0 ] || die "wider than 80 columns: $OUT"
}
before=$(bm ledger verify bulb 2>/dev/null | sed 's/ .*//')
drill 0 lose bulb --key identity-1.1 -o lose
has "stops at once"
has "birthmark ceremony new"
for f in report.txt report.json timeline.svg identities.csv; do [ -s "lose/$f" ] || die "no $f"; done
jq -e '.checks | all(.holds)' lose/report.json >/dev/null || die "lose: $(cat lose/report.txt)"
xmllint --noout lose/timeline.svg 2>/dev/null || python3 -c 'import sys,xml.dom.minidom as m; m.parse(sys.argv[1])' lose/timeline.svg
! grep -qE 'https?://[^"]*\.(js|css)|<script|red|green' lose/timeline.svg || die "the drawing wants a script or judges"
expect 2 bm drill lose bulb --key identity-1.1 -o lose
has drill.output
drill 0 lose bulb --key log
drill 0 disclose bulb --ca identity-2.1
has "the log has no such certificate"
drill 0 rogue-station bulb --station burner
has "every other identity, shipped or not, is as it was"
drill 0 crl-outage bulb
has "for who insists on lists"
say "drills: places, links, pools, boxes"
drill 0 lose-site bulb --site da-nang
expect 2 bm drill lose-site bulb --site nowhere --scratch "$WORK"
has drill.site
printf 'EU,yes\nAS,yes\nAS,no\nk,2\n' >holders
drill 1 lose-continent bulb --continent AS --holders holders
has "NOT SO"
drill 0 lose-continent bulb --continent EU
drill 0 factory-link bulb --hours 8 --per-hour 2
has "the account closes as before"
drill 0 steal-pool bulb
drill 0 warehouse bulb --built 2023-06-01 --open 2027-02-01
expect 2 bm drill warehouse bulb --built 2027-06-01 --open 2027-02-01
has drill.dates
# The root of the DNS changed its key on 2026-10-11; a box of 2023 knows the one before alone.
bm plan new --like bmc -o bmc.toml >/dev/null
bm init bmc --plan bmc.toml >/dev/null
expect 2 bm drill steal-pool bmc --scratch "$WORK"
has drill.pool
drill 1 warehouse bmc --built 2023-06-01 --open 2027-02-01
has "FAILS"
has "RFC 9718"
has unsigned
has "the order of it"
drill 1 warehouse bmc --built 2023-06-01 --open 2026-12-01
has "no name"
drill 0 warehouse bmc --built 2026-06-01 --open 2027-02-01
has "KSK-2024 (38696) signs"
say "drills: reels and seeds"
bm plan new --like lock -o lock.toml >/dev/null
bm init lock --plan lock.toml >/dev/null
next=$(bm manifest new lock --rehearsal --count 4 -o parts.jsonl | sed -n 's/^next: birthmark //p')
# shellcheck disable=SC2086
bm $next >/dev/null
bm line run lock --units 2 >/dev/null
drill 0 stolen-reel lock --reel REHEARSAL-1
has "found again and released, everything is as it was"
bm plan new --like ecu -o ecu.toml >/dev/null
bm init ecu --plan ecu.toml >/dev/null
batch=$(bm seed import ecu --rehearsal 5 --json | jq -r .batch)
bm seed issue ecu --batch "$batch" --count 3 >/dev/null
drill 0 seed-leak ecu --batch "$batch"
has "every identity derived from the batch is found and ended"
has "2 seeds of the batch"
expect 0 bm drill lose ecu --key identity-1.1 --scratch "$WORK" --dry-run
expect 0 bm drill list ecu
equal "$(bm drill list ecu --json | jq '[.[] | select(.times != "0")] | length')" 1 "drills that the log of ecu tells of"
equal "$(bm drill list bulb --json | jq '[.[] | select(.last_rehearsed != "never")] | length')" 9 "drills rehearsed on bulb"
after=$(bm ledger verify bulb 2>/dev/null | sed 's/ .*//')
equal $((after - before)) 11 "events of the drills in the live log"
equal "$(find "$WORK" -maxdepth 1 -name 'birthmark-drill-*' | wc -l)" 0 "copies left over"
equal "$(bm cert list bulb --state revoked --json | jq length)" 0 "live identities that a drill revoked"

say "the gap is written down, and the world sees both branches"
wait "$BUSY" || die "unfence: $(cat unfence.out)"
BUSY=
grep -q "the fence is lifted" unfence.out || die "unfence: $(cat unfence.out)"
expect 0 bm ledger verify other
# Numbers of the lost machine are left out: LUMO-000003 to LUMO-000005 are units there.
expect 0 bm line run other --units 1
lacks "LUMO-00000"
unit=$(grep -o 'LUMO-[0-9]*' <<<"$OUT" | head -1)
bm ledger checkpoint other -o branch.checkpoint >/dev/null
expect 1 bm ledger verify other --since seen.checkpoint
grep -qE 'ledger\.(fork|rolled-back)' <<<"$OUT" || die "the fork is unseen: $OUT"
expect 0 bm ledger verify other --since branch.checkpoint
expect 0 bm ledger verify bulb --since seen.checkpoint
expect 1 bm ledger verify bulb --since branch.checkpoint
grep -qE 'ledger\.(fork|rolled-back)' <<<"$OUT" || die "the old machine comes back unseen: $OUT"
gap=$(grep -oE 'begin with [0-9a-f]{8} to [0-9a-f]{8}' unfence.out | sed 's/.* //')
serial=$(bm cert list other --unit "$unit" --json | jq -r '.[0].serial')
[[ "${serial:0:8}" > "$gap" ]] || die "serial $serial is not behind the gap, which ends $gap"
expect 1 bm backup restore --unfence other seen.checkpoint
has restore.not-fenced

say "kill -9 in the middle of a backup, and a disk that is full"
for ms in 05 10 20 40; do
  "$BIN/birthmark" backup create bulb -o "killed.$ms" >/dev/null 2>&1 &
  pid=$!
  sleep "0.$ms"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [ -e "killed.$ms" ]; then expect 0 bm backup check "killed.$ms"; fi
done
expect 0 bm ledger verify bulb
expect 0 bm backup create bulb -o again.backup
expect 0 bm backup check again.backup
expect 3 bash -c 'ulimit -f 200; trap "" XFSZ; exec "$0" backup create bulb -o full.backup' "$BIN/birthmark"
[ ! -e full.backup ] || die "half a backup stands under its name"

say "upgrade: a backup first, a kill in the middle leaves it usable"
for release in "$GOLDEN"/*/; do
  name=$(basename "$release")
  mkdir "$name" && tar -xzf "$release/workspace.tar.gz" -C "$name"
  chmod 600 "$name"/*.pass
  export BIRTHMARK_PASSPHRASE_FILE=$WORK/$name/online.pass
  cp -r "$name/ws" "$name/twin"
  expect 0 bm upgrade "$name/ws" --dry-run
  "$BIN/birthmark" upgrade "$name/twin" >/dev/null 2>&1 &
  pid=$!
  sleep "0.$(printf %03d $((RANDOM % 400)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  expect 0 bm ledger verify "$name/twin" --since "$release/kept.checkpoint"
  expect 0 bm upgrade "$name/twin"
  expect 0 bm upgrade "$name/ws" --backup "$name/first.backup"
  if [ -e "$name/first.backup" ]; then expect 0 bm backup check "$name/first.backup" --key "$name/ws/public/log.vkey"; fi
  expect 0 bm ledger verify "$name/ws" --since "$release/kept.checkpoint"
  expect 0 bm upgrade "$name/ws"
  has "of this release already"
done
echo "continuity: all as it should be"
