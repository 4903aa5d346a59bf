// SPDX-License-Identifier: Apache-2.0
// Protection of CMP messages (RFC 9810 section 5.1.3): PasswordBasedMac and signatures, and the
// signatures that prove possession. Algorithms are those of RFC 9481 that are still good; SHA-1 is
// taken as the hash of an HMAC alone, which openssl's client asks for unless told otherwise.
// Thread-safe functions.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace birthmark::enroll::cmp {

// A count below the least makes guessing a secret cheap (RFC 4211 section 4.4); one above the most
// makes us work for anybody who asks.
inline constexpr uint64_t kLeastIterations = 100;
inline constexpr uint64_t kMostIterations = 10'000;

enum class Hash { kSha1, kSha256, kSha384, kSha512 };

// HashOf gives a hash over one text; HmacOf is RFC 2104 with it.
Bytes HashOf(Hash h, ByteView text);
Bytes HmacOf(Hash h, ByteView key, ByteView text);

// Pbm is PBMParameter.
struct Pbm {
  ByteView salt;
  Hash owf = Hash::kSha256;
  uint64_t iterations = 0;
  Hash mac = Hash::kSha256;
};
// ReadPbm takes a protectionAlg. Errors: cmp.bad-alg (another algorithm, SHA-1 as one-way function,
// a count out of bounds), cmp.bad-data-format.
Result<Pbm> ReadPbm(ByteView algorithm);
// PbmKey derives the key of the MAC from what both sides know (RFC 4211 section 4.4).
SecretBytes PbmKey(const Pbm& p, const SecretBytes& secret);

// ProtectedPart puts header and body into the SEQUENCE that protection covers.
Bytes ProtectedPart(ByteView header_and_body);

// VerifySignature checks a signature under an AlgorithmIdentifier that stands beside it. Errors:
// cmp.bad-alg (not for this key, or not taken here), cmp.bad-message-check.
Status VerifySignature(ByteView algorithm, const crypto::PublicKey& key, ByteView text,
                       ByteView signature);
// SignatureAlgorithm is the AlgorithmIdentifier of what a crypto::Signer makes.
Bytes SignatureAlgorithm(crypto::Algorithm a);

// CertHash is the hash that certConf names a certificate by: that of its signature, or of
// `hash_algorithm` when there is one (RFC 9810 section 5.3.18). Errors: cmp.bad-alg.
Result<Bytes> CertHash(ByteView certificate, ByteView signature_algorithm, ByteView hash_algorithm);

}  // namespace birthmark::enroll::cmp
