// SPDX-License-Identifier: Apache-2.0
// The device's CBOR reader against the station's: one may accept less (no big depth, no more than
// one item), but never more, and its walk must stay inside the item.
#include "cbor/codec.h"
#include "fuzz/fuzz.h"

extern "C" {
#include "device/core/cbor.h"
}

namespace {

void Walk(bm_span item, int depth) {
  FUZZ_CHECK(depth <= BM_CBOR_MAX_DEPTH + 1);
  bm_cbor_walk walk;
  bm_span member;
  bm_span content;
  if (bm_cbor_array(item, &walk)) {
    while (bm_cbor_next(&walk, &member)) {
      FUZZ_CHECK(member.p >= item.p && member.p + member.n <= item.p + item.n);
      Walk(member, depth + 1);
    }
  }
  if (bm_cbor_bytes(item, &content) || bm_cbor_string(item, &content)) {
    FUZZ_CHECK(content.p + content.n == item.p + item.n);
  }
  bm_cbor_find(item, "key", &member);
  bm_cbor_find_int(item, 33, &member);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bm_span in = bm_span_of(data, size);
  if (!bm_cbor_check(in)) return 0;
  FUZZ_CHECK(birthmark::cbor::Decode({data, size}).has_value());
  Walk(in, 0);
  return 0;
}
