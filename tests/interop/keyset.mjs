// SPDX-License-Identifier: Apache-2.0
// Reads a COSE_KeySet with programs that are not ours (cbor-x, node's crypto) and prints a curl pin for each
// key, in order: node keyset.mjs FILE
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Decoder } from 'cbor-x';

const set = new Decoder({ mapsAsObjects: false }).decode(readFileSync(process.argv[2]));
const b64 = (octets) => Buffer.from(octets).toString('base64url');
const curves = { 1: 'P-256', 2: 'P-384', 3: 'P-521', 6: 'Ed25519', 7: 'Ed448' };
const jwks = set.map((key) => {
  switch (key.get(1)) {
    case 1: return { kty: 'OKP', crv: curves[key.get(-1)], x: b64(key.get(-2)) };
    case 2: return { kty: 'EC', crv: curves[key.get(-1)], x: b64(key.get(-2)), y: b64(key.get(-3)) };
    case 3: return { kty: 'RSA', n: b64(key.get(-1)), e: b64(key.get(-2)) };
    default: throw new Error(`key type ${key.get(1)}`);
  }
});
const pins = jwks.map((key) => {
  const spki = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
});
console.log(pins.join(';'));
