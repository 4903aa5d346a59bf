// SPDX-License-Identifier: Apache-2.0
// Verifies an attestation token with programs that are not ours (@auth0/cose, cbor-x, node's crypto) and prints
// what it claims: node eat_auth0.mjs FILE. The key is that of the first certificate in the token; whose that is,
// the caller has to ask somebody else. Exits 0 when the signature holds and breaks with any bit flipped.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Sign1 } from '@auth0/cose';
import { Decoder } from 'cbor-x';

const decoder = new Decoder({ mapsAsObjects: false });
const bytes = readFileSync(process.argv[2]);
const message = Sign1.decode(bytes);
const header = decoder.decode(message.encodedProtectedHeaders);
const chain = header.get(33);
const leaf = new X509Certificate(Array.isArray(chain) ? chain[0] : chain);
await message.verify(leaf.publicKey);
for (const at of [bytes.indexOf(Buffer.from(message.payload)) + 20, bytes.length - 1]) {
  const changed = Buffer.from(bytes);
  changed[at] ^= 1;
  const refused = await Sign1.decode(changed).verify(leaf.publicKey).then(() => false, () => true);
  if (!refused) throw new Error(`a bit flipped at ${at} is accepted`);
}

const claims = decoder.decode(message.payload);
const [format, measured] = claims.get(273)[0];
if (format !== 60) throw new Error(`content format ${format}`);
const boot = decoder.decode(measured);
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const register = boot.get('log').reduce((r, entry) => sha256(r, sha256(entry)), Buffer.alloc(32));
console.log(JSON.stringify({
  typ: header.get(16),
  nonce: Buffer.from(claims.get(10)).toString('hex'),
  oemid: claims.get(258),
  hwmodel: Buffer.from(claims.get(259)).toString(),
  hwversion: claims.get(260)[0],
  oemboot: claims.get(262),
  dbgstat: claims.get(263),
  swname: claims.get(270),
  swversion: claims.get(271),
  stages: boot.get('log').map((e) => decoder.decode(e).get('partition')).filter((p) => p),
  replays: register.equals(Buffer.from(boot.get('register'))),
}));
