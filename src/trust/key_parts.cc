// SPDX-License-Identifier: Apache-2.0
#include "trust/key_parts.h"

#include "crypto/der.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kRsaEncryption = "1.2.840.113549.1.1.1";
constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";

struct SpkiFrame {
  std::string algorithm;
  std::string parameter;  // an OID, where the parameter is one
  bool null_parameter = false;
  bool no_parameter = false;
  ByteView bits;
};

Result<SpkiFrame> FrameOfSpki(ByteView spki) {
  SpkiFrame f;
  DerReader file(spki);
  BM_TRY(DerReader info, file.Enter());
  BM_CHECK(file.End());
  BM_TRY(DerReader algorithm, info.Enter());
  BM_TRY(f.algorithm, algorithm.Oid());
  f.no_parameter = algorithm.AtEnd();
  if (algorithm.NextIs(der::kOid)) {
    BM_TRY(f.parameter, algorithm.Oid());
  } else if (algorithm.NextIs(der::kNull)) {
    BM_CHECK(algorithm.Next());
    f.null_parameter = true;
  }
  BM_CHECK(algorithm.End());
  BM_TRY(f.bits, info.BitStringOctets());
  BM_CHECK(info.End());
  return f;
}

Result<RsaNumbers> ReadPkcs1(ByteView pkcs1) {
  RsaNumbers n;
  DerReader file(pkcs1);
  BM_TRY(DerReader key, file.Enter());
  BM_CHECK(file.End());
  BM_TRY(ByteView modulus, key.Unsigned());
  BM_TRY(ByteView exponent, key.Unsigned());
  BM_CHECK(key.End());
  n.modulus.assign(modulus.begin(), modulus.end());
  n.exponent.assign(exponent.begin(), exponent.end());
  n.pkcs1.assign(pkcs1.begin(), pkcs1.end());
  return n;
}

size_t CoordinateSize(std::string_view curve) {
  if (curve == kOidP256) return 32;
  if (curve == kOidP384) return 48;
  if (curve == kOidP521) return 66;
  return 0;
}

Bytes WriteSpki(std::string_view algorithm, std::string_view parameter, bool null_parameter,
                ByteView bits) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Sequence([&](DerWriter& id) {
      id.Oid(algorithm);
      if (!parameter.empty()) id.Oid(parameter);
      if (null_parameter) id.Null();
    });
    info.BitString(bits);
  });
  return out;
}

}  // namespace

std::optional<RsaNumbers> RsaParts(ByteView spki) {
  auto f = FrameOfSpki(spki);
  if (!f || f->algorithm != kRsaEncryption || !f->null_parameter) return std::nullopt;
  auto n = ReadPkcs1(f->bits);
  if (!n) return std::nullopt;
  return std::move(*n);
}

Bytes SpkiOfRsa(ByteView modulus, ByteView exponent) {
  Bytes pkcs1;
  DerWriter(pkcs1).Sequence([&](DerWriter& key) {
    key.Unsigned(modulus);
    key.Unsigned(exponent);
  });
  return WriteSpki(kRsaEncryption, "", true, pkcs1);
}

std::optional<Bytes> SpkiOfPkcs1(ByteView pkcs1) {
  if (!ReadPkcs1(pkcs1)) return std::nullopt;
  return WriteSpki(kRsaEncryption, "", true, pkcs1);
}

std::optional<EcNumbers> EcParts(ByteView spki) {
  auto f = FrameOfSpki(spki);
  if (!f || f->algorithm != kEcPublicKey) return std::nullopt;
  const size_t n = CoordinateSize(f->parameter);
  // SEC 1 section 2.3.3: 04, then both coordinates.
  if (n == 0 || f->bits.size() != 1 + 2 * n || f->bits[0] != 4) return std::nullopt;
  const ByteView x = f->bits.subspan(1, n), y = f->bits.subspan(1 + n, n);
  return EcNumbers{f->parameter, Bytes(x.begin(), x.end()), Bytes(y.begin(), y.end())};
}

Bytes SpkiOfEc(const EcNumbers& point) {
  Bytes bits{4};
  bits.insert(bits.end(), point.x.begin(), point.x.end());
  bits.insert(bits.end(), point.y.begin(), point.y.end());
  return WriteSpki(kEcPublicKey, point.curve, false, bits);
}

std::optional<EdKey> EdParts(ByteView spki) {
  auto f = FrameOfSpki(spki);
  if (!f || !f->no_parameter) return std::nullopt;
  const size_t n = f->algorithm == kOidEd25519 ? 32 : f->algorithm == kOidEd448 ? 57 : 0;
  if (n == 0 || f->bits.size() != n) return std::nullopt;
  return EdKey{f->algorithm, Bytes(f->bits.begin(), f->bits.end())};
}

Bytes SpkiOfEd(const EdKey& key) { return WriteSpki(key.curve, "", false, key.key); }

}  // namespace birthmark::trust
