// SPDX-License-Identifier: Apache-2.0
#include "app/split_guard.h"

#include <fmt/format.h>

#include "disclose/leak_guard.h"

namespace birthmark::app {

Findings JudgeSplits(const ceremony::SplitQuestion& question) {
  disclose::GuardInput input{.share_set = question.set, .claims = {}};
  for (const ledger::SplitStatement& s : question.statements) {
    input.claims.push_back({.source = fmt::format("{} of {}", s.use, s.ceremony),
                            .extra = s.extra,
                            .continents = s.continents});
  }
  return disclose::Guard(input);
}

}  // namespace birthmark::app
