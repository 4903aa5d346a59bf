// SPDX-License-Identifier: Apache-2.0
#include "crypto/software_signer.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <utility>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/p256.h"

namespace birthmark::crypto {
namespace {

EvpKeyPtr GenerateEvp(Algorithm a) {
  switch (a) {
    case Algorithm::kEcdsaP256: {
      EcKeyPtr ec = P256Generate();
      return ec == nullptr ? nullptr : P256ToEvp(ec.get());
    }
    case Algorithm::kEcdsaP384:
      return EvpKeyPtr(EVP_EC_gen("P-384"));
    case Algorithm::kRsa2048:
      return EvpKeyPtr(EVP_RSA_gen(2048));
    case Algorithm::kRsa3072:
      return EvpKeyPtr(EVP_RSA_gen(3072));
    case Algorithm::kRsa4096:
      return EvpKeyPtr(EVP_RSA_gen(4096));
    case Algorithm::kEd25519:
      return EvpKeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  return nullptr;
}

using Pkcs8Ptr = Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

}  // namespace

Result<std::unique_ptr<SoftwareSigner>> SoftwareSigner::Generate(Algorithm a) {
  EvpKeyPtr key = GenerateEvp(a);
  if (key == nullptr) return std::unexpected(OpenSslError("key.generate", "making a key"));
  return FromEvp(key.get());
}

Result<std::unique_ptr<SoftwareSigner>> SoftwareSigner::FromEvp(EVP_PKEY* key) {
  BM_TRY(PublicKey pub, PublicKey::FromEvp(key));
  EcKeyPtr p256;
  if (pub.algorithm() == Algorithm::kEcdsaP256) {
    p256 = P256PrivateFromEvp(key);
    if (p256 == nullptr) return Refused("key.malformed", "a key without its private half");
  }
  EVP_PKEY_up_ref(key);
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(EvpKeyPtr(key), std::move(p256), std::move(pub)));
}

Result<std::unique_ptr<SoftwareSigner>> SoftwareSigner::FromPkcs8(const SecretBytes& der) {
  ByteView data = der.Read(SecretAccess{});
  auto malformed = [] {
    ERR_clear_error();
    return Refused("key.malformed", "a private key that is not one PKCS #8 PrivateKeyInfo in DER");
  };
  if (data.size() > 8192 || !CheckDer(data, 8)) return malformed();
  const uint8_t* p = data.data();
  Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &p, static_cast<long>(data.size())));
  if (info == nullptr || p != data.data() + data.size()) return malformed();
  EvpKeyPtr key(EVP_PKCS82PKEY(info.get()));
  if (key == nullptr) return malformed();
  EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (ctx == nullptr || EVP_PKEY_pairwise_check(ctx.get()) != 1) {
    ERR_clear_error();
    return Refused("key.malformed", "a private key whose public half belongs to another");
  }
  return FromEvp(key.get());
}

Result<std::unique_ptr<SoftwareSigner>> SoftwareSigner::FromP256Scalar(const SecretBytes& scalar) {
  EcKeyPtr ec = P256PrivateKey(scalar);
  if (ec == nullptr)
    return Refused("key.malformed", "a P-256 scalar that is not 32 octets in range");
  EvpKeyPtr key = P256ToEvp(ec.get());
  if (key == nullptr) return std::unexpected(OpenSslError("key.malformed", "a P-256 key"));
  return FromEvp(key.get());
}

Result<Bytes> SoftwareSigner::Sign(ByteView message) {
  if (p256_ != nullptr) {
    std::array<uint8_t, 72> sig;
    size_t n = P256SignDigest(p256_.get(), Sha256(message), sig);
    if (n == 0) return std::unexpected(OpenSslError("key.sign", "signing"));
    return Bytes(sig.begin(), sig.begin() + static_cast<ptrdiff_t>(n));
  }
  const EVP_MD* md = algorithm() == Algorithm::kEd25519     ? nullptr
                     : algorithm() == Algorithm::kEcdsaP384 ? EVP_sha384()
                                                            : EVP_sha256();
  EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  Bytes out(static_cast<size_t>(EVP_PKEY_get_size(key_.get())));
  size_t n = out.size();
  if (ctx == nullptr || EVP_DigestSignInit(ctx.get(), nullptr, md, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(ctx.get(), out.data(), &n, message.data(), message.size()) != 1) {
    return std::unexpected(OpenSslError("key.sign", "signing"));
  }
  out.resize(n);
  return out;
}

Result<SecretBytes> SoftwareSigner::ToPkcs8() const {
  Pkcs8Ptr info(EVP_PKEY2PKCS8(key_.get()));
  int n = info == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  if (n <= 0) return std::unexpected(OpenSslError("key.encode", "encoding a private key"));
  SecretBytes out(static_cast<size_t>(n));
  uint8_t* p = out.Write(SecretAccess{}).data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &p);
  return out;
}

Result<SecretBytes> SoftwareSigner::ToP256Scalar() const {
  if (p256_ == nullptr)
    return Internal("key.unsupported", "only a P-256 key has a scalar of 32 octets");
  BIGNUM* scalar = nullptr;
  SecretBytes out(32);
  bool done = EVP_PKEY_get_bn_param(key_.get(), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
              BN_bn2binpad(scalar, out.Write(SecretAccess{}).data(), 32) == 32;
  BN_clear_free(scalar);
  if (!done) {
    return std::unexpected(OpenSslError("key.encode", "encoding a private key"));
  }
  return out;
}

}  // namespace birthmark::crypto
