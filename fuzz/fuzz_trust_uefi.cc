// SPDX-License-Identifier: Apache-2.0
// Any octets are signature lists, a variable store, or one refusal; what is read of lists is
// written and read again as it was.
#include "fuzz/fuzz.h"
#include "trust/detect.h"
#include "trust/esl.h"
#include "trust/varstore.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView input(data, size);
  (void)trust::ReadVariableStore(input);
  auto lists = trust::UnwrapAuthenticated(input);
  if (!lists) return 0;
  auto store = trust::ReadSignatureLists(*lists, "db");
  if (!store) return 0;
  auto again = trust::WriteSignatureLists(store->anchors, "");
  FUZZ_CHECK(again);
  auto back = trust::ReadSignatureLists(*again, "db");
  FUZZ_CHECK(back && back->anchors == store->anchors && back->findings.empty());
  return 0;
}
