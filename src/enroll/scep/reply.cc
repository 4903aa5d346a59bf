// SPDX-License-Identifier: Apache-2.0
#include <openssl/cms.h>
#include <openssl/objects.h>
#include <openssl/rand.h>

#include <array>

#include "crypto/openssl.h"
#include "enroll/scep/attributes.h"
#include "enroll/scep/message.h"

namespace birthmark::enroll::scep {
namespace {

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

std::unexpected<Error> Failed(std::string_view doing) {
  return std::unexpected(crypto::OpenSslError("scep.reply", doing));
}

Result<Bytes> Encode(CMS_ContentInfo* cms) {
  uint8_t* p = nullptr;
  const int n = i2d_CMS_ContentInfo(cms, &p);
  if (n <= 0) return Failed("encoding CMS");
  Bytes out(p, p + n);
  OPENSSL_free(p);
  return out;
}

crypto::BioPtr Memory(ByteView b) {
  const void* p = b.empty() ? "" : static_cast<const void*>(b.data());  // a null pointer is refused
  return crypto::BioPtr(BIO_new_mem_buf(p, static_cast<int>(b.size())));
}

// RFC 8894 section 3.2.2: encrypted to the key that signed the request.
Result<Bytes> Envelope(ByteView content, const Message& asked) {
  crypto::BioPtr in = Memory(content);
  const EVP_CIPHER* cipher = EVP_get_cipherbynid(asked.cipher);
  CmsPtr cms(CMS_encrypt(nullptr, in.get(), cipher, CMS_BINARY | CMS_PARTIAL));
  if (cms == nullptr) return Failed("making an envelope");
  X509* to = asked.signer.x509();
  CMS_RecipientInfo* r = CMS_add1_recipient_cert(cms.get(), to, CMS_KEY_PARAM);
  if (r == nullptr) return Failed("addressing an envelope");
  if (CMS_RecipientInfo_type(r) == CMS_RECIPINFO_AGREE) {
    EVP_PKEY_CTX* context = CMS_RecipientInfo_get0_pkey_ctx(r);
    if (context == nullptr || EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) <= 0) {
      return Failed("addressing an envelope by key agreement");
    }
  }
  if (CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY) != 1) return Failed("encrypting");
  return Encode(cms.get());
}

Status Attributes(CMS_SignerInfo* si, const CertRep& reply) {
  const std::string_view status = reply.failure ? "2" : reply.certificates.empty() ? "3" : "0";
  BM_CHECK(AddAttribute(si, kMessageType, V_ASN1_PRINTABLESTRING, AsBytes("3")));
  BM_CHECK(AddAttribute(si, kTransactionId, V_ASN1_PRINTABLESTRING, AsBytes(reply.transaction)));
  BM_CHECK(AddAttribute(si, kPkiStatus, V_ASN1_PRINTABLESTRING, AsBytes(status)));
  if (reply.failure) {
    const std::string info = std::to_string(static_cast<int>(reply.failure->info));
    BM_CHECK(AddAttribute(si, kFailInfo, V_ASN1_PRINTABLESTRING, AsBytes(info)));
    if (!reply.failure->text.empty()) {
      BM_CHECK(AddAttribute(si, kFailInfoText, V_ASN1_UTF8STRING, AsBytes(reply.failure->text)));
    }
  }
  std::array<uint8_t, kNonceBytes> nonce;
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
    return Failed("drawing a nonce");
  BM_CHECK(AddAttribute(si, kSenderNonce, V_ASN1_OCTET_STRING, nonce));
  return AddAttribute(si, kRecipientNonce, V_ASN1_OCTET_STRING, reply.nonce);
}

}  // namespace

Result<Bytes> WriteCertRep(const CertRep& reply, const Ra& ra, const std::vector<Bytes>& above) {
  Bytes envelope;
  unsigned flags = CMS_BINARY | CMS_PARTIAL;
  if (reply.certificates.empty()) {
    flags |= CMS_DETACHED;  // RFC 8894 section 3.2.2: PENDING and FAILURE carry no content
  } else {
    BM_TRY(envelope, Envelope(reply.certificates, *reply.asked));
  }
  // The requester's hash, for it can check that one; SHA-1 is not answered with SHA-1.
  const bool sha2 = reply.asked != nullptr && reply.asked->hash != NID_sha1;
  const int hash = sha2 ? reply.asked->hash : NID_sha256;
  crypto::BioPtr in = Memory(envelope);
  CmsPtr cms(CMS_sign(nullptr, nullptr, nullptr, in.get(), flags));
  if (cms == nullptr) return Failed("making a reply");
  CMS_SignerInfo* si =
      CMS_add1_signer(cms.get(), ra.certificate.x509(), ra.key, EVP_get_digestbynid(hash),
                      CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
  if (si == nullptr) return Failed("signing a reply");
  for (const Bytes& c : above) {
    const uint8_t* p = c.data();
    crypto::X509Ptr x(d2i_X509(nullptr, &p, static_cast<long>(c.size())));
    if (x == nullptr || CMS_add1_cert(cms.get(), x.get()) != 1) return Failed("adding a chain");
  }
  BM_CHECK(Attributes(si, reply));
  if (CMS_final(cms.get(), in.get(), nullptr, flags) != 1) return Failed("signing a reply");
  return Encode(cms.get());
}

}  // namespace birthmark::enroll::scep
