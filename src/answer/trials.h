// SPDX-License-Identifier: Apache-2.0
// What trials on devices showed about one anchor: all its trials.run events put together and
// concluded by anchors; and what was really signed under it. Leaves out what the conclusions answer
// (anchor.cc, aspects.cc, enclave.cc).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "anchors/trial_conclude.h"
#include "answer/fold.h"

namespace birthmark::answer {

// Shown is an anchor's trials and what they conclude.
struct Shown {
  anchors::Conclusion conclusion;
  bool good_accepted = false;
  bool flipped_tried = false;  // the good object with one bit changed
  bool flipped_accepted = false;
  uint64_t objects = 0;     // offered in all
  uint64_t unreadable = 0;  // results that are not in their form
  std::vector<Ref> refs;
  std::string verifier;  // of the newest trials
};
Shown ShownBy(const Fold& fold, std::string_view anchor);

// Shipped is what was really signed under an anchor and left: artifacts, and released images of the
// stages that it verifies. Levels are read from the objects when they were made.
struct Shipped {
  std::map<uint32_t, uint64_t> levels;  // how many at each
  std::vector<Ref> refs;
};
Shipped ShippedUnder(const Fold& fold, std::string_view anchor);

}  // namespace birthmark::answer
