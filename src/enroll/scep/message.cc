// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/message.h"

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>

#include "crypto/der.h"
#include "crypto/openssl.h"
#include "enroll/scep/attributes.h"

namespace birthmark::enroll::scep {
namespace {

using crypto::DerReader;
namespace der = crypto::der;

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

constexpr int kMaxCertificates = 10;
constexpr int kMaxRecipients = 4;
constexpr size_t kMaxTransaction = 256;
constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2";
constexpr std::string_view kEnvelopedData = "1.2.840.113549.1.7.3";
constexpr std::array kHashes = {NID_sha1, NID_sha256, NID_sha384, NID_sha512};

struct CertificatesFree {
  void operator()(STACK_OF(X509) * s) const { sk_X509_pop_free(s, X509_free); }
};
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), CertificatesFree>;

std::unexpected<Error> Malformed(std::string_view why) {
  return Refused("scep.malformed", fmt::format("not a pkiMessage: {}", why));
}

// What ContentInfo says it holds. Strict DER, so that OpenSSL's reader meets no surprises.
Result<std::string> ContentType(ByteView data) {
  BM_CHECK(crypto::CheckDer(data, 24));
  DerReader outer(data);
  BM_TRY(DerReader info, outer.Enter());
  return info.Oid();
}

// A context of its own for the ciphers that OpenSSL keeps apart, so that nobody else gets them.
OSSL_LIB_CTX* OldCiphers() {
  static OSSL_LIB_CTX* const context = [] {
    OSSL_LIB_CTX* c = OSSL_LIB_CTX_new();
    OSSL_PROVIDER_load(c, "default");
    OSSL_PROVIDER_load(c, "legacy");
    ERR_clear_error();  // where it is not installed, DES does not decrypt
    return c;
  }();
  return context;
}

CmsPtr ParseCms(ByteView data, OSSL_LIB_CTX* context = nullptr) {
  const uint8_t* p = data.data();
  CMS_ContentInfo* cms = CMS_ContentInfo_new_ex(context, nullptr);
  if (d2i_CMS_ContentInfo(&cms, &p, static_cast<long>(data.size())) == nullptr) cms = nullptr;
  ERR_clear_error();
  return CmsPtr(cms);
}

Result<crypto::Certificate> Take(X509* x) {
  uint8_t* p = nullptr;
  const int n = i2d_X509(x, &p);
  if (n <= 0) return Malformed("a certificate cannot be encoded");
  auto c = crypto::Certificate::FromDer({p, static_cast<size_t>(n)});
  OPENSSL_free(p);
  if (!c) return Malformed(c.error().message);
  return c;
}

// The content-encryption algorithm, for which OpenSSL 3.0 has no getter. RFC 5652 section 6.1.
Result<int> EnvelopeCipher(ByteView data) {
  DerReader file(data);
  BM_TRY(DerReader info, file.Enter());
  BM_TRY(std::string type, info.Oid());
  if (type != kEnvelopedData) return Malformed("its content is no EnvelopedData");
  BM_TRY(DerReader content, info.Enter(der::Context(0, true)));
  BM_TRY(DerReader enveloped, content.Enter());
  BM_CHECK(enveloped.SmallUnsigned());
  if (enveloped.NextIs(der::Context(0, true))) BM_CHECK(enveloped.Next());
  BM_CHECK(enveloped.Expect(der::kSet));
  BM_TRY(DerReader encrypted, enveloped.Enter());
  BM_CHECK(encrypted.Oid());
  BM_TRY(DerReader algorithm, encrypted.Enter());
  BM_TRY(std::string oid, algorithm.Oid());
  return OBJ_txt2nid(oid.c_str());
}

bool IsAesCbc(int nid) {
  return nid == NID_aes_128_cbc || nid == NID_aes_192_cbc || nid == NID_aes_256_cbc;
}

// One of the recipients must be us. OpenSSL fills in a random key when the transported one does not
// decrypt, so that what follows tells an attacker nothing about the padding; all that fails from
// here on gets the same words.
std::optional<Failure> Decrypt(ByteView envelope, const Ra& ra, bool in_tls, Message& m) {
  const Failure unreadable{FailInfo::kBadMessageCheck,
                           "the envelope cannot be opened with this server's key"};
  auto type = ContentType(envelope);
  auto cipher = type ? EnvelopeCipher(envelope) : std::unexpected(type.error());
  if (!cipher) return Failure{FailInfo::kBadRequest, "the content is no EnvelopedData in DER"};
  const bool aes = IsAesCbc(*cipher);
  const bool old = *cipher == NID_des_cbc || *cipher == NID_des_ede3_cbc;
  if (!aes && !(old && in_tls)) {
    return Failure{FailInfo::kBadAlg, "the envelope must be encrypted with AES in CBC mode"};
  }
  m.cipher = aes ? *cipher : NID_aes_128_cbc;
  CmsPtr cms = ParseCms(envelope, aes ? nullptr : OldCiphers());
  if (cms == nullptr) return unreadable;
  STACK_OF(CMS_RecipientInfo)* recipients = CMS_get0_RecipientInfos(cms.get());
  const int n = recipients == nullptr ? 0 : sk_CMS_RecipientInfo_num(recipients);
  if (n < 1 || n > kMaxRecipients) return unreadable;
  bool ours = false;
  for (int i = 0; i < n; ++i) {
    CMS_RecipientInfo* r = sk_CMS_RecipientInfo_value(recipients, i);
    ours = ours || (CMS_RecipientInfo_type(r) == CMS_RECIPINFO_TRANS &&
                    CMS_RecipientInfo_ktri_cert_cmp(r, ra.certificate.x509()) == 0);
  }
  if (!ours) return unreadable;
  crypto::BioPtr out(BIO_new(BIO_s_mem()));
  const int ok =
      CMS_decrypt(cms.get(), ra.key, ra.certificate.x509(), nullptr, out.get(), CMS_BINARY);
  ERR_clear_error();
  char* p = nullptr;
  const long size = BIO_get_mem_data(out.get(), &p);
  if (ok == 1 && size > 0) {
    m.content = SecretBytes::Take(Bytes(p, p + size));
  }
  if (size > 0) Wipe(p, static_cast<size_t>(size));
  if (m.content.empty()) return unreadable;
  return std::nullopt;
}

// The attributes come first: with them a failure can be answered. RFC 8894 section 3.2.1.
Status ReadAttributes(const CMS_SignerInfo* si, Message& m) {
  BM_TRY(Bytes transaction,
         ReadAttribute(si, kTransactionId, V_ASN1_PRINTABLESTRING, kMaxTransaction));
  m.transaction = AsText(transaction);
  // OpenSSL does not look at a PrintableString's alphabet; this goes into logs and file names.
  if (!std::ranges::all_of(m.transaction, [](char c) { return c >= ' ' && c <= '~'; })) {
    return Malformed("the transactionID is not printable");
  }
  BM_TRY(m.nonce, ReadAttribute(si, kSenderNonce, V_ASN1_OCTET_STRING, 64));
  if (m.nonce.size() != kNonceBytes) return Malformed("the senderNonce has not 16 octets");
  return {};
}

std::optional<MessageType> TypeOf(std::string_view text) {
  for (MessageType t : {MessageType::kRenewalReq, MessageType::kPkcsReq, MessageType::kCertPoll,
                        MessageType::kGetCert, MessageType::kGetCrl}) {
    if (text == std::to_string(static_cast<int>(t))) return t;
  }
  return std::nullopt;
}

std::optional<Failure> ReadSigned(CMS_ContentInfo* cms, CMS_SignerInfo* si, const Ra& ra,
                                  bool in_tls, Message& m) {
  auto type = ReadAttribute(si, kMessageType, V_ASN1_PRINTABLESTRING, 8);
  auto known = type ? TypeOf(AsText(*type)) : std::nullopt;
  if (!known) return Failure{FailInfo::kBadRequest, "the messageType is not one a server answers"};
  m.type = *known;

  X509_ALGOR *digest = nullptr, *signature = nullptr;
  CMS_SignerInfo_get0_algs(si, nullptr, nullptr, &digest, &signature);
  m.hash = OBJ_obj2nid(digest->algorithm);
  if (std::ranges::find(kHashes, m.hash) == kHashes.end()) {
    return Failure{FailInfo::kBadAlg,
                   "the message must be signed over SHA-256, SHA-384 or SHA-512"};
  }
  crypto::BioPtr out(BIO_new(BIO_s_mem()));
  const int ok =
      CMS_verify(cms, nullptr, nullptr, nullptr, out.get(), CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
  ERR_clear_error();
  X509* signer = nullptr;
  CMS_SignerInfo_get0_algs(si, nullptr, &signer, nullptr, nullptr);
  if (ok != 1 || signer == nullptr) {
    return Failure{FailInfo::kBadMessageCheck, "the signature does not verify"};
  }
  auto certificate = Take(signer);
  // A key that only signs could not get an answer.
  if (!certificate || !certificate->public_key() ||
      certificate->public_key()->algorithm() == crypto::Algorithm::kEd25519) {
    return Failure{FailInfo::kBadAlg, "the signer's key is not RSA of 2048 bits and more or ECDSA"};
  }
  m.signer = *certificate;
  CertificatesPtr all(CMS_get1_certs(cms));
  for (int i = 0; all != nullptr && i < sk_X509_num(all.get()); ++i) {
    auto c = Take(sk_X509_value(all.get(), i));
    if (!c) return Failure{FailInfo::kBadRequest, "a certificate in the message is malformed"};
    if (c->digest() != m.signer.digest()) m.others.push_back(std::move(*c));
  }
  char* p = nullptr;
  const long n = BIO_get_mem_data(out.get(), &p);
  return Decrypt({reinterpret_cast<uint8_t*>(p), static_cast<size_t>(n)}, ra, in_tls, m);
}

}  // namespace

Result<Message> ReadMessage(ByteView body, const Ra& ra, bool in_tls) {
  if (body.size() > kMaxMessageBytes) return Malformed("it is too large");
  auto type = ContentType(body);
  if (!type) return Malformed(type.error().message);
  if (*type != kSignedData) return Malformed("it is no SignedData");
  CmsPtr cms = ParseCms(body);
  if (cms == nullptr) return Malformed("its CMS cannot be read");
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
  // RFC 8894 section 3.2: one signer.
  if (signers == nullptr || sk_CMS_SignerInfo_num(signers) != 1) {
    return Malformed("it has not one signer");
  }
  CertificatesPtr all(CMS_get1_certs(cms.get()));
  ERR_clear_error();
  if (all != nullptr && sk_X509_num(all.get()) > kMaxCertificates) {
    return Malformed("too many certificates");
  }
  Message m;
  CMS_SignerInfo* si = sk_CMS_SignerInfo_value(signers, 0);
  BM_CHECK(ReadAttributes(si, m));
  m.failure = ReadSigned(cms.get(), si, ra, in_tls, m);
  return m;
}

}  // namespace birthmark::enroll::scep
