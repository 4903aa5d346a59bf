// SPDX-License-Identifier: Apache-2.0
// What the strict decoder takes, the encoder gives back octet for octet, and can be shown.
#include <algorithm>

#include "cbor/codec.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  birthmark::ByteView in(data, size);
  auto v = birthmark::cbor::Decode(in);
  if (!v) return 0;
  birthmark::Bytes again = birthmark::cbor::Encode(*v);
  FUZZ_CHECK(std::equal(in.begin(), in.end(), again.begin(), again.end()));
  FUZZ_CHECK(!birthmark::cbor::Diagnose(*v).empty());
  return 0;
}
