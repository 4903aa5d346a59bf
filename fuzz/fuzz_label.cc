// SPDX-License-Identifier: Apache-2.0
// The text inside a label's code, and a picture that is said to show one: what is taken can be
// written again.
#include "base/bytes.h"
#include "fuzz/fuzz.h"
#include "label/label.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const std::string_view text = AsText({data, size});
  if (auto label = label::ParseText(text)) FUZZ_CHECK(label::ToText(*label) == text);
  if (auto label = label::ReadPng({data, size})) {
    auto again = label::ParseText(label::ToText(*label));
    FUZZ_CHECK(again && *again == *label);
  }
  return 0;
}
