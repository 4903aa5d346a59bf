// SPDX-License-Identifier: Apache-2.0
// From what a device accepted and refused to the answers pki-level, pki-level-locked,
// pki-algorithms and pki-lock-policy. Pure functions over results; no plan, no I/O. Anybody
// recomputes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "anchors/trial_spec.h"

namespace birthmark::anchors {

// Conclusion is what one anchor's trials show. A member is absent, or a list empty with its
// `…_tried`, when the trials cannot tell: a device is never credited with what was not tried.
struct Conclusion {
  // sound: the good object was accepted, and a flipped bit or a forger's chain was refused. Without
  // it nothing else is concluded, and `unsound` says why.
  bool sound = false;
  std::string unsound;

  std::optional<int64_t> level;           // the deepest level of a good object that was accepted
  std::vector<uint32_t> accepted_levels;  // ascending
  std::vector<uint32_t> refused_levels;
  std::optional<bool> level_locked;     // true: only one of L-1, L, L+1 was accepted
  std::vector<std::string> algorithms;  // accepted, as TrialAlgorithm::name, sorted
  std::vector<std::string> refused_algorithms;
  std::vector<std::string> keys;  // accepted, in the vocabulary's words, sorted
  // lock_policy holds the words of pki-lock-policy whose absence was refused: "eku", "policy-oid",
  // "name-constraints", "specific-subordinate", "subject"; or "none" alone when something was tried
  // and nothing mattered.
  std::vector<std::string> lock_policy;
  std::vector<std::string> lock_policy_tried;
  // Whether a server's certificate for another name was refused; absent where none was shown. Any
  // server passes for its own name, so this locks no signer out.
  std::optional<bool> host_checked;

  bool operator==(const Conclusion&) const = default;
};

// Conclude takes the results of one anchor, in any order; those of other anchors are left out. When
// a spec was tried more than once and the verdicts differ, the trials are not sound.
Conclusion Conclude(const std::string& anchor, const std::vector<TrialResult>& results);

}  // namespace birthmark::anchors
