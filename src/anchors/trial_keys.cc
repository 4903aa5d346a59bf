// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_keys.h"

#include <fmt/format.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/der.h"

namespace birthmark::anchors {
namespace {

// GenerateRsa makes the modulus of as many primes as OpenSSL takes for its size (RFC 8017 section
// 3.2): no verifier can tell, and 4096 bits of four primes take a tenth of the time of two.
EVP_PKEY* GenerateRsa(int bits) {
  const crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
  EVP_PKEY* key = nullptr;
  if (!ctx || EVP_PKEY_keygen_init(ctx.get()) <= 0 ||
      EVP_PKEY_CTX_set_rsa_keygen_bits(ctx.get(), bits) <= 0 ||
      EVP_PKEY_CTX_set_rsa_keygen_primes(ctx.get(), bits < 1024   ? 2
                                                    : bits < 4096 ? 3
                                                                  : 4) <= 0 ||
      EVP_PKEY_keygen(ctx.get(), &key) <= 0) {
    return nullptr;
  }
  return key;
}

EVP_PKEY* Generate(std::string_view key) {
  if (key == "rsa-1024") return GenerateRsa(1024);
  if (key == "rsa-2048") return GenerateRsa(2048);
  if (key == "rsa-3072") return GenerateRsa(3072);
  if (key == "rsa-4096") return GenerateRsa(4096);
  if (key == "ecdsa-p256") return EVP_EC_gen("P-256");
  if (key == "ecdsa-p384") return EVP_EC_gen("P-384");
  if (key == "ecdsa-p521") return EVP_EC_gen("P-521");
  if (key == "ecdsa-secp256k1") return EVP_EC_gen("secp256k1");
  if (key == "ed448") return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448");
  return key == "ed25519" ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519") : nullptr;
}

const EVP_MD* HashOf(std::string_view name) {
  if (name.ends_with("sha1")) return EVP_sha1();
  if (name.ends_with("sha256")) return EVP_sha256();
  if (name.ends_with("sha384")) return EVP_sha384();
  return name.ends_with("sha512") ? EVP_sha512() : nullptr;  // EdDSA hashes by itself
}

size_t CoordinateOf(std::string_view key) {
  if (key == "ecdsa-p256" || key == "ecdsa-secp256k1") return 32;
  if (key == "ecdsa-p384") return 48;
  return key == "ecdsa-p521" ? 66 : 0;
}

}  // namespace

Result<EVP_PKEY*> TrialKeys::Key(const TrialAlgorithm& a) {
  if (const auto it = keys_.find(a.key); it != keys_.end()) return it->second.get();
  crypto::EvpKeyPtr key(Generate(a.key));
  if (!key)
    return std::unexpected(
        crypto::OpenSslError("trial.key", fmt::format("making a trial key {}", a.key)));
  return keys_.emplace(a.key, std::move(key)).first->second.get();
}

Result<Bytes> TrialKeys::Spki(const TrialAlgorithm& a) {
  BM_TRY(EVP_PKEY * key, Key(a));
  const int size = i2d_PUBKEY(key, nullptr);
  if (size <= 0) return std::unexpected(crypto::OpenSslError("trial.key", "encoding a trial key"));
  Bytes spki(static_cast<size_t>(size));
  uint8_t* p = spki.data();
  i2d_PUBKEY(key, &p);
  return spki;
}

Result<SecretBytes> TrialKeys::Pkcs8(const TrialAlgorithm& a) {
  BM_TRY(EVP_PKEY * key, Key(a));
  using Info = std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)>;
  const Info info(EVP_PKEY2PKCS8(key), PKCS8_PRIV_KEY_INFO_free);
  const int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr) : 0;
  if (size <= 0) return std::unexpected(crypto::OpenSslError("trial.key", "encoding a trial key"));
  SecretBytes out(static_cast<size_t>(size));
  uint8_t* p = out.Write(SecretAccess{}).data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &p);
  return out;
}

Result<Bytes> TrialKeys::Sign(const TrialAlgorithm& a, ByteView message) {
  BM_TRY(EVP_PKEY * key, Key(a));
  const crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;  // belongs to ctx
  auto failed = [] {
    return std::unexpected(crypto::OpenSslError("trial.sign", "signing a trial object"));
  };
  if (EVP_DigestSignInit(ctx.get(), &options, HashOf(a.name), nullptr, key) != 1) return failed();
  if (a.cose.starts_with("PS") &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return failed();
  }
  size_t size = 0;
  if (EVP_DigestSign(ctx.get(), nullptr, &size, message.data(), message.size()) != 1)
    return failed();
  Bytes signature(size);
  if (EVP_DigestSign(ctx.get(), signature.data(), &size, message.data(), message.size()) != 1)
    return failed();
  signature.resize(size);
  return ToCoseSignature(signature, CoordinateOf(a.key));
}

Result<Bytes> ToCoseSignature(ByteView der, size_t coordinate) {
  if (coordinate == 0) return Bytes(der.begin(), der.end());
  crypto::DerReader outer(der);
  BM_TRY(crypto::DerReader both, outer.Enter());
  Bytes out(2 * coordinate, 0);
  for (size_t half = 1; half <= 2; ++half) {
    BM_TRY(ByteView n, both.Unsigned());
    if (n.size() > coordinate)
      return Internal("trial.sign", "an ECDSA signature is longer than its curve");
    std::copy(n.begin(), n.end(), out.begin() + static_cast<long>(half * coordinate - n.size()));
  }
  BM_CHECK(both.End());
  return out;
}

}  // namespace birthmark::anchors
