// SPDX-License-Identifier: Apache-2.0
#include "seed/write.h"

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/markup.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"

namespace birthmark::seed {
namespace {

using crypto::DerWriter;
using crypto::Owned;
using OutFile = Owned<std::FILE, std::fclose>;
using OutCmsPtr = Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using ObjectPtr = Owned<ASN1_OBJECT, ASN1_OBJECT_free>;

constexpr std::string_view kAesCbc256 = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
constexpr std::string_view kAesCbc128 = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";

Result<OutFile> Create(const fs::path& file) {
  OutFile out(std::fopen(file.c_str(), "wb"));
  if (out == nullptr) return std::unexpected(FromErrno("file.write", file.string(), errno));
  return out;
}

Status Finish(OutFile out, const fs::path& file) {
  bool good = std::fflush(out.get()) == 0 && std::ferror(out.get()) == 0;
  if (!good) return std::unexpected(FromErrno("file.write", file.string(), errno));
  return {};
}

SecretBytes RandomSecret(size_t n) {
  SecretBytes out(n);
  RAND_bytes(out.Write(SecretAccess{}).data(), static_cast<int>(n));
  return out;
}

// SealCbc is IV and ciphertext, as XML Encryption section 5.2 has it.
Bytes SealCbc(const SecretBytes& key, ByteView plain) {
  Bytes out(16 + plain.size() + 16);
  RAND_bytes(out.data(), 16);
  crypto::EvpCipherCtxPtr ctx(EVP_CIPHER_CTX_new());
  int n = 0, end = 0;
  EVP_EncryptInit_ex(ctx.get(), key.size() == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc(), nullptr,
                     key.Read(SecretAccess{}).data(), out.data());
  EVP_EncryptUpdate(ctx.get(), out.data() + 16, &n, plain.data(), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(ctx.get(), out.data() + 16 + n, &end);
  out.resize(static_cast<size_t>(16 + n + end));
  return out;
}

Result<Bytes> SealOaep(EVP_PKEY* key, ByteView plain) {
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  Bytes out(static_cast<size_t>(EVP_PKEY_get_size(key)));
  size_t n = out.size();
  if (ctx == nullptr || EVP_PKEY_encrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), out.data(), &n, plain.data(), plain.size()) != 1) {
    return std::unexpected(crypto::OpenSslError("seed.algorithm", "RSA-OAEP"));
  }
  out.resize(n);
  return out;
}

std::string CipherXml(std::string_view method, std::string_view more, ByteView cipher) {
  return fmt::format(
      "<xenc:EncryptionMethod Algorithm=\"{}\">{}</xenc:EncryptionMethod>"
      "<xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>",
      method, more, ToBase64(cipher));
}

Result<std::string> EncryptionKeyXml(const WriteOptions& options, const SecretBytes& key) {
  if (options.shared != nullptr) {
    return fmt::format("<ds:KeyName>{}</ds:KeyName>", EscapeMarkup(options.shared->name));
  }
  const auto& pub = options.recipient->public_key();
  if (!pub) return std::unexpected(pub.error());
  BM_TRY(Bytes sealed, SealOaep(pub->evp(), key.Read(SecretAccess{})));
  return fmt::format(
      "<xenc:EncryptedKey>{}<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate>"
      "</ds:X509Data></ds:KeyInfo></xenc:EncryptedKey>",
      CipherXml("http://www.w3.org/2009/xmlenc11#rsa-oaep",
                "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>"
                "<xenc11:MGF Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>",
                sealed),
      ToBase64(options.recipient->der()));
}

Result<Bytes> Enveloped(const WriteOptions& options, ByteView package) {
  const auto& pub = options.recipient->public_key();
  if (!pub) return std::unexpected(pub.error());
  constexpr unsigned int kFlags = CMS_BINARY | CMS_PARTIAL;
  OutCmsPtr cms(CMS_encrypt(nullptr, nullptr,
                            options.authenticated ? EVP_aes_256_gcm() : EVP_aes_256_cbc(), kFlags));
  CMS_RecipientInfo* info =
      cms == nullptr ? nullptr
                     : CMS_add1_recipient_cert(cms.get(), options.recipient->x509(), CMS_KEY_PARAM);
  bool good = info != nullptr;
  if (good && EVP_PKEY_get_base_id(pub->evp()) == EVP_PKEY_RSA) {
    EVP_PKEY_CTX* ctx = CMS_RecipientInfo_get0_pkey_ctx(info);
    good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
  }
  ObjectPtr type(OBJ_txt2obj("1.2.840.113549.1.9.16.1.25", 1));
  crypto::BioPtr in(BIO_new_mem_buf(package.data(), static_cast<int>(package.size())));
  good = good && CMS_set1_eContentType(cms.get(), type.get()) == 1 &&
         CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY) == 1;
  int n = good ? i2d_CMS_ContentInfo(cms.get(), nullptr) : 0;
  if (n <= 0) return std::unexpected(crypto::OpenSslError("seed.algorithm", "CMS"));
  Bytes out(static_cast<size_t>(n));
  uint8_t* p = out.data();
  i2d_CMS_ContentInfo(cms.get(), &p);
  return out;
}

