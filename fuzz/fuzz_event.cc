// SPDX-License-Identifier: Apache-2.0
// Events as an import meets them: what reads, folds or is refused, and what is prepared for the log
// reads again.
#include "fuzz/fuzz.h"
#include "ledger/fold.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  using namespace birthmark::ledger;
  const ByteView raw(data, size);
  auto outer = DecodeEvent(raw);
  auto inner = ReadEvent(raw);
  FUZZ_CHECK(!inner || outer);
  if (!outer) return 0;
  if (inner && inner->log) FUZZ_CHECK(TakenOver(inner->type));
  auto n = Prepare(*outer);
  if (!n) return 0;
  FUZZ_CHECK(DecodeEvent(n->encoded).has_value());
  return 0;
}
