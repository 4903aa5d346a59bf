// SPDX-License-Identifier: Apache-2.0
// Any bytes are facts or one refusal; facts survive CBOR, follow from the bytes alone, and can be
// judged as any kind of anchor.
#include "anchors/explain.h"
#include "anchors/inspect.h"
#include "anchors/read.h"
#include "cbor/reflect.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const auto facts = anchors::ReadAnchors({data, size});
  if (!facts) {
    FUZZ_CHECK(!anchors::ExplainCode(facts.error().code).empty());
    return 0;
  }
  FUZZ_CHECK(!facts->entries.empty() && facts->size == size);
  const auto again = cbor::FromCbor<anchors::AnchorFacts>(cbor::ToCbor(*facts));
  FUZZ_CHECK(again && *again == *facts);
  FUZZ_CHECK(*anchors::ReadAnchors({data, size}) == *facts);
  FUZZ_CHECK(anchors::Summarize(*facts).count <= facts->entries.size());
  for (const vocab::AnchorKind kind : vocab::All<vocab::AnchorKind>()) {
    plan::Anchor anchor;
    anchor.id = "a";
    anchor.kinds = {kind};
    const Findings found = anchors::InspectFacts(anchor, *facts, TimeFromMillis(1'800'000'000'000));
    for (const Finding& f : found.all()) {
      FUZZ_CHECK(!anchors::ExplainCode(f.code).empty());
    }
  }
  return 0;
}
