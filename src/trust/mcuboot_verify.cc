// SPDX-License-Identifier: Apache-2.0
#include "trust/mcuboot_verify.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "trust/key_parts.h"
#include "trust/mcuboot.h"

namespace birthmark::trust {
namespace {

crypto::EvpKeyPtr OpenKey(ByteView spki) {
  const uint8_t* p = spki.data();
  crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  if (!key) ERR_clear_error();
  return key;
}

bool VerifyDigest(EVP_PKEY* key, const EVP_MD* hash, bool pss, ByteView digest, ByteView sig) {
  crypto::EvpKeyCtxPtr c(EVP_PKEY_CTX_new(key, nullptr));
  const bool ok =
      c && EVP_PKEY_verify_init(c.get()) == 1 &&
      EVP_PKEY_CTX_set_signature_md(c.get(), hash) == 1 &&
      (!pss || (EVP_PKEY_CTX_set_rsa_padding(c.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(c.get(), RSA_PSS_SALTLEN_DIGEST) == 1)) &&
      EVP_PKEY_verify(c.get(), sig.data(), sig.size(), digest.data(), digest.size()) == 1;
  ERR_clear_error();
  return ok;
}

bool VerifyEd(EVP_PKEY* key, ByteView message, ByteView sig) {
  crypto::EvpMdCtxPtr c(EVP_MD_CTX_new());
  const bool ok =
      c && EVP_DigestVerifyInit(c.get(), nullptr, nullptr, nullptr, key) == 1 &&
      EVP_DigestVerify(c.get(), sig.data(), sig.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return ok;
}

}  // namespace

bool IsMcubootSignature(uint16_t type) {
  return type == McubootTlv::kRsa2048Pss || type == McubootTlv::kEcdsa ||
         type == McubootTlv::kRsa3072Pss || type == McubootTlv::kEd25519;
}

bool VerifiesMcuboot(ByteView spki, uint16_t type, ByteView hashed, ByteView signature) {
  const auto rsa = RsaParts(spki);
  const auto ec = EcParts(spki);
  const auto ed = EdParts(spki);
  const Digest sha256 = crypto::Sha256(hashed);
  switch (type) {
    case McubootTlv::kRsa2048Pss:
    case McubootTlv::kRsa3072Pss: {
      const size_t size = type == McubootTlv::kRsa2048Pss ? 256 : 384;
      if (!rsa || rsa->modulus.size() != size || signature.size() != size) return false;
      auto key = OpenKey(spki);
      return key && VerifyDigest(key.get(), EVP_sha256(), true, sha256, signature);
    }
    case McubootTlv::kEcdsa: {
      if (!ec || ec->curve == kOidP521) return false;
      // Old imgtool filled the signature up to a fixed length with zeros.
      crypto::DerReader r(signature);
      auto whole = r.Next();
      if (!whole || std::ranges::any_of(r.rest(), [](uint8_t b) { return b != 0; })) return false;
      auto key = OpenKey(spki);
      if (!key) return false;
      if (ec->curve == kOidP256)
        return VerifyDigest(key.get(), EVP_sha256(), false, sha256, whole->whole);
      return VerifyDigest(key.get(), EVP_sha384(), false, crypto::Sha384(hashed), whole->whole);
    }
    case McubootTlv::kEd25519: {
      if (!ed || ed->curve != kOidEd25519 || signature.size() != 64) return false;
      auto key = OpenKey(spki);
      return key && VerifyEd(key.get(), sha256, signature);
    }
    default:
      return false;
  }
}

}  // namespace birthmark::trust
