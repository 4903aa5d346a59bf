// SPDX-License-Identifier: Apache-2.0
// A link's URI: what is taken is written back to the same, and is short and harmless to show.
#include <string_view>

#include "fuzz/fuzz.h"
#include "link/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark::link;
  auto uri = ParseUri(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!uri) return 0;
  auto again = ParseUri(ToText(*uri));
  FUZZ_CHECK(again && *again == *uri);
  FUZZ_CHECK(ToText(*uri).size() <= 512 && ToText(*uri).find('\n') == std::string::npos);
  return 0;
}
