// SPDX-License-Identifier: Apache-2.0
#include "seed/recipient.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

namespace birthmark::seed {

const EVP_MD* OaepDigest(std::string_view uri) {
  // XML Encryption 1.1 section 5.5.2; SHA-1 is its default. OAEP does not need its hash to resist
  // collisions (RFC 8017 section 7.1 with B.1).
  static constexpr std::string_view kDs = "http://www.w3.org/2000/09/xmldsig#";
  static constexpr std::string_view kEnc = "http://www.w3.org/2001/04/xmlenc#";
  static constexpr std::string_view kEnc11 = "http://www.w3.org/2009/xmlenc11#";
  static constexpr std::string_view kMore = "http://www.w3.org/2001/04/xmldsig-more#";
  auto is = [uri](std::string_view base, std::string_view name) {
    return uri.size() == base.size() + name.size() && uri.starts_with(base) && uri.ends_with(name);
  };
  if (is(kDs, "sha1") || is(kEnc11, "mgf1sha1")) return EVP_sha1();
  if (is(kEnc, "sha256") || is(kEnc11, "mgf1sha256")) return EVP_sha256();
  if (is(kMore, "sha384") || is(kEnc11, "mgf1sha384")) return EVP_sha384();
  if (is(kEnc, "sha512") || is(kEnc11, "mgf1sha512")) return EVP_sha512();
  return nullptr;
}

Result<SecretBytes> OpenOaep(EVP_PKEY* key, const Oaep& how, ByteView value) {
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  size_t n = 0;
  bool good = ctx != nullptr && EVP_PKEY_decrypt_init(ctx.get()) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), how.digest) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), how.mask) == 1 &&
              EVP_PKEY_decrypt(ctx.get(), nullptr, &n, value.data(), value.size()) == 1;
  SecretBytes room(good ? n : 0);
  good = good && EVP_PKEY_decrypt(ctx.get(), room.Write(SecretAccess{}).data(), &n, value.data(),
                                  value.size()) == 1;
  ERR_clear_error();
  if (!good) {
    return Refused("seed.decrypt", "a value does not decrypt with the recipient's key",
                   "the file is damaged, or it is for another key");
  }
  ByteView got = room.Read(SecretAccess{}).first(n);
  return SecretBytes::Take(Bytes(got.begin(), got.end()));
}

Result<std::string> KeyText(EVP_PKEY* key) {
  BM_TRY(crypto::PublicKey pub, crypto::PublicKey::FromEvp(key));
  return ToHex(pub.spki_digest());
}

Error NotForUs(std::string_view whose) {
  return Error{ErrorKind::kNegative, "seed.recipient",
               fmt::format("the file is for another key: {}", whose),
               "give the key that the chips' maker encrypted it to, or ask for a file for yours"};
}

Error NoKey(std::string_view whose) {
  return Error{ErrorKind::kUsage, "seed.key",
               fmt::format("the file is encrypted to {} and no key was given", whose),
               "give the recipient's private key"};
}

}  // namespace birthmark::seed
