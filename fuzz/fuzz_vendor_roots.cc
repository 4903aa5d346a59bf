// SPDX-License-Identifier: Apache-2.0
// A file of makers' roots as a plan may name it: every certificate that is taken is written and
// read again as it was.
#include "app/vendor_roots.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto roots = app::ReadRoots({data, size}, "roots");
  if (!roots) return 0;
  std::string pem;
  for (const crypto::Certificate& c : *roots) pem += c.ToPem();
  if (roots->empty()) return 0;
  auto again = app::ReadRoots(AsBytes(pem), "again");
  FUZZ_CHECK(again && again->size() == roots->size());
  for (size_t i = 0; i < roots->size(); ++i)
    FUZZ_CHECK((*again)[i].digest() == (*roots)[i].digest());
  return 0;
}
