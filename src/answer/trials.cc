// SPDX-License-Identifier: Apache-2.0
#include "answer/trials.h"

#include "cbor/reflect.h"

namespace birthmark::answer {

Shown ShownBy(const Fold& fold, std::string_view anchor) {
  Shown out;
  std::vector<anchors::TrialResult> results;
  for (const auto& row : fold.trials) {
    if (row.body.anchor != anchor) continue;
    out.refs.push_back(row.ref);
    out.verifier = row.body.verifier;
    for (const cbor::Value& v : row.body.results) {
      auto result = cbor::FromValue<anchors::TrialResult>(v);
      if (!result) {
        ++out.unreadable;
        continue;
      }
      ++out.objects;
      out.good_accepted |= result->spec.varies == anchors::Varies::kNothing && result->accepted;
      if (result->spec.varies == anchors::Varies::kSignature) {
        out.flipped_tried = true;
        out.flipped_accepted |= result->accepted;
      }
      results.push_back(std::move(*result));
    }
  }
  out.conclusion = anchors::Conclude(std::string(anchor), results);
  return out;
}

Shipped ShippedUnder(const Fold& fold, std::string_view anchor) {
  Shipped out;
  auto add = [&](uint32_t level, Ref ref) {
    if (level == 0) return;  // not signed
    ++out.levels[level];
    out.refs.push_back(ref);
  };
  for (const auto& row : fold.artifacts) {
    if (row.body.anchor == anchor) add(row.body.level, row.ref);
  }
  for (uint32_t i : fold.our_images) {
    const auto& row = fold.images[i];
    for (const plan::Stage& stage : fold.plan.stages) {
      const bool same = stage.id == row.body.stage || vocab::ToText(stage.kind) == row.body.stage;
      if (same && stage.verified_by == anchor) add(row.body.signer_level, row.ref);
    }
  }
  return out;
}

}  // namespace birthmark::answer
