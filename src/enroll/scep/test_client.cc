// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/test_client.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include <cstdio>
#include <cstdlib>

namespace birthmark::enroll::scep {
namespace {

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

void Need(bool ok, const char* what) {
  if (ok) return;
  ERR_print_errors_fp(stderr);
  std::fprintf(stderr, "scep test client: %s\n", what);
  std::abort();
}

template <class T, class F>
Bytes Encode(F i2d, T* object) {
  uint8_t* p = nullptr;
  const int n = i2d(object, &p);
  Need(n > 0, "encoding");
  Bytes out(p, p + n);
  OPENSSL_free(p);
  return out;
}

crypto::Certificate Take(X509* x) {
  auto c = crypto::Certificate::FromDer(Encode(i2d_X509, x));
  Need(c.has_value(), "a certificate");
  return *c;
}

void FillName(X509_NAME* name, const std::string& serial) {
  auto add = [&](const char* type, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, type, MBSTRING_ASC,
                               reinterpret_cast<const uint8_t*>(value.c_str()), -1, -1, 0);
  };
  add("O", "Acme Light");
  if (!serial.empty()) add("serialNumber", serial);
}

std::string Oid(const std::string& last) { return "2.16.840.1.113733.1.9." + last; }

void Add(CMS_SignerInfo* si, const std::string& oid, int type, ByteView value) {
  crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid.c_str(), 1));
  Need(CMS_signed_add1_attr_by_OBJ(si, object.get(), type, value.data(),
                                   static_cast<int>(value.size())) == 1,
       "adding an attribute");
}

Bytes Get(CMS_SignerInfo* si, const std::string& oid) {
  crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid.c_str(), 1));
  const int at = CMS_signed_get_attr_by_OBJ(si, object.get(), -1);
  if (at < 0) return {};
  ASN1_TYPE* v = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(si, at), 0);
  const uint8_t* p = ASN1_STRING_get0_data(v->value.asn1_string);
  return Bytes(p, p + ASN1_STRING_length(v->value.asn1_string));
}

}  // namespace

crypto::EvpKeyPtr Share(const crypto::EvpKeyPtr& key) {
  EVP_PKEY_up_ref(key.get());
  return crypto::EvpKeyPtr(key.get());
}

