// SPDX-License-Identifier: Apache-2.0
// Whatever the strict walk brings as far as its signature is a request for OpenSSL as well, and a
// request that is read keeps its octets, its key and its name.
#include <openssl/x509.h>

#include <algorithm>

#include "crypto/pem.h"
#include "fuzz/fuzz.h"
#include "pki/csr.h"

namespace {

bool OpenSslReads(birthmark::ByteView in) {
  const uint8_t* p = in.data();
  birthmark::crypto::X509ReqPtr req(d2i_X509_REQ(nullptr, &p, static_cast<long>(in.size())));
  return req != nullptr && p == in.data() + in.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  ByteView in(data, size);
  auto csr = pki::ReadCsr(in);
  if (!csr) {
    FUZZ_CHECK(csr.error().code.starts_with("csr."));
    if (csr.error().code == "csr.signature") FUZZ_CHECK(OpenSslReads(in));
    return 0;
  }
  FUZZ_CHECK(OpenSslReads(in));
  FUZZ_CHECK(std::equal(in.begin(), in.end(), csr->der.begin(), csr->der.end()));
  auto again = pki::ReadCsrPem(crypto::WritePem("CERTIFICATE REQUEST", csr->der));
  FUZZ_CHECK(again && again->subject == csr->subject);
  FUZZ_CHECK(again->key.spki_digest() == csr->key.spki_digest());
  (void)pki::ReadAuthorityRequest(*csr);
  return 0;
}
