// SPDX-License-Identifier: Apache-2.0
#include "crypto/pss.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "crypto/digest.h"
#include "crypto/software_signer.h"

namespace birthmark::crypto {
namespace {

bool IsRsa(Algorithm a) {
  return a == Algorithm::kRsa2048 || a == Algorithm::kRsa3072 || a == Algorithm::kRsa4096;
}

bool SetPss(EVP_PKEY_CTX* c, int salt) {
  return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(c, salt) == 1;
}

}  // namespace

size_t PssSaltSize(Algorithm a, PssSalt salt) {
  // emLen - hLen - 2 is the longest (RFC 8017 section 9.1.1); emLen is the modulus' length here.
  const size_t modulus = a == Algorithm::kRsa2048 ? 256 : a == Algorithm::kRsa3072 ? 384 : 512;
  return salt == PssSalt::kDigest ? sizeof(Digest) : modulus - sizeof(Digest) - 2;
}

Result<Bytes> SignPss(Signer& signer, ByteView message, PssSalt salt) {
  const Algorithm a = signer.algorithm();
  if (!IsRsa(a)) {
    return Refused("key.pss", fmt::format("a key {} makes no RSASSA-PSS signatures", ToText(a)),
                   "sign with an RSA key");
  }
  if (auto* other = dynamic_cast<PssSigner*>(&signer)) return other->SignPss(message, salt);
  auto* here = dynamic_cast<SoftwareSigner*>(&signer);
  if (here == nullptr) {
    return Refused(
        "key.pss", "where this RSA key is kept it signs with PKCS #1 v1.5 alone",
        "keep it in a file or a PKCS #11 module, or carry what is to be signed: --round");
  }
  const Digest digest = Sha256(message);
  EvpKeyCtxPtr c(EVP_PKEY_CTX_new(here->evp(), nullptr));
  size_t size = PssSaltSize(a, PssSalt::kLongest) + sizeof(Digest) + 2;
  Bytes out(size);
  if (!c || EVP_PKEY_sign_init(c.get()) != 1 ||
      !SetPss(c.get(), static_cast<int>(PssSaltSize(a, salt))) ||
      EVP_PKEY_sign(c.get(), out.data(), &size, digest.data(), digest.size()) != 1 ||
      size != out.size()) {
    ERR_clear_error();
    return Internal("key.pss", "OpenSSL did not sign with RSASSA-PSS");
  }
  return out;
}

bool VerifyPss(const PublicKey& key, ByteView message, ByteView signature,
               std::optional<PssSalt> salt) {
  if (!IsRsa(key.algorithm())) return false;
  const Digest digest = Sha256(message);
  EvpKeyCtxPtr c(EVP_PKEY_CTX_new(key.evp(), nullptr));
  const int size =
      salt ? static_cast<int>(PssSaltSize(key.algorithm(), *salt)) : RSA_PSS_SALTLEN_AUTO;
  const bool ok = c && EVP_PKEY_verify_init(c.get()) == 1 && SetPss(c.get(), size) &&
                  EVP_PKEY_verify(c.get(), signature.data(), signature.size(), digest.data(),
                                  digest.size()) == 1;
  ERR_clear_error();
  return ok;
}

}  // namespace birthmark::crypto
