// SPDX-License-Identifier: Apache-2.0
// Any octets are a device tree with or without keys, or one refusal; keys that U-Boot knows are
// written and read again.
#include "fuzz/fuzz.h"
#include "trust/fit.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto store = trust::ReadFitKeys({data, size});
  if (!store) return 0;
  auto tree = trust::WriteFitKeys(store->anchors, trust::FitRequired::kImage);
  if (!tree) return 0;
  auto back = trust::ReadFitKeys(*tree);
  FUZZ_CHECK(back && back->anchors.size() == store->anchors.size());
  for (size_t i = 0; i < back->anchors.size(); ++i)
    FUZZ_CHECK(back->anchors[i].spki == store->anchors[i].spki);
  return 0;
}
