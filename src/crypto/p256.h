// SPDX-License-Identifier: Apache-2.0
// The fast road for P-256: EC_KEY calls without provider look-ups, for the hot path behind Signer
// and PublicKey and for templates that need raw points. Everything deprecated about it stays in
// p256.cc; the EVP road is its oracle in tests. An EC_KEY may be used by several threads as long as
// none changes it.
#pragma once

#include <array>
#include <span>

#include "base/bytes.h"
#include "crypto/openssl.h"

namespace birthmark::crypto {

// P256Point is an uncompressed point: 04, x, y.
using P256Point = std::array<uint8_t, 65>;
// kP256SpkiPrefix is all of a P-256 SubjectPublicKeyInfo before its point (RFC 5480 section 2).
inline constexpr std::array<uint8_t, 26> kP256SpkiPrefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

// P256PublicKey takes an uncompressed point; null unless it lies on the curve.
EcKeyPtr P256PublicKey(ByteView point);
// P256PrivateKey takes a 32-octet scalar; null unless 0 < scalar < n.
EcKeyPtr P256PrivateKey(const SecretBytes& scalar);
EcKeyPtr P256Generate();
// P256BasePoints multiplies the base point by each of many scalars of 32 octets, each in constant
// time; the points are brought to octets together, with one inversion for all of them. False, with
// `out` not to be used, for a scalar that is not 0 < scalar < n. `out` is as long as `scalars`.
bool P256BasePoints(std::span<const SecretBytes> scalars, std::span<P256Point> out);
// P256PrivateFromEvp copies the key out of an EVP_PKEY; null when it is no P-256 private key.
EcKeyPtr P256PrivateFromEvp(EVP_PKEY* key);
EvpKeyPtr P256ToEvp(const EC_KEY* key);
P256Point P256PointOf(const EC_KEY* key);

// P256SignDigest writes a DER ECDSA-Sig-Value and returns its length (at most 72), or 0.
size_t P256SignDigest(EC_KEY* key, const Digest& digest, std::span<uint8_t, 72> out);
// P256VerifyDigest takes a DER ECDSA-Sig-Value; other encodings of the same numbers are refused.
bool P256VerifyDigest(const EC_KEY* key, const Digest& digest, ByteView signature);
// P256KeyIn is the EC_KEY inside an EVP_PKEY made by P256ToEvp, not owned.
const EC_KEY* P256KeyIn(EVP_PKEY* key);

}  // namespace birthmark::crypto
