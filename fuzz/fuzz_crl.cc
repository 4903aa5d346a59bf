// SPDX-License-Identifier: Apache-2.0
// A revocation list that is read is one for OpenSSL as well, with as many entries; a request for
// lists that is read is written again as it was.
#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/openssl.h"
#include "fuzz/fuzz.h"
#include "pki/crl.h"
#include "pki/crl_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  uint64_t entries = 0;
  auto crl = pki::ReadCrl(in, [&](const pki::CrlEntry& e) -> Status {
    FUZZ_CHECK(!e.serial.empty());
    ++entries;
    return {};
  });
  if (!crl) {
    FUZZ_CHECK(crl.error().code.starts_with("crl."));
  } else {
    FUZZ_CHECK(crl->count == entries);
    const uint8_t* p = data;
    crypto::Owned<X509_CRL, X509_CRL_free> theirs(
        d2i_X509_CRL(nullptr, &p, static_cast<long>(size)));
    ERR_clear_error();
    if (theirs != nullptr) {
      const int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(theirs.get()));
      FUZZ_CHECK(static_cast<uint64_t>(n < 0 ? 0 : n) == entries);
    }
  }
  const std::string_view text = AsText(in);
  if (auto request = pki::ReadCrlRequest(text)) {
    auto again = pki::WriteCrlRequest(*request);
    FUZZ_CHECK(again.has_value());
    FUZZ_CHECK(pki::ReadCrlRequest(*again).has_value());
  }
  return 0;
}
