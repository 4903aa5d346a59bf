// SPDX-License-Identifier: Apache-2.0
// The numbers inside a SubjectPublicKeyInfo, for the formats that keep a key as numbers. Reads the
// encoding alone; whether a point is on its curve is the verifier's question. Internal to trust.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace birthmark::trust {

// RsaNumbers is big-endian without leading zeros.
struct RsaNumbers {
  Bytes modulus, exponent;
  Bytes pkcs1;  // RSAPublicKey, DER
};
std::optional<RsaNumbers> RsaParts(ByteView spki);
Bytes SpkiOfRsa(ByteView modulus, ByteView exponent);
// SpkiOfPkcs1 wraps an RSAPublicKey; absent when it is none.
std::optional<Bytes> SpkiOfPkcs1(ByteView pkcs1);

// EcNumbers is a point in uncompressed form, both coordinates of the curve's full size.
struct EcNumbers {
  std::string curve;  // OID
  Bytes x, y;
};
std::optional<EcNumbers> EcParts(ByteView spki);
Bytes SpkiOfEc(const EcNumbers& point);

inline constexpr std::string_view kOidP256 = "1.2.840.10045.3.1.7", kOidP384 = "1.3.132.0.34",
                                  kOidP521 = "1.3.132.0.35", kOidEd25519 = "1.3.101.112",
                                  kOidEd448 = "1.3.101.113";
// EdKey is the raw key of an Edwards curve.
struct EdKey {
  std::string curve;  // kOidEd25519 or kOidEd448
  Bytes key;
};
std::optional<EdKey> EdParts(ByteView spki);
Bytes SpkiOfEd(const EdKey& key);

}  // namespace birthmark::trust