void AttributeDer(DerWriter& list, std::string_view oid, std::string_view text) {
  list.Sequence([&](DerWriter& a) {
    a.Oid(oid);
    a.Nest(crypto::der::kSet, [&](DerWriter& values) { values.Utf8(text); });
  });
}

}  // namespace

Status WritePskc(const fs::path& file, const WriteOptions& options, const NextSeed& next) {
  BM_TRY(OutFile out, Create(file));
  bool sealed = options.shared != nullptr || options.recipient != nullptr;
  SecretBytes key = RandomSecret(32), mac_key = RandomSecret(32);
  if (options.shared != nullptr) {
    ByteView k = options.shared->key.Read(SecretAccess{});
    key = SecretBytes::Take(Bytes(k.begin(), k.end()));
  }
  std::string_view method = key.size() == 32 ? kAesCbc256 : kAesCbc128;
  std::string head =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" "
      "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" "
      "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" "
      "xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\">\n";
  if (sealed) {
    BM_TRY(std::string which, EncryptionKeyXml(options, key));
    head += fmt::format(
        "<EncryptionKey>{}</EncryptionKey>\n<MACMethod "
        "Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"><MACKey>{}</MACKey>"
        "</MACMethod>\n",
        which, CipherXml(method, "", SealCbc(key, mac_key.Read(SecretAccess{}))));
  }
  std::fputs(head.c_str(), out.get());
  uint64_t n = 0;
  while (auto made = next()) {
    ByteView seed = made->seed.Read(SecretAccess{});
    std::string secret;
    if (sealed) {
      Bytes cipher = SealCbc(key, seed);
      secret = fmt::format("<EncryptedValue>{}</EncryptedValue><ValueMAC>{}</ValueMAC>",
                           CipherXml(method, "", cipher),
                           ToBase64(crypto::HmacSha256(mac_key.Read(SecretAccess{}), cipher)));
    } else {
      secret = fmt::format("<PlainValue>{}</PlainValue>", ToBase64(seed));
    }
    fmt::print(out.get(),
               "<KeyPackage><DeviceInfo><Manufacturer>{}</Manufacturer><SerialNo>{}</SerialNo>"
               "</DeviceInfo><Key Id=\"{}\"><Data><Secret>{}</Secret></Data></Key></KeyPackage>\n",
               EscapeMarkup(options.oem), EscapeMarkup(made->chip), ++n, secret);
  }
  std::fputs("</KeyContainer>\n", out.get());
  return Finish(std::move(out), file);
}

Status WriteCms(const fs::path& file, const WriteOptions& options, const NextSeed& next) {
  if (options.shared != nullptr) {
    return Usage("seed.algorithm", "a CMS file to a shared key", "use PSKC, or a certificate");
  }
  Bytes keys, package;
  DerWriter list(keys);
  while (auto made = next()) {
    list.Sequence([&](DerWriter& one) {
      one.Sequence([&](DerWriter& attributes) {
        AttributeDer(attributes, "1.2.840.113549.1.9.16.12.2", made->chip);
      });
      one.OctetString(made->seed.Read(SecretAccess{}));
    });
  }
  DerWriter whole(package);
  whole.Sequence([&](DerWriter& p) {
    p.Nest(crypto::der::Context(0, true), [&](DerWriter& attributes) {
      AttributeDer(attributes, "1.2.840.113549.1.9.16.12.1", options.oem);
    });
    p.Element(crypto::der::kSequence, keys);
  });
  Wipe(keys.data(), keys.size());
  SecretBytes secret = SecretBytes::Take(std::move(package));
  Bytes plain;
  ByteView octets = secret.Read(SecretAccess{});
  if (options.recipient != nullptr) {
    BM_TRY(plain, Enveloped(options, octets));
  } else {
    DerWriter(plain).Sequence([&](DerWriter& info) {
      info.Oid("1.2.840.113549.1.9.16.1.25");
      info.Nest(crypto::der::Context(0, true), [&](DerWriter& content) { content.Raw(octets); });
    });
  }
  BM_TRY(OutFile out, Create(file));
  std::fwrite(plain.data(), 1, plain.size(), out.get());
  return Finish(std::move(out), file);
}

}  // namespace birthmark::seed
