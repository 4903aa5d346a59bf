// SPDX-License-Identifier: Apache-2.0
// Reads a COSE_Sign1 file with a library that is not ours: node cose_auth0.mjs FILE CA.pem [OTHER-CA.pem]
// Exits 0 when the library accepts the file under CA.pem and refuses it with a bit flipped in the protected
// header, the payload or the signature, and under OTHER-CA.pem; else 1.
import { readFileSync } from 'node:fs';
import { Sign1 } from '@auth0/cose';

const [file, caFile, otherFile] = process.argv.slice(2);
if (!caFile) {
  console.error('usage: node cose_auth0.mjs FILE CA.pem [OTHER-CA.pem]');
  process.exit(2);
}
const bytes = readFileSync(file);
const ca = readFileSync(caFile, 'utf8');

async function accepts(data, root) {
  try {
    await Sign1.decode(data).verifyX509([root]);
    return { ok: true };
  } catch (e) {
    return { ok: false, why: e.message };
  }
}

let failed = 0;
function expect(what, got, wanted) {
  const right = got.ok === wanted;
  if (!right) failed = 1;
  console.log(`${right ? 'ok' : 'WRONG'}: ${what}: ${got.ok ? 'accepted' : `refused (${got.why})`}`);
}

expect('the file', await accepts(bytes, ca), true);
// The parts stand in order: protected header near the start, payload before the signature, which ends it.
const message = Sign1.decode(bytes);
const payloadAt = bytes.indexOf(Buffer.from(message.payload));
for (const [what, at] of [['protected header', 8], ['payload', payloadAt], ['signature', bytes.length - 1]]) {
  const changed = Buffer.from(bytes);
  changed[at] ^= 1;
  expect(`a bit flipped in the ${what}`, await accepts(changed, ca), false);
}
if (otherFile) expect('another CA', await accepts(bytes, readFileSync(otherFile, 'utf8')), false);
process.exit(failed);
