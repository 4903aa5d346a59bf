// SPDX-License-Identifier: Apache-2.0
#include "crypto/key.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/p256.h"

namespace birthmark::crypto {
namespace {

struct Name {
  Algorithm algorithm;
  std::string_view text;
};
constexpr Name kNames[] = {
    {Algorithm::kEcdsaP256, "ecdsa-p256"}, {Algorithm::kEcdsaP384, "ecdsa-p384"},
    {Algorithm::kRsa2048, "rsa-2048"},     {Algorithm::kRsa3072, "rsa-3072"},
    {Algorithm::kRsa4096, "rsa-4096"},     {Algorithm::kEd25519, "ed25519"},
};

// RFC 5480 section 2: id-ecPublicKey, namedCurve secp384r1, a BIT STRING of 97 octets.
constexpr std::array<uint8_t, 23> kP384Prefix = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00};
// RFC 8410 section 4: id-Ed25519 without parameters, a BIT STRING of 32 octets.
constexpr std::array<uint8_t, 12> kEd25519Prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

template <size_t N>
bool HasPrefix(ByteView der, const std::array<uint8_t, N>& prefix, size_t point) {
  return der.size() == N + point && std::equal(prefix.begin(), prefix.end(), der.begin());
}

// The y coordinates of Edwards25519's points of small order, without the sign bit: under such a
// "key" a signature can be made without knowing anything. The last two are the encodings above the
// field's prime.
bool IsSmallOrderEd25519(ByteView point) {
  static constexpr std::string_view kY[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
  Bytes y(point.begin(), point.end());
  y[31] &= 0x7f;
  std::string hex = ToHex(y);
  return std::find(std::begin(kY), std::end(kY), hex) != std::end(kY);
}

struct Parsed {
  EvpKeyPtr key;
  Algorithm algorithm;
};

Result<Parsed> ParseRsa(EvpKeyPtr key) {
  Algorithm a;
  switch (EVP_PKEY_get_bits(key.get())) {
    case 2048:
      a = Algorithm::kRsa2048;
      break;
    case 3072:
      a = Algorithm::kRsa3072;
      break;
    case 4096:
      a = Algorithm::kRsa4096;
      break;
    default:
      return Refused("key.unsupported",
                     fmt::format("an RSA key of {} bits", EVP_PKEY_get_bits(key.get())),
                     "use 2048, 3072 or 4096 bits");
  }
  BIGNUM *n = nullptr, *e = nullptr;
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n);
  EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_E, &e);
  BignumPtr own_n(n), own_e(e);
  if (n == nullptr || e == nullptr) return Refused("key.malformed", "an RSA key without numbers");
  // FIPS 186-5 section A.1.1: e is odd and 2^16 < e < 2^256.
  if (!BN_is_odd(n)) return Refused("key.weak", "an RSA modulus that is even");
  if (!BN_is_odd(e) || BN_num_bits(e) < 17 || BN_num_bits(e) > 256) {
    return Refused("key.weak", "an RSA exponent that is even, below 65537 or above 2^256",
                   "make the key with the exponent 65537");
  }
  return Parsed{std::move(key), a};
}

Result<Parsed> Parse(ByteView der) {
  constexpr size_t kP256Size = std::tuple_size_v<P256Point>;
  if (HasPrefix(der, kP256SpkiPrefix, kP256Size)) {
    EcKeyPtr ec = P256PublicKey(der.last(kP256Size));
    if (ec == nullptr) return Refused("key.malformed", "the point is not on the curve P-256");
    return Parsed{P256ToEvp(ec.get()), Algorithm::kEcdsaP256};
  }
  if (HasPrefix(der, kEd25519Prefix, 32)) {
    ByteView point = der.last(32);
    if (IsSmallOrderEd25519(point)) return Refused("key.weak", "an Ed25519 key of small order");
    return Parsed{
        EvpKeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), 32)),
        Algorithm::kEd25519};
  }
  if (Status s = CheckDer(der, 8); !s) {
    return Refused("key.malformed", "a public key that is not DER: " + s.error().message);
  }
  const uint8_t* p = der.data();
  EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(der.size())));
  ERR_clear_error();
  if (key == nullptr) return Refused("key.malformed", "a public key that does not parse");
  if (HasPrefix(der, kP384Prefix, 97) && der[kP384Prefix.size()] == 0x04) {
    return Parsed{std::move(key), Algorithm::kEcdsaP384};
  }
  if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_RSA) {
    uint8_t* again = nullptr;
    int n = i2d_PUBKEY(key.get(), &again);
    bool same = n > 0 && std::equal(der.begin(), der.end(), again, again + n);
    OPENSSL_free(again);
    if (!same) return Refused("key.malformed", "a public key that re-encodes to other octets");
    return ParseRsa(std::move(key));
  }
  return Refused("key.unsupported", "a public key of another kind, curve or point form",
                 "use P-256 or P-384 as a named curve with an uncompressed point, RSA, or Ed25519");
}

}  // namespace

std::string_view ToText(Algorithm a) {
  for (const Name& n : kNames) {
    if (n.algorithm == a) return n.text;
  }
  return "";
}

bool FromText(std::string_view s, Algorithm& a) {
  for (const Name& n : kNames) {
    if (n.text == s) {
      a = n.algorithm;
      return true;
    }
  }
  return false;
}

Result<PublicKey> PublicKey::FromSpki(ByteView der) {
  if (der.size() > 1024) return Refused("key.unsupported", "a public key of more than 1024 octets");
  BM_TRY(Parsed parsed, Parse(der));
  if (parsed.key == nullptr) return std::unexpected(OpenSslError("key.malformed", "public key"));
  PublicKey k;
  k.key_ = std::shared_ptr<EVP_PKEY>(parsed.key.release(), EVP_PKEY_free);
  k.spki_ = std::make_shared<const Bytes>(der.begin(), der.end());
  k.digest_ = Sha256(der);
  k.algorithm_ = parsed.algorithm;
  return k;
}

Result<PublicKey> PublicKey::FromEvp(EVP_PKEY* key) {
  uint8_t* der = nullptr;
  int n = i2d_PUBKEY(key, &der);
  if (n <= 0) return std::unexpected(OpenSslError("key.malformed", "encoding a public key"));
  auto out = FromSpki({der, static_cast<size_t>(n)});
  OPENSSL_free(der);
  return out;
}

std::array<uint8_t, 20> PublicKey::KeyIdentifier() const {
  // FromSpki has read this SPKI already, so these steps cannot fail.
  DerReader outer(*spki_);
  DerReader spki = *outer.Enter();
  (void)*spki.Enter();
  return Sha1ForKeyId(*spki.BitStringOctets());
}

bool PublicKey::Verify(ByteView message, ByteView signature) const {
  if (key_ == nullptr) return false;
  if (algorithm_ == Algorithm::kEcdsaP256) {
    return P256VerifyDigest(P256KeyIn(key_.get()), Sha256(message), signature);
  }
  const EVP_MD* md = algorithm_ == Algorithm::kEd25519     ? nullptr
                     : algorithm_ == Algorithm::kEcdsaP384 ? EVP_sha384()
                                                           : EVP_sha256();
  EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  bool ok = ctx != nullptr &&
            EVP_DigestVerifyInit(ctx.get(), nullptr, md, nullptr, key_.get()) == 1 &&
            EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), message.data(),
                             message.size()) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

}  // namespace birthmark::crypto
