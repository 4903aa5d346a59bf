// SPDX-License-Identifier: Apache-2.0
// What a device that was built on one day and is opened on another makes of the DNS root: the life
// of RFC 5011 played from the keys in its box, with the device off in between. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchors/rfc5011.h"

namespace birthmark::app {

struct NamesPlayed {
  bool works = false;      // the first answer of the root validates
  std::string found;       // in a sentence
  std::string in_the_box;  // "20326 (KSK-2017)"
  std::vector<std::string> notes;
  std::optional<Time>
      until;  // a box that is opened from then on cannot validate; absent: no end known
  bool unsigned_names = false;  // the only keys are revoked: names are believed as they come
};

// PlayNames takes the keys of a file of anchors that were published when the unit was built.
NamesPlayed PlayNames(const anchors::AnchorFacts& facts, Time built, Time open);

}  // namespace birthmark::app
