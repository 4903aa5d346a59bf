// SPDX-License-Identifier: Apache-2.0
#include "seed/derive.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>

#include "seed/hkdf512.h"

namespace birthmark::seed {
namespace {

using crypto::Algorithm;
using crypto::Owned;
using PointPtr = Owned<EC_POINT, EC_POINT_free>;
using GroupPtr = Owned<EC_GROUP, EC_GROUP_free>;
using BnCtxPtr = Owned<BN_CTX, BN_CTX_free>;
using SecretBignumPtr = Owned<BIGNUM, BN_clear_free>;
using ParamBuilderPtr = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using ParamsPtr = Owned<OSSL_PARAM, OSSL_PARAM_free>;

// The profile's two salts. Source: Open Profile for DICE, "Cryptography", constants.
constexpr Block512 kAsymSalt = {
    0x63, 0xb6, 0xa0, 0x4d, 0x2c, 0x07, 0x7f, 0xc1, 0x0f, 0x63, 0x9f, 0x21, 0xda, 0x79, 0x38, 0x44,
    0x35, 0x6c, 0xc2, 0xb0, 0xb4, 0x41, 0xb3, 0xa7, 0x71, 0x24, 0x03, 0x5c, 0x03, 0xf8, 0xe1, 0xbe,
    0x60, 0x35, 0xd3, 0x1f, 0x28, 0x28, 0x21, 0xa7, 0x45, 0x0a, 0x02, 0x22, 0x2a, 0xb1, 0xb3, 0xcf,
    0xf1, 0x67, 0x9b, 0x05, 0xab, 0x1c, 0xa5, 0xd1, 0xaf, 0xfb, 0x78, 0x9c, 0xcd, 0x2b, 0x0b, 0x3b};
constexpr Block512 kIdSalt = {
    0xdb, 0xdb, 0xae, 0xbc, 0x80, 0x20, 0xda, 0x9f, 0xf0, 0xdd, 0x5a, 0x24, 0xc8, 0x3a, 0xa5, 0xa5,
    0x42, 0x86, 0xdf, 0xc2, 0x63, 0x03, 0x1e, 0x32, 0x9b, 0x4d, 0xa1, 0x48, 0x43, 0x06, 0x59, 0xfe,
    0x62, 0xcd, 0xb5, 0xb7, 0xe1, 0xe0, 0x0f, 0xc6, 0x80, 0x30, 0x67, 0x11, 0xeb, 0x44, 0x4a, 0xf7,
    0x72, 0x09, 0x35, 0x94, 0x96, 0xfc, 0xff, 0x1d, 0xb9, 0x52, 0x0b, 0xa5, 0x1c, 0x7b, 0x29, 0xea};

// RFC 5480 section 2: all of a P-384 SubjectPublicKeyInfo before its uncompressed point.
constexpr std::array<uint8_t, 23> kP384Prefix = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
constexpr size_t kEd25519Head = 12;  // RFC 8410 section 4: what stands before the 32 octets

// The orders of P-256 and P-384, big-endian. Source: SEC 2, sections 2.4.2 and 2.5.1.
constexpr std::array<uint8_t, 32> kOrder256 = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
constexpr std::array<uint8_t, 48> kOrder384 = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

Status CheckSeed(const SecretBytes& seed) {
  if (seed.size() < kMinSeed) {
    return Refused("seed.short", "a seed of fewer than 256 bits",
                   "a seed has 32 octets at least (draft, section 4.1.1.3)");
  }
  if (seed.size() > kMaxSeed) return Refused("seed.long", "a seed of more than 64 octets");
  uint8_t any = 0;
  for (uint8_t b : seed.Read(SecretAccess{})) any |= b;
  // A chip whose fuses were never blown reads zeros. The profile's published examples begin with
  // zeros too, but with measurements mixed in, so no real input is refused here.
  if (any == 0) return Refused("seed.zero", "a seed of zeros: no seed was put in");
  return {};
}

SecretBytes KeyPairSeed(const SecretBytes& seed) {
  static const HmacSha512 salt(kAsymSalt);
  SecretBytes out(32);
  HkdfSha512(seed.Read(SecretAccess{}), salt, "Key Pair", out.Write(SecretAccess{}));
  return out;
}

// ScalarOf takes the first candidate of an HMAC_DRBG (SHA-512) seeded with `seed` that is a scalar:
// RFC 6979 section 3.2 steps b to h, with `seed` in the place of int2octets(x) || bits2octets(h1).
// Both curves need at most one block of the generator's output a candidate.
template <size_t N>
SecretBytes ScalarOf(const SecretBytes& seed, const std::array<uint8_t, N>& order) {
  static constexpr uint8_t kZero[] = {0}, kOne[] = {1};
  static const Block512 zeros{};
  static const HmacSha512 first(zeros);
  ByteView s = seed.Read(SecretAccess{});
  Block512 k, v;
  v.fill(0x01);
  first.Of({v, kZero, s}, k);
  HmacSha512 mac(k);
  mac.Of({v}, v);
  mac.Of({v, kOne, s}, k);
  mac = HmacSha512(k);
  mac.Of({v}, v);
  SecretBytes scalar(N);
  std::span<uint8_t> d = scalar.Write(SecretAccess{});
  for (;;) {
    mac.Of({v}, v);
    std::copy_n(v.begin(), N, d.begin());
    bool zero = std::all_of(d.begin(), d.end(), [](uint8_t b) { return b == 0; });
    if (!zero && std::memcmp(d.data(), order.data(), N) < 0) break;
    mac.Of({v, kZero}, k);
    mac = HmacSha512(k);
    mac.Of({v}, v);
  }
  Wipe(k.data(), k.size());
  Wipe(v.data(), v.size());
  return scalar;
}

// Curve is one curve's group and what a multiplication of its base point needs, kept by each
// thread: making them costs as much as the multiplication.
struct Curve {
  explicit Curve(int nid)
      : group(EC_GROUP_new_by_curve_name(nid)),
        point(EC_POINT_new(group.get())),
        number(BN_secure_new()),
        work(BN_CTX_secure_new()) {}
  GroupPtr group;
  PointPtr point;
  SecretBignumPtr number;
  BnCtxPtr work;
};

// BasePointTimes writes the uncompressed point of a scalar in range. Errors: seed.derive.
Status BasePointTimes(Curve& c, const SecretBytes& scalar, std::span<uint8_t> out) {
  ByteView s = scalar.Read(SecretAccess{});
  bool good = BN_bin2bn(s.data(), static_cast<int>(s.size()), c.number.get()) != nullptr;
  BN_set_flags(c.number.get(), BN_FLG_CONSTTIME);
  good = good &&
         EC_POINT_mul(c.group.get(), c.point.get(), c.number.get(), nullptr, nullptr,
                      c.work.get()) == 1 &&
         EC_POINT_point2oct(c.group.get(), c.point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(),
                            out.size(), c.work.get()) == out.size();
  BN_clear(c.number.get());
  if (!good) return std::unexpected(crypto::OpenSslError("seed.derive", "a public key"));
  return {};
}

Status PointOf256(const SecretBytes& scalar, std::span<uint8_t> out) {
  static thread_local Curve curve(NID_X9_62_prime256v1);
  return BasePointTimes(curve, scalar, out);
}
Status PointOf384(const SecretBytes& scalar, std::span<uint8_t> out) {
  static thread_local Curve curve(NID_secp384r1);
  return BasePointTimes(curve, scalar, out);
}

Result<crypto::EvpKeyPtr> Ed25519Key(const SecretBytes& seed) {
  ByteView s = seed.Read(SecretAccess{});
  crypto::EvpKeyPtr key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, s.data(), s.size()));
  if (key == nullptr) {
    return std::unexpected(crypto::OpenSslError("seed.derive", "an Ed25519 key"));
  }
  return key;
}

