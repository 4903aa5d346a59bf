// SPDX-License-Identifier: Apache-2.0
// CSR attributes of others: read strictly or refused in one word.
#include "enroll/est/csrattrs.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto attrs = enroll::est::ReadCsrAttrs({data, size});
  if (!attrs) {
    FUZZ_CHECK(attrs.error().code == "est.csrattrs");
    return 0;
  }
  FUZZ_CHECK(attrs->oids.size() + attrs->attributes.size() <= 64);
  if (attrs->request_template && attrs->request_template->extensions_complete) {
    for (const auto& e : attrs->request_template->extensions) FUZZ_CHECK(e.value.has_value());
  }
  return 0;
}
