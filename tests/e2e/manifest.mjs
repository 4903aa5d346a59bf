// SPDX-License-Identifier: Apache-2.0
// Writes secure elements and their manifests with node's own crypto and openssl's files, so that no
// writer of Birthmark's stands behind what the importer is tested with.
//   node manifest.mjs OUT SIGNER.pem SIGNER.key [OPTION=VALUE…] PART…
// PART is a folder with part.key (PEM) and, with x5c, part.pem, and ca.pem above it; its name is the uid.
// Options: version=1|2|3, reel=NAME, part=NUMBER, alg=ES256|ES384|none, x5c=no, header=HEX (another uniqueId outside the
// signature), tamper=yes (payload changed after signing), order=yes (members in another order), secrets=yes, d=yes
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const [out, signerPem, signerKey, ...rest] = process.argv.slice(2);
const options = Object.fromEntries(rest.filter((a) => a.includes('=')).map((a) => a.split('=')));
const parts = rest.filter((a) => !a.includes('='));
const version = Number(options.version ?? 3);
const alg = options.alg ?? 'ES256';
const b64u = (x) => Buffer.from(x).toString('base64url');
const derOf = (pem) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

const signer = new crypto.X509Certificate(fs.readFileSync(signerPem));
const spki = signer.publicKey.export({ type: 'spki', format: 'der' });
// RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key's bits.
const ski = crypto.createHash('sha1').update(spki.subarray(-(signer.publicKey.asymmetricKeyDetails.namedCurve === 'secp384r1' ? 97 : 65))).digest();
const protectedHeader = {
  typ: 'JWT', alg, kid: b64u(ski),
  'x5t#S256': b64u(crypto.createHash('sha256').update(signer.raw).digest()),
};

const elements = parts.map((folder) => {
  const uid = path.basename(folder);
  const jwk = crypto.createPublicKey(fs.readFileSync(`${folder}/part.key`)).export({ format: 'jwk' });
  const key = { kid: '0', kty: 'EC', crv: jwk.crv, x: jwk.x, y: jwk.y };
  if (options.x5c !== 'no' && fs.existsSync(`${folder}/part.pem`))
    key.x5c = [`${folder}/part.pem`, `${folder}/../ca.pem`].map((f) => derOf(fs.readFileSync(f, 'utf8')).toString('base64'));
  if (options.d) key.d = 'AAAA';
  const name = (n) => ({ organizationName: n });
  const payload = {
    version, model: 'ATECC608C', partNumber: options.part ?? 'ATECC608C-TNGTLS',
    manufacturer: name('Example Silicon'), provisioner: name('Example Silicon'),
    // The first version's text and its example disagree about this name.
    [version === 1 ? 'distributer' : 'distributor']: name('Example Silicon'),
    groupId: options.reel ?? 'R1', provisioningTimestamp: '2026-10-01T08:00:00.000Z', uniqueId: uid,
  };
  if (version !== 2) payload.publicKeySet = { keys: [key] };
  if (options.secrets) payload.encryptedSecretKeySet = { keys: ['a.b.c.d.e'] };
  const members = Object.entries(protectedHeader);
  if (options.order) members.reverse();
  const head = b64u(JSON.stringify(Object.fromEntries(members)));
  let body = b64u(JSON.stringify(payload));
  const signature = alg === 'none' ? Buffer.alloc(0)
    : crypto.sign(alg === 'ES384' ? 'sha384' : 'sha256', Buffer.from(`${head}.${body}`), { key: fs.readFileSync(signerKey), dsaEncoding: 'ieee-p1363' });
  if (options.tamper) body = b64u(JSON.stringify({ ...payload, groupId: 'R9' }));
  return { payload: body, protected: head, header: { uniqueId: options.header ?? uid }, signature: signature.toString('base64url') };
});
fs.writeFileSync(out, JSON.stringify(elements, null, version === 1 ? 1 : 0));
