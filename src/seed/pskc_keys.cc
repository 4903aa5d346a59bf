// SPDX-License-Identifier: Apache-2.0
#include "seed/pskc_keys.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "crypto/digest.h"

namespace birthmark::seed {
namespace {

constexpr std::string_view kEnc = "http://www.w3.org/2001/04/xmlenc#";
constexpr std::string_view kEnc11 = "http://www.w3.org/2009/xmlenc11#";
constexpr std::string_view kMore = "http://www.w3.org/2001/04/xmldsig-more#";

bool IsUri(std::string_view uri, std::string_view base, std::string_view name) {
  return uri.size() == base.size() + name.size() && uri.starts_with(base) && uri.ends_with(name);
}

// An identifier in a message is shown only as far as it is harmless.
std::string UriText(std::string_view uri) {
  std::string out(uri.substr(0, 80));
  for (char& c : out) {
    if (c < 0x21 || c > 0x7e) c = '?';
  }
  return out.empty() ? "none named" : out;
}

Result<Oaep> OaepOf(const EncryptedValue& value) {
  bool old = IsUri(value.algorithm, kEnc, "rsa-oaep-mgf1p");
  if (!old && !IsUri(value.algorithm, kEnc11, "rsa-oaep")) {
    if (IsUri(value.algorithm, kEnc, "rsa-1_5") || IsUri(value.algorithm, kEnc, "rsa_1_5")) {
      return Refused("seed.algorithm", "encrypted with RSA PKCS #1 v1.5",
                     "its padding gives away plaintexts to who may ask often (RFC 8017 section "
                     "7.2); ask for RSA-OAEP");
    }
    return Refused("seed.algorithm", "encrypted with " + UriText(value.algorithm),
                   "ask for RSA-OAEP (rsa-oaep-mgf1p, or rsa-oaep of XML Encryption 1.1)");
  }
  if (value.has_params) {
    return Refused("seed.algorithm", "RSA-OAEP with a label (OAEPparams)",
                   "ask for an empty label");
  }
  // XML Encryption 1.1 section 5.5.2: SHA-1 where none is named; the older identifier fixes the
  // mask's hash to SHA-1.
  Oaep how{EVP_sha1(), EVP_sha1()};
  if (!value.digest.empty()) how.digest = OaepDigest(value.digest);
  if (!value.mask.empty() && !old) how.mask = OaepDigest(value.mask);
  if (how.digest == nullptr || how.mask == nullptr || (old && !value.mask.empty())) {
    return Refused("seed.algorithm", "RSA-OAEP with a hash that is not taken",
                   "ask for SHA-256, SHA-384 or SHA-512");
  }
  return how;
}

const EVP_MD* MacDigest(std::string_view uri) {
  // RFC 6030 section 8 asks every reader for HMAC-SHA1; the others are RFC 6931's names.
  if (IsUri(uri, "http://www.w3.org/2000/09/xmldsig#", "hmac-sha1")) return EVP_sha1();
  if (IsUri(uri, kMore, "hmac-sha256")) return EVP_sha256();
  if (IsUri(uri, kMore, "hmac-sha384")) return EVP_sha384();
  if (IsUri(uri, kMore, "hmac-sha512")) return EVP_sha512();
  return nullptr;
}

Result<std::string> WhoseCertificate(const std::string& base64, std::string& key_id) {
  auto der = FromBase64(base64);
  if (!der) return Refused("seed.malformed", "the recipient's certificate is not base64");
  auto cert = crypto::Certificate::FromDer(*der);
  if (!cert) return std::unexpected(std::move(cert).error().Context("the recipient's certificate"));
  if (!cert->public_key()) return fmt::format("{} ({})", cert->subject(), cert->key_text());
  key_id = ToHex(cert->public_key()->spki_digest());
  return fmt::format("{} ({}, {})", cert->subject(), cert->key_text(), key_id);
}

}  // namespace

PskcKeys::~PskcKeys() = default;

Status PskcKeys::ForUs(const std::string& certificate, const std::string& name) {
  std::string whose = name.empty() ? "a key it does not name" : UriText(name), key_id;
  if (!certificate.empty()) {
    BM_TRY(whose, WhoseCertificate(certificate, key_id));
  }
  if (options_.key == nullptr) return std::unexpected(NoKey(whose));
  BM_TRY(recipient_, KeyText(options_.key));
  if (!certificate.empty() && key_id != recipient_) return std::unexpected(NotForUs(whose));
  if (EVP_PKEY_get_base_id(options_.key) != EVP_PKEY_RSA) {
    return std::unexpected(NotForUs(whose + "; PSKC is encrypted to RSA keys, yours is no such"));
  }
  return {};
}

Status PskcKeys::Settle(const PskcHead& head) {
  if (!head.has_key) return {};
  if (head.derived) {
    return Refused("seed.algorithm", "encrypted with a key made from a passphrase (RFC 6030 6.2)",
                   "a passphrase has not the strength of a seed; ask for RSA-OAEP to your "
                   "certificate, or a shared AES key");
  }
  if (head.wrapped) {
    BM_CHECK(ForUs(head.wrapped_certificate, head.wrapped_name));
    BM_TRY(Oaep how, OaepOf(*head.wrapped));
    BM_TRY(content_key_, OpenOaep(options_.key, how, head.wrapped->cipher));
    protection_ = "pskc-x509";
  } else if (!head.certificate.empty()) {
    BM_CHECK(ForUs(head.certificate, head.key_name));
    direct_ = true;
    protection_ = "pskc-x509";
  } else if (!head.key_name.empty()) {
    const SharedKey* found = nullptr;
    if (options_.shared != nullptr) {
      for (const SharedKey& k : *options_.shared) {
        if (k.name == head.key_name) found = &k;
      }
    }
    std::string whose = fmt::format("the shared key \"{}\"", UriText(head.key_name));
    if (found == nullptr) {
      bool none = options_.shared == nullptr || options_.shared->empty();
      return std::unexpected(none && options_.key == nullptr ? NoKey(whose) : NotForUs(whose));
    }
    ByteView k = found->key.Read(SecretAccess{});
    content_key_ = SecretBytes::Take(Bytes(k.begin(), k.end()));
    recipient_ = head.key_name;
    protection_ = "pskc-shared-key";
  } else {
    return Refused("seed.algorithm", "an EncryptionKey that says neither whose nor which",
                   "ask for KeyName, X509Data or EncryptedKey in it");
  }
  if (!direct_ && content_key_.size() != 16 && content_key_.size() != 32) {
    return Refused("seed.algorithm",
                   fmt::format("a key for the values of {} bits", content_key_.size() * 8),
                   "AES-128 and AES-256 are taken");
  }
  return SettleMac(head);
}

Status PskcKeys::SettleMac(const PskcHead& head) {
  if (head.mac_algorithm.empty()) return {};
  mac_digest_ = MacDigest(head.mac_algorithm);
  if (mac_digest_ == nullptr) {
    return Refused("seed.mac-method", "a MACMethod of " + UriText(head.mac_algorithm),
                   "ask for HMAC-SHA256");
  }
  if (!head.mac_key) {
    return Refused("seed.mac-method", "a MACMethod without a MACKey",
                   "one key for two uses is not taken; ask for a MACKey");
  }
  auto key = Decrypt(*head.mac_key);
  if (!key) return std::unexpected(std::move(key).error().Context("MACKey"));
  if (key->size() < 16) {
    return Refused("seed.mac-method", fmt::format("a MACKey of {} bits", key->size() * 8),
                   "the wrong key was given, or ask for 256 bits");
  }
  mac_key_ = std::move(*key);
  return {};
}

Result<SecretBytes> PskcKeys::OpenCbc(const EncryptedValue& value) {
  bool wide = content_key_.size() == 32;
  if (!IsUri(value.algorithm, kEnc, wide ? "aes256-cbc" : "aes128-cbc")) {
    return Refused("seed.algorithm",
                   fmt::format("a value encrypted with {} under a key of {} bits",
                               UriText(value.algorithm), content_key_.size() * 8),
                   "AES-128-CBC and AES-256-CBC are taken, as long as the container's key");
  }
  // XML Encryption section 5.2: 16 octets of IV, then whole blocks.
  size_t n = value.cipher.size();
  if (n < 32 || n % 16 != 0) {
    return Refused("seed.malformed", fmt::format("a CipherValue of {} octets", n),
                   "AES-CBC has 16 octets of IV and whole blocks of 16");
  }
  ByteView iv = ByteView(value.cipher).first(16), data = ByteView(value.cipher).subspan(16);
  const uint8_t* key = nullptr;
  bool good = true;
  if (cbc_ == nullptr) {
    cbc_.reset(EVP_CIPHER_CTX_new());
    key = content_key_.Read(SecretAccess{}).data();
    good = cbc_ != nullptr &&
           EVP_DecryptInit_ex(cbc_.get(), wide ? EVP_aes_256_cbc() : EVP_aes_128_cbc(), nullptr,
                              key, iv.data()) == 1;
  } else {
    good = EVP_DecryptInit_ex(cbc_.get(), nullptr, nullptr, nullptr, iv.data()) == 1;
  }
  SecretBytes plain(data.size() + 16);
  std::span<uint8_t> out = plain.Write(SecretAccess{});
  int got = 0;
  good = good && EVP_CIPHER_CTX_set_padding(cbc_.get(), 0) == 1 &&
         EVP_DecryptUpdate(cbc_.get(), out.data(), &got, data.data(),
                           static_cast<int>(data.size())) == 1 &&
         static_cast<size_t>(got) == data.size();
  if (!good) {
    cbc_.reset();
    return std::unexpected(crypto::OpenSslError("seed.decrypt", "AES-CBC"));
  }
  // XML Encryption section 5.2: the last octet says how many to drop; the others are arbitrary.
  uint8_t drop = out[data.size() - 1];
  if (drop < 1 || drop > 16) {
    return Refused("seed.decrypt", "a value whose padding is broken",
                   "the file is damaged, or it is for another key");
  }
  ByteView kept = plain.Read(SecretAccess{}).first(data.size() - drop);
  return SecretBytes::Take(Bytes(kept.begin(), kept.end()));
}

Result<SecretBytes> PskcKeys::Decrypt(const EncryptedValue& value) {
  if (!direct_) return OpenCbc(value);
  BM_TRY(Oaep how, OaepOf(value));
  return OpenOaep(options_.key, how, value.cipher);
}

Result<SecretBytes> PskcKeys::Open(const EncryptedValue& value, const std::optional<Bytes>& mac) {
  if (protection_ == "none") {
    return Refused("seed.algorithm", "an EncryptedValue in a container without EncryptionKey",
                   "the container must say with which key");
  }
  if (mac_digest_ != nullptr) {
    if (!mac) {
      return Refused("seed.mac-missing", "a value without ValueMAC in a container with MACMethod");
    }
    // RFC 6030 section 6.1.1: over the octets of CipherValue, IV and ciphertext.
    ByteView key = mac_key_.Read(SecretAccess{});
    std::array<uint8_t, EVP_MAX_MD_SIZE> want;
    unsigned int n = 0;
    if (mac_digest_ == EVP_sha256()) {
      Digest d = crypto::HmacSha256(key, value.cipher);
      std::copy(d.begin(), d.end(), want.begin());
      n = d.size();
    } else {
      HMAC(mac_digest_, key.data(), static_cast<int>(key.size()), value.cipher.data(),
           value.cipher.size(), want.data(), &n);
    }
    if (!EqualSecret(ByteView(want).first(n), *mac)) {
      return Refused("seed.mac", "the value's code (ValueMAC) is not the one computed",
                     "the element was changed or damaged on its way; ask for the file again");
    }
  } else if (!direct_) {
    // RFC 6030 section 6.1.1: AES-CBC does not notice changes by itself.
    return Refused("seed.mac-method", "a value in AES-CBC in a container without MACMethod",
                   "ask for HMAC-SHA256 with a MACKey");
  }
  return Decrypt(value);
}

}  // namespace birthmark::seed
