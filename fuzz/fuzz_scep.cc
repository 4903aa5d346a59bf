// SPDX-License-Identifier: Apache-2.0
// A PKIOperation's body and what its envelope may hold. Whatever can be answered has a transaction
// and a nonce, and a message that is taken was signed and was for us.
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "enroll/scep/message.h"
#include "enroll/scep/payload.h"
#include "enroll/scep/query.h"
#include "fuzz/fuzz.h"

namespace {

using namespace birthmark;

// The corpus's messages are for a recipient of this name and number.
const enroll::Ra& Recipient() {
  static EVP_PKEY* const key = EVP_RSA_gen(2048);
  static const enroll::Ra ra = [] {
    crypto::X509Ptr x(X509_new());
    X509_set_version(x.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const uint8_t*>("RA"), -1, -1, 0);
    X509_set_issuer_name(x.get(), X509_get_subject_name(x.get()));
    X509_gmtime_adj(X509_getm_notBefore(x.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(x.get()), 86400);
    X509_set_pubkey(x.get(), key);
    X509_sign(x.get(), key, EVP_sha256());
    uint8_t* p = nullptr;
    const int n = i2d_X509(x.get(), &p);
    auto c = crypto::Certificate::FromDer({p, static_cast<size_t>(n)});
    OPENSSL_free(p);
    return enroll::Ra{*c, key};
  }();
  return ra;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark::enroll;
  const ByteView in(data, size);
  for (bool in_tls : {false, true}) {
    auto message = scep::ReadMessage(in, Recipient(), in_tls);
    if (!message) {
      FUZZ_CHECK(message.error().code == "scep.malformed");
      continue;
    }
    FUZZ_CHECK(!message->transaction.empty() && message->nonce.size() == scep::kNonceBytes);
    FUZZ_CHECK(message->failure || !message->content.empty());
    scep::CertRep answer{message->transaction, message->nonce, message->failure, {}, nullptr};
    FUZZ_CHECK(scep::WriteCertRep(answer, Recipient(), {}));
  }
  scep::Failure why;
  auto request = scep::ReadCertRequest(SecretBytes::Take(Bytes(data, data + size)), why);
  FUZZ_CHECK(request || !why.text.empty());
  if (request && request->challenge) (void)scep::SplitToken(*request->challenge);
  (void)scep::ReadPolledSubject(in);
  if (auto query = scep::ReadQuery(AsText(in))) (void)scep::MessageOf(*query);
  return 0;
}
