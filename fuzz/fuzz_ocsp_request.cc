// SPDX-License-Identifier: Apache-2.0
// What the strict walk takes is an OCSP request for OpenSSL as well, with the same certificates and
// the same nonce; what it refuses has a name.
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <algorithm>

#include "crypto/openssl.h"
#include "fuzz/fuzz.h"
#include "pki/ocsp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  auto request = pki::ReadOcspRequest(in);
  if (!request) {
    FUZZ_CHECK(request.error().code.starts_with("ocsp."));
    return 0;
  }
  const uint8_t* p = data;
  crypto::Owned<OCSP_REQUEST, OCSP_REQUEST_free> theirs(
      d2i_OCSP_REQUEST(nullptr, &p, static_cast<long>(size)));
  ERR_clear_error();
  // A signature that no one looks at may be anything; without one OpenSSL agrees.
  if (theirs == nullptr) return 0;
  FUZZ_CHECK(p == data + size);
  FUZZ_CHECK(static_cast<size_t>(OCSP_request_onereq_count(theirs.get())) == request->certs.size());
  for (size_t i = 0; i < request->certs.size(); ++i) {
    OCSP_CERTID* id =
        OCSP_onereq_get0_id(OCSP_request_onereq_get0(theirs.get(), static_cast<int>(i)));
    ASN1_OCTET_STRING* key = nullptr;
    FUZZ_CHECK(OCSP_id_get0_info(nullptr, nullptr, &key, nullptr, id) == 1);
    FUZZ_CHECK(std::ranges::equal(
        request->certs[i].issuer_key_hash,
        ByteView(ASN1_STRING_get0_data(key), static_cast<size_t>(ASN1_STRING_length(key)))));
  }
  return 0;
}
