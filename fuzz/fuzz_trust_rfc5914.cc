// SPDX-License-Identifier: Apache-2.0
// Any octets are a list of anchors, bare or in CMS, or one refusal; a list that was read is written
// and read again as it was.
#include "fuzz/fuzz.h"
#include "trust/anchor_info.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  (void)trust::ReadTrustAnchorListCms({data, size});
  auto store = trust::ReadTrustAnchorList({data, size});
  if (!store) return 0;
  auto list = trust::WriteTrustAnchorList(store->anchors);
  if (!list) return 0;
  auto back = trust::ReadTrustAnchorList(*list);
  FUZZ_CHECK(back && back->anchors.size() == store->anchors.size());
  for (size_t i = 0; i < back->anchors.size(); ++i) {
    FUZZ_CHECK(back->anchors[i].spki == store->anchors[i].spki);
    FUZZ_CHECK(back->anchors[i].policies == store->anchors[i].policies);
    FUZZ_CHECK(back->anchors[i].path_length == store->anchors[i].path_length);
  }
  return 0;
}
