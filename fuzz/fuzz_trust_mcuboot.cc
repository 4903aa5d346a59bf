// SPDX-License-Identifier: Apache-2.0
// Any octets are an MCUboot image, a source with keys, or one refusal; parts of an image lie inside
// it, and keys are written and read again.
#include "fuzz/fuzz.h"
#include "trust/mcuboot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView input(data, size);
  if (auto image = trust::ParseMcubootImage(input)) {
    FUZZ_CHECK(image->size <= size && image->hashed.size() <= image->size);
    for (const trust::McubootTlv& t : image->tlvs)
      FUZZ_CHECK(t.value.data() >= data && t.value.data() + t.value.size() <= data + size);
    auto store = trust::ReadMcubootImage(input);
    FUZZ_CHECK(store);
    (void)trust::SignerOfMcubootImage(*image, store->anchors);
  }
  auto keys = trust::ReadMcubootKeys(input);
  if (!keys) return 0;
  auto source = trust::WriteMcubootKeys(keys->anchors);
  if (!source) return 0;
  auto back = trust::ReadMcubootKeys(AsBytes(*source));
  FUZZ_CHECK(back && back->anchors.size() == keys->anchors.size());
  return 0;
}
