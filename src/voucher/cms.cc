// SPDX-License-Identifier: Apache-2.0
#include "voucher/cms.h"

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::voucher {
namespace {

using crypto::DerWriter;
namespace der = crypto::der;

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
void FreeCertificates(STACK_OF(X509) * s) { sk_X509_pop_free(s, X509_free); }
using CertificatesPtr = crypto::Owned<STACK_OF(X509), FreeCertificates>;
void FreeStack(STACK_OF(X509) * s) { sk_X509_free(s); }
using BorrowedPtr = crypto::Owned<STACK_OF(X509), FreeStack>;

constexpr size_t kMaxCertificates = 16;
constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2";
constexpr std::string_view kContentType = "1.2.840.113549.1.9.3";
constexpr std::string_view kMessageDigest = "1.2.840.113549.1.9.4";
constexpr std::string_view kSigningTime = "1.2.840.113549.1.9.5";

Result<crypto::Certificate> Take(X509* x) {
  uint8_t* out = nullptr;
  const int n = i2d_X509(x, &out);
  if (n <= 0) return std::unexpected(crypto::OpenSslError("voucher.cms", "a certificate"));
  auto c = crypto::Certificate::FromDer({out, static_cast<size_t>(n)});
  OPENSSL_free(out);
  return c;
}

Result<CmsPtr> Parse(ByteView bytes) {
  const uint8_t* p = bytes.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(bytes.size())));
  ERR_clear_error();
  if (cms == nullptr || p != bytes.data() + bytes.size() ||
      OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed) {
    return Refused("voucher.cms", "no CMS SignedData, or something after it");
  }
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms.get());
  if (sk_CMS_SignerInfo_num(signers) != 1) {
    return Refused("voucher.signers",
                   fmt::format("{} signers; one is due", sk_CMS_SignerInfo_num(signers)));
  }
  return cms;
}

// Hashing is the hash that goes with a key's algorithm, and both names in CMS (RFC 5754, RFC 8419).
struct Hashing {
  std::string_view digest, signature;
  Bytes hash;
};
Hashing HashFor(crypto::Algorithm a, ByteView content) {
  if (a == crypto::Algorithm::kEcdsaP384) {
    auto h = crypto::Sha384(content);
    return {"2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.3", Bytes(h.begin(), h.end())};
  }
  if (a == crypto::Algorithm::kEd25519) {
    Bytes h(SHA512_DIGEST_LENGTH);
    SHA512(content.data(), content.size(), h.data());
    return {"2.16.840.1.101.3.4.2.3", "1.3.101.112", std::move(h)};
  }
  auto h = crypto::Sha256(content);
  return {"2.16.840.1.101.3.4.2.1",
          a == crypto::Algorithm::kEcdsaP256 ? "1.2.840.10045.4.3.2" : "1.2.840.113549.1.1.11",
          Bytes(h.begin(), h.end())};
}

Bytes Attribute(std::string_view type, const std::function<void(DerWriter&)>& value) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Oid(type);
    w.Nest(der::kSet, value);
  });
  return out;
}

void AlgorithmName(DerWriter& w, std::string_view oid) {
  w.Sequence([&](DerWriter& a) {
    a.Oid(oid);
    // RFC 3279 section 2.2.1: NULL with RSA, nothing with the others.
    if (oid == "1.2.840.113549.1.1.11") a.Null();
  });
}

}  // namespace

Result<CmsContent> ReadCms(ByteView bytes) {
  BM_TRY(CmsPtr cms, Parse(bytes));
  CmsContent out;
  const ASN1_OBJECT* type = CMS_get0_eContentType(cms.get());
  char text[128];
  if (OBJ_obj2txt(text, sizeof text, type, 1) <= 0)
    return Refused("voucher.cms", "no eContentType");
  out.content_type = text;
  if (ASN1_OCTET_STRING** content = CMS_get0_content(cms.get());
      content != nullptr && *content != nullptr) {
    const uint8_t* p = ASN1_STRING_get0_data(*content);
    out.content.assign(p, p + ASN1_STRING_length(*content));
  }
  CertificatesPtr all(CMS_get1_certs(cms.get()));
  const int n = all == nullptr ? 0 : sk_X509_num(all.get());
  if (static_cast<size_t>(std::max(n, 0)) > kMaxCertificates)
    return Refused("voucher.cms", fmt::format("{} certificates; 16 are allowed", n));
  for (int i = 0; i < n; ++i) {
    BM_TRY(crypto::Certificate c, Take(sk_X509_value(all.get(), i)));
    out.certificates.push_back(std::move(c));
  }
  return out;
}

