#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fault matrix: for every step of both example lines, the station is killed, the device loses its
# power and the cable comes out, before the step and after it; the server is killed around an
# enrolment; the disk fills up. No unit is lost, none ends with two identities, nothing is unexplained.
# BIRTHMARK_FAULTS=all runs every cell (`./dev check`); otherwise every third.
SELF=$(readlink -f "$0")
. "$(dirname "$SELF")/lib.sh"
trap 'kill ${SERVER:-} 2>/dev/null || true; { [ -z "${SMALL:-}" ] || umount "$SMALL"; } 2>/dev/null || true; rm -rf "$WORK"' EXIT
EVERY=3
[ "${BIRTHMARK_FAULTS:-}" != all ] || EVERY=1

# closed WS: everything that was begun is finished, once, and the log holds
closed() {
  local ws=$1 unfinished
  unfinished=$(bm status "$ws" --json | jq .unfinished || true)
  [ "$unfinished" -eq 0 ] || bm line run "$ws" --units "$unfinished" >go-on.out || die "could not go on: $(cat go-on.out)"
  expect 0 bm ledger verify "$ws"
  expect 0 bm reconcile "$ws" --json
  equal "$(bm cert list "$ws" --limit 100000 --json |
    jq '[.[] | select(.state | IN("void", "revoked", "superseded", "destroyed") | not)] | group_by([.unit, .slot]) | map(select(length > 1)) | length')" \
    0 "slots of $ws with two live identities"
}

for product in bmc bulb; do
  bm plan new --like "$product" -o "$product.toml" >/dev/null
  bm init "$product" --plan "$product.toml" >/dev/null
  bm line run "$product" --units 1 >/dev/null
  steps=$(grep -oE 'name = "[a-z-]+", station' "$product.toml" | cut -d'"' -f2 | grep -v '^ship$' | sort -u)
  cell=0 ran=0
  for step in $steps; do
    for what in station device link; do
      for when in before after; do
        cell=$((cell + 1))
        [ $((cell % EVERY)) -eq 0 ] || continue
        code=0
        bm line run "$product" --units 1 --fault "$what:$when:$step" >fault.out 2>&1 || code=$?
        # A killed station is 137; a device or a cable that failed is mended by a retry, and the unit is good.
        case $what:$code in
          station:137) ;;
          device:0 | link:0) grep -q GOOD fault.out || die "$what $when $step: no unit was good: $(cat fault.out)" ;;
          *) die "$what $when $step: exit $code: $(cat fault.out)" ;;
        esac
        [ "$what" != station ] || bm line run "$product" --units 1 >fault.out 2>&1 || die "after $what $when $step: $(cat fault.out)"
        ran=$((ran + 1))
      done
    done
  done
  for n in 1 2 3 5; do
    bm line run "$product" --units 1 --fault "device:write:$n" >fault.out 2>&1 || die "power cut after $n writes: $(cat fault.out)"
    bm line run "$product" --units 1 --fault "link:cut-frame:$n,link:drop-frame:$((n + 3))" >fault.out 2>&1 || die "frames: $(cat fault.out)"
  done
  closed "$product"
  echo "$product: $ran cells of the matrix, 8 cuts; $(bm unit list "$product" --limit 100000 --json | jq length) units, every one accounted for"
done

echo "--- a unit that is broken for good is scrapped, and its identity with it"
expect 1 bm line run bmc --units 1 --fault unit:before:first-stage-lock
has "SCRAP"
closed bmc

echo "--- a label on the wrong board"
next=$(printf 'BMC-%04d' $(($(bm unit list bmc --limit 100000 --json | jq length) + 1)))
cp bmc/labels/BMC-0001.png "bmc/labels/$next.png"
expect 1 bm line run bmc --units 1
has "$next SCRAP  the label says ridgeback-s1 BMC-0001, the chip $next"
closed bmc

echo "--- the server is killed around enrolments"
sed -i 's/^transfer = "mechanically-.*"/transfer = "network-transferred"/' bmc.toml
bm init net --plan bmc.toml >/dev/null
serve() {
  rm -f ready.json
  "$BIN/birthmark" serve net --json --port "${PORT:-0}" --plain-port 0 --metrics-port 0 --coaps-port 0 --log serve.log >ready.json &
  SERVER=$!
  for _ in $(seq 3000); do [ -s ready.json ] && break; sleep 0.05; done
  EST=$(jq -r '[.endpoints[] | select(.what == "EST")][0].url' ready.json)
  PORT=$(cut -d/ -f3 <<<"$EST" | cut -d: -f2)
}
serve
bm token new net --uses 40 -o many.token 2>/dev/null
printf 'user = "%s"\n' "$(cat many.token)" >many.curl
for i in $(seq 12); do
  serial=BMC-$(printf %04d "$i")
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout k.pem -subj "/O=Acme/serialNumber=$serial" -outform DER -out csr.der 2>/dev/null
  base64 -w0 csr.der >csr.b64
  enrol() {
    curl -s --max-time 5 --cacert net/public/operations-root.pem -K many.curl -H 'Content-Type: application/pkcs10' \
      --data-binary @csr.b64 "$EST/simpleenroll" -o "$1" -w '%{http_code}'
  }
  enrol first.p7 >first.code &
  asked=$!
  sleep "0.0$((RANDOM % 6))"
  kill -9 "$SERVER"
  wait "$SERVER" 2>/dev/null || true
  wait "$asked" || true
  serve
  equal "$(enrol second.p7)" 200 "the retry for $serial"
  # What was answered before the kill is what the retry gets.
  [ "$(cat first.code)" != 200 ] || equal "$(sha256sum <first.p7)" "$(sha256sum <second.p7)" "the certificate of $serial"
done
kill -TERM "$SERVER"
wait "$SERVER" || die "the server did not end well"
SERVER=
expect 0 bm ledger verify net
equal "$(bm cert list net --json | jq '[.[] | select(.slot == "idevid")] | length')" 12 "certificates for 12 units"

echo "--- the disk fills up"
SMALL=$WORK/small
mkdir "$SMALL"
if mount -t tmpfs -o size=24m,mode=700 tmpfs "$SMALL" 2>/dev/null; then
  bm init "$SMALL/bulb" --plan bulb.toml >/dev/null
  bm line run "$SMALL/bulb" --units 1 >/dev/null
  dd if=/dev/zero of="$SMALL/ballast" bs=64k 2>/dev/null || true
  code=0
  bm line run "$SMALL/bulb" --units 2 >full.out 2>&1 || code=$?
  equal "$code" 3 "the exit code of a full disk: $(cat full.out)"
  rm "$SMALL/ballast"
  bm line run "$SMALL/bulb" --units 2 >go-on.out || die "after the disk had room: $(cat go-on.out)"
  closed "$SMALL/bulb"
  umount "$SMALL"
else
  echo "did not run: no file system can be mounted here"
fi
SMALL=
