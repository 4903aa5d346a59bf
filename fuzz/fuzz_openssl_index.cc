// SPDX-License-Identifier: Apache-2.0
// Whatever stands in an index.txt, each line is read within its bounds or named.
#include "fuzz/fuzz.h"
#include "pki/openssl_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  std::string_view text = AsText({data, size});
  Findings findings;
  auto all = pki::ReadIndex(text, findings);
  for (const pki::IndexEntry& e : all) {
    FUZZ_CHECK(!e.serial.empty() && e.serial.size() <= 20);
    FUZZ_CHECK((e.status == 'R') == e.revoked.has_value());
    FUZZ_CHECK(IsUtf8(e.subject) && e.line > 0);
  }
  for (const Finding& f : findings.all()) FUZZ_CHECK(f.line > 0);
  (void)pki::LooksLikeIndex(text);
  return 0;
}
