// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1 (RFC 9052 section 4.2) with the headers that a SCITT signed statement carries:
// algorithm, type, CWT claims, certificate chain. Signing through any Signer; strict reading.
// Leaves out trust in the chain (pki, disclose), MACs and encryption. Values and pure functions;
// thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "cbor/value.h"
#include "crypto/key.h"

namespace birthmark::cbor {

inline constexpr uint64_t kCoseSign1Tag = 18;

// CwtClaims are those of RFC 9597 that we write; others are kept.
struct CwtClaims {
  std::optional<std::string> issuer;   // 1
  std::optional<std::string> subject;  // 2
  std::optional<Time> issued_at;       // 6, whole seconds
  Map other;
};

// CoseHeaders is a protected header, decoded. content_type and type are a text or an unsigned
// number.
struct CoseHeaders {
  std::optional<int64_t> algorithm;   // 1; the signer sets it when signing
  std::optional<Value> content_type;  // 3
  std::optional<CwtClaims> claims;    // 15, RFC 9597
  std::optional<Value> type;          // 16, RFC 9596
  std::vector<Bytes> x5chain;         // 33, RFC 9360: the signer's certificate first
  std::optional<Digest> x5t;          // 34, with SHA-256
  Map other;

  // TypeText is the type when it is a text, else empty.
  std::string TypeText() const;
};

// CoseSign1 is one signed message.
struct CoseSign1 {
  Bytes protected_bytes;         // what was signed, as it stood
  CoseHeaders headers;           // the same, decoded
  Map unprotected;               // covered by no signature: whatever is in it must prove itself
  std::optional<Bytes> payload;  // empty when detached
  Bytes signature;               // r || s for ECDSA
};

// CoseAlgorithm is the registered number of what a key signs with (RFC 9053, RFC 8812): ES256 -7,
// ES384 -35, EdDSA -8, RS256 -257.
int64_t CoseAlgorithm(crypto::Algorithm a);

// CoseSigning says what is signed beside the payload.
struct CoseSigning {
  CoseHeaders headers;
  Map unprotected;
  Bytes external_aad;
  bool detached = false;
};
// SignCose signs; headers.algorithm is overwritten. Errors: those of the signer.
Result<CoseSign1> SignCose(const CoseSigning& what, ByteView payload, crypto::Signer& signer);
// EncodeCose gives the message's bytes with its tag, the unprotected header as it now stands.
Bytes EncodeCose(const CoseSign1& m);

struct CoseReading {
  bool require_tag = true;
  // RFC 9052 section 3.1: the algorithm must be authenticated where it can be, so it is taken from
  // the unprotected header only on request.
  bool allow_unprotected_algorithm = false;
  size_t max_bytes = size_t{64} << 20;
};
// ParseCose reads one message and nothing after it.
// Errors: those of Decode; cose.too-large, cose.tag, cose.shape, cose.header (a header of a wrong
// type, in both maps, or an empty chain), cose.critical, cose.algorithm, cose.signature-length.
Result<CoseSign1> ParseCose(ByteView data, const CoseReading& how = {});

// VerifyCose checks the signature under one key. A detached message needs its payload.
// Errors: cose.algorithm (not this key's), cose.payload (missing, or given twice), cose.signature.
Status VerifyCose(const CoseSign1& m, const crypto::PublicKey& key, ByteView external_aad = {},
                  std::optional<ByteView> detached_payload = std::nullopt);

}  // namespace birthmark::cbor
