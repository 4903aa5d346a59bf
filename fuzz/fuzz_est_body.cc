// SPDX-License-Identifier: Apache-2.0
// A body of EST's: what is decoded says the same when it is encoded again, and the certificates and
// the attributes in it are read or refused in their own words.
#include "enroll/est/codec.h"
#include "enroll/est/nonce.h"
#include "enroll/est/request.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  namespace est = enroll::est;
  auto nonce = est::ReadNonceRequest({data, size});
  if (!nonce) FUZZ_CHECK(nonce.error().code == "est.nonce");
  if (nonce) FUZZ_CHECK(nonce->ek_certificate.empty() == nonce->ak_public.empty());
  auto der = est::FromBody({data, size});
  if (!der) {
    FUZZ_CHECK(der.error().code == "est.body");
    return 0;
  }
  auto again = est::FromBody(est::ToBody(*der));
  FUZZ_CHECK(again && *again == *der);
  auto asked = est::ReadAsked(*der);
  if (!asked) FUZZ_CHECK(asked.error().code == "csr.malformed");
  auto list = est::ReadCertsOnly(*der);
  if (list) {
    std::vector<ByteView> views;
    for (const auto& c : *list) views.push_back(c.der());
    FUZZ_CHECK(est::ReadCertsOnly(est::CertsOnly(views)));
  } else {
    FUZZ_CHECK(list.error().code == "est.certs-only" || list.error().code.starts_with("cert."));
  }
  return 0;
}