Result<crypto::PublicKey> PublicKeyOf(const SecretBytes& secret, Algorithm a) {
  if (a == Algorithm::kEd25519) {
    BM_TRY(crypto::EvpKeyPtr key, Ed25519Key(secret));
    return crypto::PublicKey::FromEvp(key.get());
  }
  if (a == Algorithm::kEcdsaP384) {
    std::array<uint8_t, kP384Prefix.size() + 97> spki;
    std::copy(kP384Prefix.begin(), kP384Prefix.end(), spki.begin());
    BM_CHECK(PointOf384(secret, std::span(spki).subspan(kP384Prefix.size())));
    return crypto::PublicKey::FromSpki(spki);
  }
  std::array<uint8_t, crypto::kP256SpkiPrefix.size() + 65> spki;
  std::copy(crypto::kP256SpkiPrefix.begin(), crypto::kP256SpkiPrefix.end(), spki.begin());
  BM_CHECK(PointOf256(secret, std::span(spki).subspan(crypto::kP256SpkiPrefix.size())));
  return crypto::PublicKey::FromSpki(spki);
}

}  // namespace

Result<Derived> Derive(const SecretBytes& seed, Algorithm a) {
  BM_CHECK(CheckSeed(seed));
  Derived out;
  switch (a) {
    case Algorithm::kEd25519:
      out.private_key = KeyPairSeed(seed);
      break;
    case Algorithm::kEcdsaP256:
      out.private_key = ScalarOf(KeyPairSeed(seed), kOrder256);
      break;
    case Algorithm::kEcdsaP384:
      out.private_key = ScalarOf(KeyPairSeed(seed), kOrder384);
      break;
    default:
      return Usage("seed.algorithm", "no derivation is defined for " + std::string(ToText(a)),
                   "use ed25519, p256 or p384");
  }
  BM_TRY(out.public_key, PublicKeyOf(out.private_key, a));
  BM_TRY(out.id, IdOf(out.public_key));
  return out;
}

