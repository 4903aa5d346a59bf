// SPDX-License-Identifier: Apache-2.0
#include "anchors/x509_entry.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>
#include <cctype>

#include "crypto/cert.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxLabel = 1024;

std::string Lower(std::string s) {
  for (char& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return s;
}

// KeyAlgorithm names a key with the vocabulary's words, and what the vocabulary lacks as OpenSSL
// does.
std::string KeyAlgorithm(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return fmt::format("rsa-{}", bits);
    case EVP_PKEY_RSA_PSS:
      return fmt::format("rsa-pss-{}", bits);
    case EVP_PKEY_DSA:
      return fmt::format("dsa-{}", bits);
    case EVP_PKEY_ED25519:
      return "ed25519";
    case EVP_PKEY_ED448:
      return "ed448";
    case EVP_PKEY_EC: {
      std::array<char, 64> curve{};
      size_t n = 0;
      if (EVP_PKEY_get_group_name(key, curve.data(), curve.size(), &n) != 1)
        return "ecdsa-explicit";
      const std::string name = curve.data();
      if (name == "prime256v1") return "ecdsa-p256";
      if (name == "secp384r1") return "ecdsa-p384";
      if (name == "secp521r1") return "ecdsa-p521";
      return "ecdsa-" + Lower(name);
    }
    default: {
      const char* name = EVP_PKEY_get0_type_name(key);
      return name != nullptr ? Lower(name) : "unknown";
    }
  }
}

// SignatureName gives "rsa-pkcs1-sha256", "rsa-pss-sha384", "ecdsa-sha256", "ed25519", …
std::string SignatureName(X509* x) {
  int hash = 0, key = 0;
  if (X509_get_signature_info(x, &hash, &key, nullptr, nullptr) != 1) {
    ERR_clear_error();
    return "unknown";
  }
  std::string kind;
  switch (key) {
    case EVP_PKEY_RSA:
      kind = "rsa-pkcs1";
      break;
    case EVP_PKEY_RSA_PSS:
      kind = "rsa-pss";
      break;
    case EVP_PKEY_EC:
      kind = "ecdsa";
      break;
    case EVP_PKEY_DSA:
      kind = "dsa";
      break;
    default:
      kind = Lower(OBJ_nid2sn(key));
  }
  return hash == NID_undef ? kind : kind + "-" + Lower(OBJ_nid2sn(hash));
}

void AddKey(EVP_PKEY* key, ByteView spki, AnchorEntry& e) {
  e.algorithm = KeyAlgorithm(key);
  e.key_bits = static_cast<uint32_t>(EVP_PKEY_get_bits(key));
  e.spki_digest = crypto::Sha256(spki);
}

}  // namespace

Result<AnchorEntry> CertificateEntry(ByteView der, std::vector<FactNote>& notes) {
  auto malformed = [](std::string what) {
    ERR_clear_error();
    return Refused("anchors.certificate-malformed", std::move(what),
                   "take the certificate from its publisher again");
  };
  auto parsed = crypto::Certificate::FromDer(der);
  if (!parsed) return malformed(parsed.error().message);
  const crypto::Certificate& cert = *parsed;
  EVP_PKEY* key = X509_get0_pubkey(cert.x509());
  uint8_t* spki = nullptr;
  const int spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert.x509()), &spki);
  const crypto::Owned<uint8_t, [](uint8_t* p) { OPENSSL_free(p); }> spki_owner(spki);
  if (key == nullptr || spki_size <= 0)
    return malformed("a public key of a kind that cannot be read");

  AnchorEntry e;
  e.form = EntryForm::kCertificate;
  e.label = cert.subject();
  if (e.label.empty()) e.label = "(no subject)";
  if (e.label.size() > kMaxLabel || !IsUtf8(e.label)) e.label = "(a subject that is no text)";
  e.fingerprint.assign(cert.digest().begin(), cert.digest().end());
  AddKey(key, ByteView(spki, static_cast<size_t>(spki_size)), e);
  e.signature = SignatureName(cert.x509());
  e.not_before = Millis(cert.not_before()) / 1000;
  e.not_after = Millis(cert.not_after()) / 1000;
  e.key_id = cert.ski();
  if (cert.Extension("2.5.29.19") != nullptr) e.ca = cert.is_ca();
  if (cert.path_len()) e.path_length = static_cast<uint32_t>(*cert.path_len());
  e.self_signed = cert.IsSelfIssued() && X509_verify(cert.x509(), key) == 1;
  ERR_clear_error();
  if (cert.IsSelfIssued() && !*e.self_signed) {
    notes.push_back({"anchors.self-signature-broken",
                     e.label + ": is issued to itself, but not signed by its own key"});
  }
  return e;
}

Result<AnchorEntry> BareKeyEntry(ByteView spki) {
  const uint8_t* p = spki.data();
  const crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  ERR_clear_error();
  if (!key || p != spki.data() + spki.size()) {
    return Refused("anchors.key-malformed", "this is not exactly one DER SubjectPublicKeyInfo",
                   "export it with: openssl pkey -pubin -pubout");
  }
  AnchorEntry e;
  e.form = EntryForm::kBareKey;
  AddKey(key.get(), spki, e);
  e.fingerprint.assign(e.spki_digest->begin(), e.spki_digest->end());
  e.label = "sha256//" + ToBase64(e.fingerprint);
  return e;
}

}  // namespace birthmark::anchors
