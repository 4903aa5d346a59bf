// SPDX-License-Identifier: Apache-2.0
// The numbers of a split: a drawn proposal, what of them may be said, and the question put to the
// leak guard. Inside the seal only. Pure functions.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/findings.h"
#include "base/ids.h"
#include "ceremony/entries.h"

namespace birthmark::ceremony {

// Numbers is k and n.
struct Numbers {
  uint16_t threshold = 0;
  uint16_t count = 0;
};
// DrawNumbers proposes a k and an n that follow no rule a reader could know: n is never 2k-1 and
// never a multiple of k, which with n-k published would give k away.
Numbers DrawNumbers(Rng& rng);
// FollowsRule is true for an n of such a rule.
bool FollowsRule(const Numbers& numbers);

// ContinentsAlone counts the continents on which at least `threshold` of the healthy holders sit.
uint32_t ContinentsAlone(std::span<const Seat> seats, const std::set<uint16_t>& healthy,
                         uint16_t threshold);

// SplitQuestion is what the leak guard is asked before anything is attested.
struct SplitQuestion {
  std::string set;  // key id
  // What is about to be said and what was said before, the new one first.
  std::vector<ledger::SplitStatement> statements;
};
// JudgeSplit gives findings; errors among them mean that what is published would narrow k down.
using JudgeSplit = std::function<Findings(const SplitQuestion&)>;

}  // namespace birthmark::ceremony
