// SPDX-License-Identifier: Apache-2.0
#include "keystore/pkcs11/objects.h"

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::keystore::pkcs11 {
namespace {

using crypto::Algorithm;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kP256 = "1.2.840.10045.3.1.7", kP384 = "1.3.132.0.34",
                           kEd25519 = "1.3.101.112", kEcPublicKey = "1.2.840.10045.2.1",
                           kRsaEncryption = "1.2.840.113549.1.1.1",
                           kSha256 = "2.16.840.1.101.3.4.2.1";

std::unexpected<Error> BadPublic(std::string_view why) {
  return Refused("keystore.corrupt", "the token's public key object " + std::string(why));
}

Result<crypto::PublicKey> FromParts(const std::function<void(DerWriter&)>& algorithm,
                                    ByteView bits) {
  Bytes spki;
  DerWriter(spki).Sequence([&](DerWriter& w) {
    w.Sequence(algorithm);
    w.BitString(bits);
  });
  return crypto::PublicKey::FromSpki(spki);
}

}  // namespace

Mechanisms MechanismsOf(Algorithm a) {
  switch (a) {
    case Algorithm::kEcdsaP256:
    case Algorithm::kEcdsaP384:
      return {CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKK_EC};
    case Algorithm::kEd25519:
      return {CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, CKK_EC_EDWARDS};
    default:
      return {CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, CKK_RSA};
  }
}

Bytes CurveParams(Algorithm a) {
  Bytes out;
  if (a == Algorithm::kEcdsaP256) DerWriter(out).Oid(kP256);
  if (a == Algorithm::kEcdsaP384) DerWriter(out).Oid(kP384);
  // PKCS #11 v3.0 section 6.3.5 takes the OID of RFC 8410 for Edwards curves.
  if (a == Algorithm::kEd25519) DerWriter(out).Oid(kEd25519);
  return out;
}

CK_ULONG ModulusBits(Algorithm a) {
  if (a == Algorithm::kRsa2048) return 2048;
  if (a == Algorithm::kRsa3072) return 3072;
  return a == Algorithm::kRsa4096 ? 4096 : 0;
}

Result<crypto::PublicKey> EcKey(ByteView params, ByteView point) {
  DerReader r(params);
  auto curve = r.Oid();
  if (!curve || !r.AtEnd()) return BadPublic("names no curve by its OID");
  const bool edwards = *curve == kEd25519;
  // PKCS #11 v3.0 section 6.3.3: a Weierstrass point is the DER of an OCTET STRING. For Edwards
  // curves section 6.3.5 has the octets themselves, and modules in the field wrap them as well.
  ByteView octets = point;
  if (!edwards || point.size() != 32) {
    DerReader p(point);
    auto inner = p.Expect(crypto::der::kOctetString);
    if (!inner || !p.AtEnd()) return BadPublic("has no readable point");
    octets = *inner;
  }
  if (edwards) return FromParts([](DerWriter& w) { w.Oid(kEd25519); }, octets);
  return FromParts(
      [&](DerWriter& w) {
        w.Oid(kEcPublicKey);
        w.Oid(*curve);
      },
      octets);
}

Result<crypto::PublicKey> RsaKey(ByteView modulus, ByteView exponent) {
  Bytes key;
  DerWriter(key).Sequence([&](DerWriter& w) {
    w.Unsigned(modulus);
    w.Unsigned(exponent);
  });
  return FromParts(
      [](DerWriter& w) {
        w.Oid(kRsaEncryption);
        w.Null();
      },
      key);
}

Bytes ToSign(Algorithm a, ByteView message) {
  if (a == Algorithm::kEd25519) return Bytes(message.begin(), message.end());
  if (a == Algorithm::kEcdsaP384) {
    auto digest = crypto::Sha384(message);
    return Bytes(digest.begin(), digest.end());
  }
  const Digest digest = crypto::Sha256(message);
  if (a == Algorithm::kEcdsaP256) return Bytes(digest.begin(), digest.end());
  // RFC 8017 section 9.2: DigestInfo, so that modules without a hash of their own can sign.
  Bytes info;
  DerWriter(info).Sequence([&](DerWriter& w) {
    w.Sequence([](DerWriter& algorithm) {
      algorithm.Oid(kSha256);
      algorithm.Null();
    });
    w.Element(crypto::der::kOctetString, digest);
  });
  return info;
}

Result<Bytes> FromToken(Algorithm a, ByteView signature) {
  if (a == Algorithm::kEcdsaP256 || a == Algorithm::kEcdsaP384)
    return crypto::EcdsaRawToDer(signature);
  return Bytes(signature.begin(), signature.end());
}

}  // namespace birthmark::keystore::pkcs11
