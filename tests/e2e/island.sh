#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stations beside the real server: they join by a code, work while nobody answers, and tell it later,
# once. What a station in strange hands says is set aside; answers count what stations did.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
trap 'kill ${SERVER:-} 2>/dev/null || true; rm -rf "$WORK"' EXIT

serve() { # starts the server on PORT (0: any) and waits until it is ready
  rm -f ready.json
  "$BIN/birthmark" serve acme --json --port "$1" --plain-port 0 --metrics-port 0 --coaps-port 0 \
    --log serve.log >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do
    [ -s ready.json ] && break
    kill -0 "$SERVER" 2>/dev/null || die "the server ended: $(cat serve.log)"
    sleep 0.05
  done
  [ -s ready.json ] || die "the server did not become ready"
  URL=$(jq -r '[.endpoints[] | select(.url | startswith("https://"))][0].url' ready.json | cut -d/ -f1-3)
  PORT=${URL##*:}
}
stop() {
  kill -TERM "$SERVER"
  wait "$SERVER" || die "the server did not end well"
  SERVER=
}
# joined NAME STATION COUNT: a station's folder with its quota, while the server runs
joined() {
  bm station add acme --station "$2" --server "$URL" --count "$3" -o "$1.code"
  expect 0 bm station join "$1" --code-file "$1.code" --json
  equal "$(jq .granted <<<"$OUT")" false "a quota without the offline level"
  expect 0 bm request sign acme "acme/requests/$(jq -r .ca <<<"$OUT").request"
  expect 0 bm station join "$1"
  has "0 of $3 issued"
}

say "a factory with a server"
bm plan new --like bmc -o bmc.toml >/dev/null
bm init acme --plan bmc.toml >/dev/null
serve 0

say "a station joins; its code works once"
joined bench bench 3
expect 1 bm station join again --code-file bench.code
has "station.not-authorised"
[ ! -e again ] || die "a refused join left a folder"
expect 0 bm station check bench
has "ok, "

say "the server is away: the line goes on, and a check says so"
stop
expect 0 bm line run bench --units 2
has "2 good"
expect 3 bm line push bench
has "station.link"
expect 1 bm station check bench

say "whoever answers there now is not the server"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -out x.pem -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -days 1 2>/dev/null
openssl s_server -accept "127.0.0.1:$PORT" -cert x.pem -key x.key -quiet -www >/dev/null 2>&1 &
OTHER=$!
for _ in $(seq 3000); do
  (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break
  sleep 0.05
done
expect 3 bm line push bench
has "fingerprint"
kill "$OTHER" && wait "$OTHER" || true

say "told of once, however often it is pushed"
serve "$PORT"
expect 0 bm line push bench
has " 0 set aside"
expect 0 bm line push bench --json
equal "$(jq .taken <<<"$OUT")" 0 "entries taken again"
bm line push bench --json >push1 &
P1=$!
bm line push bench --json >push2 || true # one of the two may find the folder busy
wait "$P1" || true
expect 0 bm ledger verify acme
equal "$(bm unit list acme --state packed --json | jq length)" 2 "units of the station"
equal "$(bm station list acme --json | jq -r '.[0].issued')" 2 "issued of the quota"

say "the quota is hard"
expect 1 bm line run bench --units 3
has "desk.retired"
expect 0 bm line push bench

say "the server is killed in the middle of an import"
joined lock lock 40
stop
expect 0 bm line run lock --units 12
for i in 1 2 3; do
  serve "$PORT"
  bm line push lock >/dev/null 2>&1 &
  P=$!
  sleep 0.0$((i * 3))
  kill -KILL "$SERVER"
  wait "$SERVER" || true
  wait "$P" || true
done
serve "$PORT"
expect 0 bm line push lock
expect 0 bm ledger verify acme
equal "$(bm unit list acme --state packed --json --limit 1000 | jq length)" 15 "units of both stations"

say "answers count what stations did; a bundle says the same"
bm answer acme --json >answers.json
equal "$(jq '[.answers[] | select(.question == "first-stage-exposure")][0].measured.value' answers.json)" 3 "people: one a station, and who let them in"
equal "$(jq '[.answers[] | select(.question == "identity-pki-level")][0].measured.value' answers.json)" 3 "depth"
stop
bm disclose acme -o bmc.birthmark >/dev/null
bm ledger bundle acme -o bmc.evidence >/dev/null
expect 0 bm recompute bmc.evidence bmc.birthmark
expect 0 bm ledger rebuild acme
expect 0 bm ledger verify acme

say "a disabled station is taken nothing from"
serve "$PORT"
expect 0 bm station disable acme lock --reason stolen
expect 1 bm line push lock
has "station.not-authorised"
stop
echo "all good"
