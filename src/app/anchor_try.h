// SPDX-License-Identifier: Apache-2.0
// `anchor try`: what would be offered to a device for each anchor, and the trials run again now,
// told as rows. Leaves out the trials themselves (trials.h). Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "app/keys.h"
#include "app/layout.h"
#include "base/clock.h"

namespace birthmark::app {

struct AnchorTryOptions {
  fs::path workspace;
  std::string product;
  std::string as;
  std::vector<std::string> anchors;  // empty: all of the plan
};

// OfferRow is what would be offered for one anchor.
struct OfferRow {
  std::string anchor;
  size_t objects = 0;  // to the verifier
  std::string place;   // where the device has it: "second-stage", "fuses"
  std::string ways;    // how changes are offered: "update, chip"
  std::string signer;  // the anchor whose key is the right one
  std::string why_not;
};
// PlannedTrials changes nothing. Errors: anchor.unknown, those of opening.
Result<std::vector<OfferRow>> PlannedTrials(const AnchorTryOptions& options);

// TriedRow is one thing that trials show of an anchor.
struct TriedRow {
  std::string anchor;
  std::string what;   // "verifier", "replace", "add", "remove"
  std::string graph;  // what follows from the plan's superior artifacts
  std::string trial;  // what the device did
  bool differs = false;
  std::string tries;
};
struct TriedAnchors {
  std::vector<TriedRow> rows;
  std::string note;  // what was not tried at all, and why
};
// TryAnchorsNow runs them on a new device of its own and writes them into the log.
// Errors: anchor.unknown, anchor.no-board, those of Factory::Open and TryAnchors.
Result<TriedAnchors> TryAnchorsNow(const AnchorTryOptions& options, const KeySource& keys,
                                   const Clock& clock);

}  // namespace birthmark::app