Result<crypto::Certificate> CheckCms(ByteView bytes, std::span<const crypto::Certificate> more,
                                     std::optional<ByteView> detached) {
  BM_TRY(CmsPtr cms, Parse(bytes));
  BorrowedPtr others(sk_X509_new_null());
  if (others == nullptr) return std::unexpected(crypto::OpenSslError("voucher.cms", "memory"));
  for (const crypto::Certificate& c : more) sk_X509_push(others.get(), c.x509());
  crypto::BioPtr content(
      detached ? BIO_new_mem_buf(detached->data(), static_cast<int>(detached->size())) : nullptr);
  crypto::BioPtr sink(BIO_new(BIO_s_null()));
  const unsigned flags = CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY;
  const int good = CMS_verify(cms.get(), others.get(), nullptr, content.get(), sink.get(), flags);
  const unsigned long why = ERR_peek_error();
  ERR_clear_error();
  if (good != 1) {
    if (ERR_GET_LIB(why) == ERR_LIB_CMS &&
        ERR_GET_REASON(why) == CMS_R_SIGNER_CERTIFICATE_NOT_FOUND) {
      return Refused("voucher.no-signer", "the signer's certificate is not in the message");
    }
    return Refused("voucher.signature", "the signature does not verify");
  }
  X509* signer = nullptr;
  CMS_SignerInfo_get0_algs(sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0), nullptr,
                           &signer, nullptr, nullptr);
  if (signer == nullptr) return Refused("voucher.no-signer", "the signer's certificate is missing");
  return Take(signer);
}

Result<Bytes> SignCms(ByteView content, const CmsSigning& how, crypto::Signer& signer) {
  if (how.chain.empty() || !how.chain.front().public_key() ||
      how.chain.front().public_key()->spki_digest() != signer.public_key().spki_digest()) {
    return Refused("voucher.signer-certificate", "CMS names its signer by a certificate of its key",
                   "give the key's certificate, or use COSE");
  }
  const crypto::Certificate& own = how.chain.front();
  const Hashing hashing = HashFor(signer.algorithm(), content);
  std::vector<Bytes> attributes{
      Attribute(kContentType, [&](DerWriter& w) { w.Oid(how.content_type); }),
      Attribute(kSigningTime, [&](DerWriter& w) { w.Validity(how.at); }),
      Attribute(kMessageDigest, [&](DerWriter& w) { w.OctetString(hashing.hash); })};
  // DER: the elements of a SET OF stand in the order of their encodings (X.690 section 11.6).
  std::ranges::sort(attributes);
  Bytes together;
  for (const Bytes& a : attributes) together.insert(together.end(), a.begin(), a.end());
  // What is signed has the tag of a SET, what is sent has [0] (RFC 5652 section 5.4).
  Bytes to_sign;
  DerWriter(to_sign).Element(der::kSet, together);
  BM_TRY(Bytes signature, signer.Sign(to_sign));

  const bool data = how.content_type == kIdData;
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Oid(kSignedData);
    info.Nest(der::Context(0, true), [&](DerWriter& explicit0) {
      explicit0.Sequence([&](DerWriter& sd) {
        sd.Unsigned(uint64_t{data ? 1U : 3U});  // RFC 5652 section 5.1
        sd.Nest(der::kSet, [&](DerWriter& w) { AlgorithmName(w, hashing.digest); });
        sd.Sequence([&](DerWriter& encap) {
          encap.Oid(how.content_type);
          if (how.detached) return;
          encap.Nest(der::Context(0, true), [&](DerWriter& w) { w.OctetString(content); });
        });
        std::vector<ByteView> certificates;
        for (const crypto::Certificate& c : how.chain) certificates.push_back(c.der());
        std::ranges::sort(certificates, std::ranges::lexicographical_compare);
        sd.Nest(der::Context(0, true), [&](DerWriter& w) {
          for (ByteView c : certificates) w.Raw(c);
        });
        sd.Nest(der::kSet, [&](DerWriter& set) {
          set.Sequence([&](DerWriter& si) {
            si.Unsigned(uint64_t{1});
            si.Sequence([&](DerWriter& w) {
              w.Raw(own.issuer_der());
              w.Unsigned(own.serial());
            });
            AlgorithmName(si, hashing.digest);
            si.Element(der::Context(0, true), together);
            AlgorithmName(si, hashing.signature);
            si.OctetString(signature);
          });
        });
      });
    });
  });
  return out;
}

}  // namespace birthmark::voucher
