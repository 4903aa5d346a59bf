// SPDX-License-Identifier: Apache-2.0
// Any text is a p11-kit file, a PEM store, a truststore, or one refusal; what p11-kit's reader
// takes is written and read again.
#include "fuzz/fuzz.h"
#include "trust/bundle.h"
#include "trust/p11kit.h"
#include "trust/truststore_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView input(data, size);
  (void)trust::ReadPemStore(input);
  (void)trust::ReadPins(input);
  (void)trust::ReadTruststoreJson(input);
  auto store = trust::ReadP11Kit(input);
  if (!store) return 0;
  auto text = trust::WriteP11Kit(store->anchors);
  if (!text) return 0;
  auto back = trust::ReadP11Kit(AsBytes(*text));
  FUZZ_CHECK(back && back->anchors.size() == store->anchors.size());
  for (size_t i = 0; i < back->anchors.size(); ++i) {
    FUZZ_CHECK(back->anchors[i].certificate == store->anchors[i].certificate);
    FUZZ_CHECK(back->anchors[i].rejected == store->anchors[i].rejected);
  }
  return 0;
}
