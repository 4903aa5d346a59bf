// SPDX-License-Identifier: Apache-2.0
// A partition's content into everything that reads one: container, envelope, manifest, anchors, and
// the verifier with each anchor found. Nothing random may be accepted under a fixed digest anchor.
#include "fuzz/fuzz.h"
#include "link/image.h"

extern "C" {
#include "device/core/verify.h"
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bm_container container;
  bm_verify_result result;
  bm_span region = bm_span_of(data, size);
  static const uint8_t kNobody[32] = {1};
  bm_anchor nobody{};
  nobody.form = BM_FORM_DIGEST;
  nobody.data = bm_span_of(kNobody, sizeof kNobody);
  bool whole = bm_container_parse(region, &container);
  bm_span envelope = whole ? container.envelope : region;
  FUZZ_CHECK(bm_verify_object(&nobody, envelope, &result) != BM_ACCEPTED);
  bm_manifest manifest;
  if (result.payload.n > 0) bm_manifest_parse(result.payload, &manifest);
  bm_cbor_walk walk;
  bm_anchor anchor;
  bool malformed = false;
  if (bm_stage_anchors(whole ? container.rest : region, &walk)) {
    while (bm_anchor_next(&walk, &anchor, &malformed)) {
      bm_verify_object(&anchor, envelope, &result);
    }
  }
  auto image = birthmark::link::DecodeImage({data, size});
  FUZZ_CHECK(!image || whole);
  auto stage = birthmark::link::DecodeStage({data, size});
  if (stage) FUZZ_CHECK(!birthmark::link::EncodeStage(*stage).empty());
  return 0;
}
