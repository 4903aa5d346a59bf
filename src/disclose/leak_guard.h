// SPDX-License-Identifier: Apache-2.0
// The arithmetic of what published numbers give away about a split key: which (k, n) remain
// possible, and whether any do. Used inside before signing (Guard) and by every reader
// (ImpossibleClaims). Pure functions over values; knows no real k, n or place of a share. Written
// down in docs/formats/disclosure.md. Source: the draft, sections 5.3.1 and 6.2.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/findings.h"
#include "disclose/disclosure.h"

namespace birthmark::disclose {

// SplitModel says how shares and continents relate. A private input unless the maker states it.
enum class SplitModel {
  kSingleSet,        // one polynomial, each share in one place: c continents alone need n >= c*k
  kSetPerContinent,  // each continent recovers from a set of its own
  kCopies,           // the same shares stand on several continents
  kThreshold,        // signed with together; recovery still needs k shares of one polynomial
};
std::string_view ToText(SplitModel m);
bool FromText(std::string_view s, SplitModel& m);

// SplitPreset is the rule by which n was chosen. Always private: with it one number gives k away.
enum class SplitPreset {
  kNone,          // n varied, as our defaults do
  kMajority,      // n = 2k - 1
  kPerContinent,  // n = c * k: exactly k on each continent that recovers alone
};

// SplitClaim is what one source publishes about one set of shares. Absent: not published.
struct SplitClaim {
  std::string source;                 // "declared", "measured", "disclosure 3 of acme/bulb"
  std::optional<int64_t> extra;       // n - k
  std::optional<int64_t> continents;  // that recover without travel
};

// Split is one possible shape of a set: n shares, any k of which recover the key.
struct Split {
  int64_t k = 0;
  int64_t n = 0;
  bool operator==(const Split&) const = default;
};

inline constexpr int64_t kContinents = 7;
// kMaxThreshold bounds the enumeration: the draft expects holders among a board and its executives,
// and nobody gathers more than this many of them to use a key.
inline constexpr int64_t kMaxThreshold = 32;
// kMinThresholds is how many thresholds k >= 2 must stay possible: with two left a guess is as
// likely right as wrong; with three every guess is more likely wrong.
inline constexpr int64_t kMinThresholds = 3;

// PossibleSplits lists every (k, n) with 1 <= k <= kMaxThreshold that fits all claims at once. What
// one source says of both quantities is taken together; a number that a source gives alone is
// crossed with every other. n is k plus the largest published extra; where none is published n runs
// to kContinents * kMaxThreshold.
std::vector<Split> PossibleSplits(std::span<const SplitClaim> claims, SplitModel model,
                                  SplitPreset preset = SplitPreset::kNone);

// GuardInput is one set of shares with everything that is or was published about it.
struct GuardInput {
  std::string share_set;           // subject of the answers
  std::vector<SplitClaim> claims;  // about to be published, and published before
  SplitModel model = SplitModel::kSingleSet;
  SplitPreset preset = SplitPreset::kNone;
};

// Guard judges one set before signing. Its words and its codes depend on nothing a reader lacks,
// save that a refusal happened. Errors among the findings: leak.narrow (too few thresholds remain,
// or none), leak.range (a number outside what is possible at all). Warnings: leak.narrowed,
// leak.model.
Findings Guard(const GuardInput& input);

// ClaimsOf reads the split answers of a disclosure, declared and measured apart, one GuardInput a
// set of shares. A value that is published but is not a whole number makes a leak.not-a-number
// finding.
std::vector<GuardInput> ClaimsOf(const Disclosure& d, Findings* findings);

// GuardResult is the judgement over a whole disclosure.
struct GuardResult {
  Findings findings;
  std::string words;  // one line for the terminal: "root is not split; nothing to infer"
  bool refused() const { return findings.HasErrors(); }
};

// GuardDisclosure judges `next` together with every disclosure already published under the same
// root (same pinned digest of the identity PKI) or for the same product.
GuardResult GuardDisclosure(const Disclosure& next, std::span<const Disclosure> published,
                            SplitModel model, SplitPreset preset = SplitPreset::kNone);

// ImpossibleClaims is the reader's side: findings for claims that no single set with k >= 2 can
// meet (disclosure.split-impossible). They are errors only when the disclosure states that model,
// else warnings. Numbers out of any range are errors (disclosure.split-range). Never says what k
// might be.
Findings ImpossibleClaims(const Disclosure& d);

}  // namespace birthmark::disclose
