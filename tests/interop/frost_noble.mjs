// SPDX-License-Identifier: Apache-2.0
// Our shares, commitments and threshold signatures before a library that is not ours:
//   node frost_noble.mjs MAKE_CUSTODY DIR
// The library checks every share against commitments it computes itself, signs together with our program in one
// signature, and verifies what both joined. Exits 0 when all of it holds.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { ed25519, ed25519_FROST as frost } from '@noble/curves/ed25519.js';
import { bytesToHex, hexToBytes, bytesToNumberLE } from '@noble/curves/utils.js';

const [make, dir] = process.argv.slice(2);
if (!dir) {
  console.error('usage: node frost_noble.mjs MAKE_CUSTODY DIR');
  process.exit(2);
}
let failed = 0;
function expect(what, right) {
  if (!right) failed = 1;
  console.log(`${right ? 'ok' : 'WRONG'}: ${what}`);
}
const run = (...args) => execFileSync(make, args, { stdio: ['ignore', 'ignore', 'inherit'] });

run('deal', dir, '3', '5');
const deal = JSON.parse(readFileSync(`${dir}/deal.json`, 'utf8'));
const { Point } = ed25519;
const Fn = Point.Fn;
const indices = Object.keys(deal.shares).map(Number);
const points = Object.fromEntries(indices.map((i) => [i, Point.fromHex(deal.shares[i].point)]));
expect('five shares', indices.length === 5);
for (const i of indices) {
  const value = bytesToNumberLE(hexToBytes(deal.shares[i].value));
  expect(`share ${i} times the generator is its public point`, Point.BASE.multiply(value).equals(points[i]));
  expect(`point ${i} is of prime order`, points[i].isTorsionFree());
}

// The commitments to the polynomial that runs through the first three points, from the points alone: column by column of
// the inverted Vandermonde matrix.
function commitmentsThrough(three) {
  const out = [Point.ZERO, Point.ZERO, Point.ZERO];
  for (const i of three) {
    let basis = [1n]; // coefficients of the product of (x - j) / (i - j)
    for (const j of three) {
      if (j === i) continue;
      const by = Fn.inv(Fn.create(BigInt(i - j)));
      const next = new Array(basis.length + 1).fill(0n);
      basis.forEach((c, d) => {
        next[d] = Fn.create(next[d] - c * BigInt(j) * by);
        next[d + 1] = Fn.create(next[d + 1] + c * by);
      });
      basis = next;
    }
    basis.forEach((c, d) => (out[d] = out[d].add(c === 0n ? Point.ZERO : points[i].multiply(c))));
  }
  return out;
}
const commitments = commitmentsThrough([1, 2, 3]);
expect('the commitments give the key', commitments[0].toHex() === deal.key);
expect('others through other points are the same', commitmentsThrough([2, 4, 5]).every((p, d) => p.equals(commitments[d])));

const id = (i) => frost.Identifier.fromNumber(i);
const pub = {
  signers: { min: 3, max: 5 },
  commitments: commitments.map((p) => p.toBytes()),
  verifyingShares: Object.fromEntries(indices.map((i) => [id(i), points[i].toBytes()])),
};
const secret = (i) => ({ identifier: id(i), signingShare: hexToBytes(deal.shares[i].value) });
for (const i of indices) {
  try {
    frost.validateSecret(secret(i), pub);
    expect(`the library takes share ${i}`, true);
  } catch (e) {
    expect(`the library takes share ${i}: ${e.message}`, false);
  }
}

// One signature by the library for holder 2 and by our program for holders 1 and 5.
const message = new TextEncoder().encode('an emergency patch');
writeFileSync(`${dir}/message`, message);
for (const i of [1, 5]) run('commit', dir, `${i}`, `${dir}/${i}.commitment`);
const second = frost.commit(secret(2));
run('commitment', dir, '2', bytesToHex(second.commitments.hiding), bytesToHex(second.commitments.binding), `${dir}/2.commitment`);
run('request', dir, `${dir}/message`, `${dir}/request`, ...[1, 2, 5].map((i) => `${dir}/${i}.commitment`));
for (const i of [1, 5]) run('sign', dir, `${dir}/request`, `${i}`, `${dir}/${i}.part`);

// What our files hold, read by hand: deterministic CBOR maps whose byte strings of 32 octets follow their names.
function field(file, name) {
  const der = Buffer.from(readFileSync(file, 'utf8').replace(/-----[^-]*-----/g, ''), 'base64');
  const at = der.indexOf(Buffer.concat([Buffer.from([0x60 + name.length]), Buffer.from(name), Buffer.from([0x58, 0x20])]));
  return new Uint8Array(der.subarray(at + name.length + 3, at + name.length + 35));
}
const list = [1, 2, 5].map((i) => ({
  identifier: id(i),
  hiding: field(`${dir}/${i}.commitment`, 'hiding'),
  binding: field(`${dir}/${i}.commitment`, 'binding'),
}));
const part2 = frost.signShare(secret(2), pub, second.nonces, list, message);
const parts = { [id(1)]: field(`${dir}/1.part`, 'value'), [id(2)]: part2, [id(5)]: field(`${dir}/5.part`, 'value') };
for (const i of [1, 5]) {
  expect(`the library takes our part ${i}`, frost.verifyShare(pub, list, message, id(i), parts[id(i)]));
  const changed = parts[id(i)].slice();
  changed[0] ^= 1;
  expect(`and refuses it with a bit flipped`, !frost.verifyShare(pub, list, message, id(i), changed));
}
run('part', dir, `${dir}/request`, '2', bytesToHex(part2), `${dir}/2.part`);
run('join', dir, `${dir}/request`, `${dir}/signature`, ...[5, 1, 2].map((i) => `${dir}/${i}.part`));
const ours = new Uint8Array(readFileSync(`${dir}/signature`));
const theirs = frost.aggregate(pub, list, message, parts);
expect('both join the parts to the same signature', bytesToHex(ours) === bytesToHex(theirs));
const key = hexToBytes(deal.key);
expect('it verifies as Ed25519', ed25519.verify(ours, message, key, { zip215: false }));
expect('and not over another message', !ed25519.verify(ours, new TextEncoder().encode('another'), key, { zip215: false }));
process.exit(failed);