Result<std::vector<crypto::P256Point>> DeriveP256Points(std::span<const SecretBytes> seeds) {
  std::vector<SecretBytes> scalars;
  scalars.reserve(seeds.size());
  for (const SecretBytes& seed : seeds) {
    BM_CHECK(CheckSeed(seed));
    scalars.push_back(ScalarOf(KeyPairSeed(seed), kOrder256));
  }
  std::vector<crypto::P256Point> out(seeds.size());
  if (!crypto::P256BasePoints(scalars, out))
    return std::unexpected(crypto::OpenSslError("seed.derive", "public keys"));
  return out;
}

Result<KeyId> IdOf(const crypto::PublicKey& key) {
  static const HmacSha512 salt(kIdSalt);
  // The profile's public key is the curve's own form: for ECDSA x || y without the octet 04.
  ByteView raw = key.spki();
  switch (key.algorithm()) {
    case Algorithm::kEd25519:
      raw = raw.subspan(kEd25519Head);
      break;
    case Algorithm::kEcdsaP256:
      raw = raw.subspan(crypto::kP256SpkiPrefix.size() + 1);
      break;
    case Algorithm::kEcdsaP384:
      raw = raw.subspan(kP384Prefix.size() + 1);
      break;
    default:
      return Usage("seed.algorithm",
                   "no id is defined for a key of " + std::string(ToText(key.algorithm())));
  }
  KeyId id;
  HkdfSha512(raw, salt, "ID", id);
  id[0] &= 0x7f;  // so that it is a positive INTEGER of 20 octets at most
  return id;
}

Result<std::unique_ptr<crypto::SoftwareSigner>> SignerOf(const Derived& derived) {
  Algorithm a = derived.public_key.algorithm();
  if (a == Algorithm::kEcdsaP256) {
    return crypto::SoftwareSigner::FromP256Scalar(derived.private_key);
  }
  if (a == Algorithm::kEd25519) {
    BM_TRY(crypto::EvpKeyPtr key, Ed25519Key(derived.private_key));
    return crypto::SoftwareSigner::FromEvp(key.get());
  }
  ByteView s = derived.private_key.Read(SecretAccess{});
  ByteView point = derived.public_key.spki().subspan(kP384Prefix.size());
  SecretBignumPtr d(BN_secure_new());
  ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* raw = nullptr;
  bool good =
      d != nullptr && builder != nullptr && ctx != nullptr &&
      BN_bin2bn(s.data(), static_cast<int>(s.size()), d.get()) != nullptr &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-384", 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get()) == 1;
  ParamsPtr params(good ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  good = params != nullptr && EVP_PKEY_fromdata_init(ctx.get()) == 1 &&
         EVP_PKEY_fromdata(ctx.get(), &raw, EVP_PKEY_KEYPAIR, params.get()) == 1;
  crypto::EvpKeyPtr key(raw);
  if (!good) return std::unexpected(crypto::OpenSslError("seed.derive", "a P-384 key"));
  return crypto::SoftwareSigner::FromEvp(key.get());
}

}  // namespace birthmark::seed
