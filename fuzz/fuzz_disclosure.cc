// SPDX-License-Identifier: Apache-2.0
// Any octets as a disclosure's file, and as the payload of one. What opens must be shown, checked
// and compared without harm, and be written again to the same octets.
#include <algorithm>

#include "cbor/cose.h"
#include "disclose/check.h"
#include "disclose/compare.h"
#include "disclose/show.h"
#include "disclose/verify.h"
#include "fuzz/fuzz.h"

namespace {

using namespace birthmark;

void Render(const disclose::Disclosure& d) {
  const disclose::OpenedDisclosure opened{d, "fuzz", "fuzz", false};
  disclose::Check(d);
  const std::vector<disclose::OpenedDisclosure> two = {opened, opened};
  for (const std::string& text : {disclose::ShowText(opened), *disclose::CompareText(two)}) {
    FUZZ_CHECK(text.find('\x1b') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(data, size);
  const disclose::VerifyReport report = disclose::Verify(input, {});
  if (report.intact) {
    const auto again = cbor::EncodeCose(*cbor::ParseCose(input));
    FUZZ_CHECK(std::equal(again.begin(), again.end(), input.begin(), input.end()));
  }
  // A fuzzer cannot sign, so the payload is also tried by itself.
  if (auto d = cbor::FromCbor<disclose::Disclosure>(input, {.depth = 16, .items = 20'000})) {
    const Bytes once = cbor::ToCbor(*d);
    FUZZ_CHECK(cbor::ToCbor(*cbor::FromCbor<disclose::Disclosure>(once)) == once);
    Render(*d);
  }
  return 0;
}
