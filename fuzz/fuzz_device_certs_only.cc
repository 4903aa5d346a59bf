// SPDX-License-Identifier: Apache-2.0
// The device's reader of certs-only CMS messages: what it finds lies inside the message, in order,
// and what OpenSSL reads with other numbers of certificates or with signers is not taken.
#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "fuzz/fuzz.h"

extern "C" {
#include "device/core/certs_only.h"
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::array<bm_span, 4> found{};
  size_t count = 0;
  if (!bm_certs_only(bm_span_of(data, size), found.data(), found.size(), &count)) return 0;
  FUZZ_CHECK(count >= 1 && count <= found.size());
  const uint8_t* at = data;
  for (size_t i = 0; i < count; ++i) {
    FUZZ_CHECK(found[i].p >= at && found[i].n >= 2 && found[i].p[0] == 0x30);
    at = found[i].p + found[i].n;
    FUZZ_CHECK(at <= data + size);
  }
  const uint8_t* p = data;
  const std::unique_ptr<PKCS7, decltype(&PKCS7_free)> theirs(
      d2i_PKCS7(nullptr, &p, static_cast<long>(size)), PKCS7_free);
  if (!theirs) return 0;  // a certificate in it is none: whoever takes them looks at each
  FUZZ_CHECK(PKCS7_type_is_signed(theirs.get()));
  FUZZ_CHECK(static_cast<size_t>(sk_X509_num(theirs->d.sign->cert)) == count);
  FUZZ_CHECK(sk_PKCS7_SIGNER_INFO_num(theirs->d.sign->signer_info) <= 0);
  return 0;
}
