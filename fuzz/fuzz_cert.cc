// SPDX-License-Identifier: Apache-2.0
// A certificate that parses keeps its octets and survives its PEM form.
#include <algorithm>

#include "crypto/cert.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  ByteView in(data, size);
  auto c = crypto::Certificate::FromDer(in);
  if (!c) return 0;
  FUZZ_CHECK(std::equal(in.begin(), in.end(), c->der().begin(), c->der().end()));
  auto again = crypto::Certificate::FromPem(c->ToPem());
  FUZZ_CHECK(again && again->digest() == c->digest() && again->subject() == c->subject());
  if (c->public_key()) c->IsSignedBy(*c->public_key());
  return 0;
}
