#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The bamboo pool: filled ahead, run down with the subordinate retired, killed in the middle, and every
# identity accounted for at the end of the night.
. "$(dirname "$0")/lib.sh"

say "filling: identities sealed to a station, until the subordinate has signed all it may"
bm plan new --like bulb -o bulb.toml >/dev/null
sed -i 's/max-count = 1000000/max-count = 60/' bulb.toml
bm init lumo --plan bulb.toml >/dev/null
expect 1 bm pool fill lumo --station cap --count 5
has pool.station
expect 0 bm pool fill lumo --station burner --count 40
expect 1 bm pool fill lumo --station burner --count 40
has desk.retired
equal "$(bm pool status lumo --json | jq -r '.[0].left')" 60 "left in the pool"
equal "$(stat -c %a lumo/pool)" 700 "mode of the pool's folder"
! grep -rqF "PRIVATE KEY" lumo/pool || die "a private key lies open"
expect 0 bm reconcile lumo --json
equal "$(jq .counts.pool <<<"$OUT")" 60 "identities in the pool"

say "the line runs from it: no authority may issue any more"
expect 0 bm line run lumo --units 3
has "LUMO-000003 GOOD"
expect 1 bm pool status lumo --low 9999
has "under 9999 hours"
expect 1 bm status lumo
has status.retired

say "power cuts at random moments"
for ((i = 0; i < 6; i++)); do
  : >lamps
  "$BIN/birthmark" line run lumo --units 50 >lamps 2>/dev/null &
  pid=$!
  # Once a unit is done the next one is begun; the cut comes somewhere in it.
  until [ -s lamps ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
  sleep "0.$(printf %03d $((RANDOM % 400)))"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
# What a cut took of the pool is lost by name: its number is scrapped, and nothing is handed out twice.
unfinished=$(bm status lumo --json | jq .unfinished || true)
[ "$unfinished" -eq 0 ] || bm line run lumo --units "$unfinished" >line.out || true
expect 0 bm ledger verify lumo
expect 0 bm reconcile lumo --json
equal "$(jq '.odd | length' <<<"$OUT")" 0 "identities that do not fit"
equal "$(jq '.counts | .generated - .void - .revoked - .installed - .pool' <<<"$OUT")" 0 "the equation"
twice=$(bm cert list lumo --limit 100000 --json | jq '[group_by(.unit)[] | select(length > 1)] | length')
equal "$twice" 0 "units with two certificates"

say "the close is written down; an order shows overbuild"
expect 0 bm reconcile lumo --close
has "closes to zero"
good=$(bm reconcile lumo --json | jq '.counts["units-good"]')
expect 1 bm reconcile lumo --order $((good - 1))
has overbuild
echo "pool: $good units from the pool, every identity accounted for"