TestKey NewKey(const std::string& kind, const std::string& serial) {
  crypto::EvpKeyPtr key(kind == "RSA" ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  Need(key != nullptr, "making a key");
  crypto::X509Ptr x(X509_new());
  X509_set_version(x.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
  FillName(X509_get_subject_name(x.get()), serial);
  X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
  X509_gmtime_adj(X509_getm_notBefore(x.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(x.get()), 86400);
  X509_set_pubkey(x.get(), key.get());
  Need(X509_sign(x.get(), key.get(), EVP_sha256()) > 0, "signing itself");
  return {std::move(key), Take(x.get())};
}

Bytes MakeCsr(EVP_PKEY* key, const std::string& serial, const std::string& challenge) {
  crypto::X509ReqPtr q(X509_REQ_new());
  X509_REQ_set_version(q.get(), 0);
  FillName(X509_REQ_get_subject_name(q.get()), serial);
  X509_REQ_set_pubkey(q.get(), key);
  if (!challenge.empty()) {
    X509_REQ_add1_attr_by_NID(q.get(), NID_pkcs9_challengePassword, MBSTRING_ASC,
                              reinterpret_cast<const uint8_t*>(challenge.c_str()), -1);
  }
  Need(X509_REQ_sign(q.get(), key, EVP_sha256()) > 0, "signing a request");
  return Encode(i2d_X509_REQ, q.get());
}

Bytes MakeMessage(const Outgoing& o, const TestKey& signer, const crypto::Certificate& recipient) {
  STACK_OF(X509)* to = sk_X509_new_null();
  sk_X509_push(to, recipient.x509());
  crypto::BioPtr in(BIO_new_mem_buf(o.content.data(), static_cast<int>(o.content.size())));
  CmsPtr envelope(CMS_encrypt(to, in.get(), o.cipher, CMS_BINARY));
  sk_X509_free(to);
  Need(envelope != nullptr, "encrypting");
  const Bytes inner = Encode(i2d_CMS_ContentInfo, envelope.get());

  in.reset(BIO_new_mem_buf(inner.data(), static_cast<int>(inner.size())));
  CmsPtr cms(CMS_sign(nullptr, nullptr, nullptr, in.get(), CMS_BINARY | CMS_PARTIAL));
  CMS_SignerInfo* si = CMS_add1_signer(cms.get(), signer.certificate.x509(), signer.key.get(),
                                       o.hash, CMS_BINARY | CMS_NOSMIMECAP | CMS_PARTIAL);
  Need(si != nullptr, "adding a signer");
  Add(si, Oid("2"), V_ASN1_PRINTABLESTRING, AsBytes(o.type));
  if (o.type_twice) Add(si, Oid("2"), V_ASN1_PRINTABLESTRING, AsBytes(o.type));
  Add(si, Oid("7"), V_ASN1_PRINTABLESTRING, AsBytes(o.transaction));
  if (!o.without_nonce) Add(si, Oid("5"), V_ASN1_OCTET_STRING, o.nonce);
  Need(CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY) == 1, "signing");
  return Encode(i2d_CMS_ContentInfo, cms.get());
}

Bytes IssuerAndSubject(const crypto::Certificate& issuer, const std::string& serial) {
  crypto::Owned<X509_NAME, X509_NAME_free> name(X509_NAME_new());
  FillName(name.get(), serial);
  Bytes both(issuer.subject_der().begin(), issuer.subject_der().end());
  const Bytes subject = Encode(i2d_X509_NAME, name.get());
  both.insert(both.end(), subject.begin(), subject.end());
  Need(both.size() < 256, "names that long");
  Bytes out = both.size() < 128 ? Bytes{0x30, static_cast<uint8_t>(both.size())}
                                : Bytes{0x30, 0x81, static_cast<uint8_t>(both.size())};
  out.insert(out.end(), both.begin(), both.end());
  return out;
}

Incoming ReadReply(ByteView body, const TestKey& me) {
  const uint8_t* p = body.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(body.size())));
  Need(cms != nullptr && p == body.data() + body.size(), "the reply is no CMS");
  Incoming in;
  ASN1_OCTET_STRING** content = CMS_get0_content(cms.get());
  in.has_content = content != nullptr && *content != nullptr;
  crypto::BioPtr out(BIO_new(BIO_s_mem())), nothing(BIO_new_mem_buf("", 0));
  Need(CMS_verify(cms.get(), nullptr, nullptr, in.has_content ? nullptr : nothing.get(), out.get(),
                  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1,
       "the reply's signature");
  CMS_SignerInfo* si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
  X509* signer = nullptr;
  CMS_SignerInfo_get0_algs(si, nullptr, &signer, nullptr, nullptr);
  in.signer = Take(signer);
  in.type = AsText(Get(si, Oid("2")));
  in.status = AsText(Get(si, Oid("3")));
  in.fail_info = AsText(Get(si, Oid("4")));
  in.fail_text = AsText(Get(si, "1.3.6.1.5.5.7.24.1"));
  in.sender_nonce = Get(si, Oid("5"));
  in.recipient_nonce = Get(si, Oid("6"));
  in.transaction = AsText(Get(si, Oid("7")));
  if (!in.has_content) return in;

  char* q = nullptr;
  long n = BIO_get_mem_data(out.get(), &q);
  p = reinterpret_cast<const uint8_t*>(q);
  CmsPtr envelope(d2i_CMS_ContentInfo(nullptr, &p, n));
  Need(envelope != nullptr, "the reply's content is no CMS");
  crypto::BioPtr plain(BIO_new(BIO_s_mem()));
  Need(CMS_decrypt(envelope.get(), me.key.get(), me.certificate.x509(), nullptr, plain.get(),
                   CMS_BINARY) == 1,
       "the reply is not for this key");
  // The cipher's OID stands in the clear; finding it needs no parser.
  const std::string_view octets(q, static_cast<size_t>(n));
  for (int nid :
       {NID_aes_128_cbc, NID_aes_192_cbc, NID_aes_256_cbc, NID_des_cbc, NID_des_ede3_cbc}) {
    const ASN1_OBJECT* o = OBJ_nid2obj(nid);
    const std::string_view oid(reinterpret_cast<const char*>(OBJ_get0_data(o)), OBJ_length(o));
    if (octets.find(oid) != std::string_view::npos) in.cipher = nid;
  }
  n = BIO_get_mem_data(plain.get(), &q);
  p = reinterpret_cast<const uint8_t*>(q);
  crypto::Owned<PKCS7, PKCS7_free> p7(d2i_PKCS7(nullptr, &p, n));
  Need(p7 != nullptr && PKCS7_type_is_signed(p7.get()), "no certs-only inside");
  STACK_OF(X509)* certificates = p7->d.sign->cert;
  for (int i = 0; i < sk_X509_num(certificates); ++i) {
    in.certificates.push_back(Take(sk_X509_value(certificates, i)));
  }
  return in;
}

}  // namespace birthmark::enroll::scep
