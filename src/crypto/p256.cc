// SPDX-License-Identifier: Apache-2.0
#include "crypto/p256.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <vector>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace birthmark::crypto {
namespace {

// The group is built once: building it costs more than parsing a key.
const EC_GROUP* Group() {
  static const EC_GROUP* const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  return group;
}

EcKeyPtr NewKey() {
  EcKeyPtr key(EC_KEY_new());
  if (key == nullptr || EC_KEY_set_group(key.get(), Group()) != 1) return nullptr;
  return key;
}

using PointPtr = Owned<EC_POINT, EC_POINT_free>;
using SecretBignumPtr = Owned<BIGNUM, BN_clear_free>;

}  // namespace

void FreeEcKey(EC_KEY* key) { EC_KEY_free(key); }

EcKeyPtr P256PublicKey(ByteView point) {
  if (point.size() != std::tuple_size_v<P256Point> || point[0] != 0x04) return nullptr;
  EcKeyPtr key = NewKey();
  PointPtr p(EC_POINT_new(Group()));
  // oct2point checks that the point satisfies the curve's equation; the cofactor is 1, so no more
  // is needed.
  if (key == nullptr || p == nullptr ||
      EC_POINT_oct2point(Group(), p.get(), point.data(), point.size(), nullptr) != 1 ||
      EC_KEY_set_public_key(key.get(), p.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return key;
}

EcKeyPtr P256PrivateKey(const SecretBytes& scalar) {
  ByteView s = scalar.Read(SecretAccess{});
  if (s.size() != 32) return nullptr;
  EcKeyPtr key = NewKey();
  SecretBignumPtr d(BN_secure_new());
  PointPtr p(EC_POINT_new(Group()));
  if (key == nullptr || p == nullptr || d == nullptr ||
      BN_bin2bn(s.data(), static_cast<int>(s.size()), d.get()) == nullptr || BN_is_zero(d.get()) ||
      BN_cmp(d.get(), EC_GROUP_get0_order(Group())) >= 0) {
    return nullptr;
  }
  BN_set_flags(d.get(), BN_FLG_CONSTTIME);
  if (EC_POINT_mul(Group(), p.get(), d.get(), nullptr, nullptr, nullptr) != 1 ||
      EC_KEY_set_private_key(key.get(), d.get()) != 1 ||
      EC_KEY_set_public_key(key.get(), p.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return key;
}

bool P256BasePoints(std::span<const SecretBytes> scalars, std::span<P256Point> out) {
  using CtxPtr = Owned<BN_CTX, BN_CTX_free>;
  CtxPtr ctx(BN_CTX_secure_new());
  SecretBignumPtr d(BN_secure_new()), x(BN_new()), y(BN_new());
  std::vector<PointPtr> points;
  std::vector<EC_POINT*> raw;
  bool good = ctx != nullptr && d != nullptr && x != nullptr && y != nullptr;
  for (size_t i = 0; good && i < scalars.size(); ++i) {
    ByteView s = scalars[i].Read(SecretAccess{});
    raw.push_back(points.emplace_back(EC_POINT_new(Group())).get());
    good = raw.back() != nullptr && s.size() == 32 &&
           BN_bin2bn(s.data(), static_cast<int>(s.size()), d.get()) != nullptr &&
           !BN_is_zero(d.get()) && BN_cmp(d.get(), EC_GROUP_get0_order(Group())) < 0;
    if (!good) break;
    BN_set_flags(d.get(), BN_FLG_CONSTTIME);
    good = EC_POINT_mul(Group(), raw.back(), d.get(), nullptr, nullptr, ctx.get()) == 1;
    BN_clear(d.get());
  }
  good = good && EC_POINTs_make_affine(Group(), raw.size(), raw.data(), ctx.get()) == 1;
  for (size_t i = 0; good && i < raw.size(); ++i) {
    out[i][0] = 0x04;
    // Z is 1 by now, so that X and Y are the coordinates; asking for those would invert it again.
    good = EC_POINT_get_Jprojective_coordinates_GFp(Group(), raw[i], x.get(), y.get(), nullptr,
                                                    ctx.get()) == 1 &&
           BN_bn2binpad(x.get(), &out[i][1], 32) == 32 &&
           BN_bn2binpad(y.get(), &out[i][33], 32) == 32;
  }
  if (!good) ERR_clear_error();
  return good;
}

EcKeyPtr P256Generate() {
  EcKeyPtr key = NewKey();
  if (key == nullptr || EC_KEY_generate_key(key.get()) != 1) return nullptr;
  return key;
}

EcKeyPtr P256PrivateFromEvp(EVP_PKEY* key) {
  EcKeyPtr ec(EVP_PKEY_get1_EC_KEY(key));
  if (ec == nullptr ||
      EC_GROUP_get_curve_name(EC_KEY_get0_group(ec.get())) != NID_X9_62_prime256v1 ||
      EC_KEY_get0_private_key(ec.get()) == nullptr) {
    ERR_clear_error();
    return nullptr;
  }
  return ec;
}

EvpKeyPtr P256ToEvp(const EC_KEY* key) {
  EvpKeyPtr evp(EVP_PKEY_new());
  if (evp == nullptr || EVP_PKEY_set1_EC_KEY(evp.get(), const_cast<EC_KEY*>(key)) != 1) {
    return nullptr;
  }
  return evp;
}

P256Point P256PointOf(const EC_KEY* key) {
  P256Point out{};
  EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key),
                     POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(), nullptr);
  return out;
}

size_t P256SignDigest(EC_KEY* key, const Digest& digest, std::span<uint8_t, 72> out) {
  unsigned int n = 0;
  if (ECDSA_sign(0, digest.data(), static_cast<int>(digest.size()), out.data(), &n, key) != 1) {
    return 0;
  }
  return n;
}

bool P256VerifyDigest(const EC_KEY* key, const Digest& digest, ByteView signature) {
  if (signature.empty() || signature.size() > 72) return false;
  bool ok = ECDSA_verify(0, digest.data(), static_cast<int>(digest.size()), signature.data(),
                         static_cast<int>(signature.size()), const_cast<EC_KEY*>(key)) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

const EC_KEY* P256KeyIn(EVP_PKEY* key) { return EVP_PKEY_get0_EC_KEY(key); }

}  // namespace birthmark::crypto
