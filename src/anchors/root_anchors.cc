// SPDX-License-Identifier: Apache-2.0
#include "anchors/root_anchors.h"

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "anchors/dnssec.h"
#include "crypto/openssl.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxSigned = 1 << 20;

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using StorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;
using MemoryBio = crypto::Owned<BIO, BIO_free_all>;
using CertificatePtr = crypto::Owned<X509, X509_free>;

std::unexpected<Error> NotSigned(std::string what) {
  return Refused("anchors.root-signature", "root-anchors.p7s: " + std::move(what),
                 "fetch root-anchors.xml and root-anchors.p7s again, both at once");
}

MemoryBio Reading(ByteView data) {
  return MemoryBio(BIO_new_mem_buf(data.data(), static_cast<int>(data.size())));
}

// StoreOf holds the authority's certificates alone, at the time that is asked about.
Result<StorePtr> StoreOf(ByteView ca, Time at) {
  StorePtr store(X509_STORE_new());
  const MemoryBio in = Reading(ca);
  size_t count = 0;
  while (CertificatePtr one{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(store.get(), one.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) {
    return Refused("anchors.root-ca", "the authority's file has no PEM certificate",
                   "give the certificate of the authority that signs root-anchors.xml");
  }
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), Millis(at) / 1000);
  return store;
}

// HasAddress compares the subject's mail address, octet by octet.
bool HasAddress(X509* certificate, std::string_view wanted) {
  const X509_NAME* name = X509_get_subject_name(certificate);
  int i = -1;
  while ((i = X509_NAME_get_index_by_NID(name, NID_pkcs9_emailAddress, i)) >= 0) {
    const ASN1_STRING* s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
    const auto* octets = reinterpret_cast<const char*>(ASN1_STRING_get0_data(s));
    if (std::string_view(octets, static_cast<size_t>(ASN1_STRING_length(s))) == wanted) return true;
  }
  return false;
}

std::string NameOf(const X509* x) {
  const MemoryBio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(x), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long n = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<size_t>(std::min(n, 300L)));
}

}  // namespace

Result<AnchorFacts> VerifyRootAnchors(ByteView xml, ByteView p7s, ByteView ca, Time at,
                                      std::string_view signer) {
  if (xml.size() > kMaxSigned || p7s.size() > kMaxSigned) return NotSigned("more than 1 MiB");
  BM_TRY(StorePtr store, StoreOf(ca, at));
  const unsigned char* p = p7s.data();
  const CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(p7s.size())));
  if (!cms || p != p7s.data() + p7s.size()) {
    ERR_clear_error();
    return NotSigned("it is not one CMS object in DER");
  }
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed ||
      CMS_is_detached(cms.get()) != 1) {
    return NotSigned("it is not a detached signature");
  }
  const MemoryBio content = Reading(xml);
  if (CMS_verify(cms.get(), nullptr, store.get(), content.get(), nullptr, CMS_BINARY) != 1) {
    return NotSigned(crypto::OpenSslError("anchors.root-signature", "it does not verify").message);
  }
  const crypto::Owned<STACK_OF(X509), [](STACK_OF(X509) * s) { sk_X509_free(s); }> signers(
      CMS_get0_signers(cms.get()));
  std::string who;
  for (int i = 0; i < sk_X509_num(signers.get()); ++i) {
    X509* one = sk_X509_value(signers.get(), i);
    if (!signer.empty() && !HasAddress(one, signer))
      return NotSigned(fmt::format("the signer's certificate is not of {}", signer));
    who += (who.empty() ? "" : " and ") + NameOf(one);
  }
  BM_TRY(AnchorFacts facts,
         ReadRootAnchorsXml({reinterpret_cast<const char*>(xml.data()), xml.size()}));
  facts.notes.push_back({"anchors.root-signed", "signed by " + who});
  return facts;
}

}  // namespace birthmark::anchors
