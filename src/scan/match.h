// SPDX-License-Identifier: Apache-2.0
// Known anchors looked for in a report: those of a disclosure, those of a plan. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scan/report.h"

namespace birthmark::scan {

// Wanted is an anchor by what is known of it. The digest is that of its file, its certificate or
// its key: whatever the device holds.
struct Wanted {
  std::string id;
  Digest digest{};
  std::optional<Digest> set_digest;
  std::vector<anchors::AnchorEntry> entries;  // empty when only digests are known
};

struct Sighting {
  std::string id;
  bool found = false;
  std::string where;
  std::string how;  // in words: "the same file", "its certificate", …
  Certainty certainty = Certainty::kPresent;
};

struct Sightings {
  std::vector<Sighting> wanted;  // in the order asked
  // Stores with anchors that nobody asked for.
  std::vector<const Store*> other_stores;
  size_t others = 0;  // distinct anchors in them
};

// LookFor points into the report, which must outlive the result.
Sightings LookFor(const Report& report, const std::vector<Wanted>& wanted);

}  // namespace birthmark::scan
