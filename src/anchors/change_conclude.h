// SPDX-License-Identifier: Apache-2.0
// What tries to change an anchor on a locked device show of the three aspects that are the
// device's: who can replace it, put others beside it, or take it away. Leaves out what the plan
// says of it (superior.h). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace birthmark::anchors {

// ChangeResult is one try: what was to be done, by whose signature, which way, and what came of it.
struct ChangeResult {
  std::string aspect;   // "replace", "add", "remove"; others conclude nothing
  std::string by;       // "right-key", "wrong-key", "nobody"
  std::string way;      // "update", "voucher", "chip", "reset", "fuses", "port"
  std::string signer;   // the anchor whose key signed
  std::string verdict;  // the device's own words
  bool held = false;    // the change was there after a restart
};

// ChangeConclusion is one aspect as the tries show it. `change` is absent when nothing was tried.
struct ChangeConclusion {
  std::optional<plan::Change> change;
  std::vector<std::string> notes;  // what was tried, and what the device said
};

// ConcludeChange takes the results of one anchor. What anybody could do is unprotected, whatever a
// right key could do besides; what only the right key could do is the superior artifact's.
ChangeConclusion ConcludeChange(std::string_view aspect, const std::vector<ChangeResult>& results);

// ChannelOfWay is a way as a plan's channels are told: "signed update".
std::string_view ChannelOfWay(std::string_view way, bool is_signed);

}  // namespace birthmark::anchors
