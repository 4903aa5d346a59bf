// SPDX-License-Identifier: Apache-2.0
// One evaluator a question and aspect. Each sets `measured`, and where the evidence says so the
// state not-applicable; what the plan implies when nobody declared anything stands beside it. The
// rest of an answer (declared, withheld, differs) is the same for all and done by evaluate.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "answer/evaluate.h"
#include "answer/fold.h"

namespace birthmark::answer {

// Case is one question about one subject.
struct Case {
  const Fold& fold;
  Period period;
  std::string id;  // of the PKI or anchor; empty for the device
};

// Found is what an evaluator has to say.
struct Found {
  std::optional<Measured> measured;
  std::optional<cbor::Value> implied;  // declared by the plan's own structure
  std::string implied_by;              // where it stands: "pki identity, level 2"
  std::optional<std::string> not_applicable;
  std::optional<std::string> why_not;  // why nothing is measured
  std::string rounding = "exact";
  // What methods of earlier releases give of the same evidence, for recomputing their disclosures.
  std::vector<Measured> earlier;
};

// NotMeasured is what an evaluator says when the evidence does not decide.
inline Found NotMeasured(std::string why) {
  Found found;
  found.why_not.emplace(std::move(why));
  return found;
}

using Evaluator = Found (*)(const Case&);

// Begin starts a measured answer over the whole prefix; `method` is "name/1".
Measured Begin(const Case& c, std::string method, std::vector<Ref> refs);
// BeginPeriod starts one over the period.
Measured BeginPeriod(const Case& c, std::string method, std::vector<Ref> refs);

Found InitialEnclaveLocation(const Case& c);
Found InitialEnclaveIntegrityKey(const Case& c);
Found InitialEnclavePrivacyKey(const Case& c);
Found FirstStageExposure(const Case& c);
Found FirstSecondStageGap(const Case& c);
Found IdentityPkiLevel(const Case& c);
Found IdentityTimeLimits(const Case& c);
Found IdentityNumberPerSubordinate(const Case& c);
Found IdentityAnchorStorage(const Case& c);
Found IdentitySplitExtra(const Case& c);
Found IdentitySplitContinents(const Case& c);
Found PkiLevel(const Case& c);
Found PkiAlgorithms(const Case& c);
Found PkiLifespan(const Case& c);
Found PkiLevelLocked(const Case& c);
Found PkiBreadth(const Case& c);
Found PkiLockPolicy(const Case& c);
Found PkiAnchorStorage(const Case& c);
Found Replace(const Case& c);
Found Add(const Case& c);
Found Remove(const Case& c);
Found Keep(const Case& c);

}  // namespace birthmark::answer
