// SPDX-License-Identifier: Apache-2.0
// From answers, plan and log to what a disclosure says. Nothing gets in that its struct has no
// field for; numbers that give volume away are coarsened here. Leaves out the leak guard and
// signing.
#pragma once

#include <optional>
#include <string>

#include "answer/evaluate.h"
#include "base/findings.h"
#include "disclose/disclosure.h"
#include "disclose/leak_guard.h"
#include "ledger/event_codec.h"

namespace birthmark::disclose {

// kMaxToldSiblings: more authorities of a level than this are not counted in public, since times
// the identities each signs they are the production.
inline constexpr uint64_t kMaxToldSiblings = 10;

struct BuildInput {
  const answer::Evaluation& evaluation;  // over the events up to the checkpoint
  std::string checkpoint;                // signed note; empty when all is declared
  uint32_t version = 1;
  Time issued{};
  std::string program;                     // "birthmark 0.1.0"
  std::optional<SplitModel> stated_model;  // only when the maker wants it told
};

struct Built {
  Disclosure disclosure;
  Findings findings;  // Check of the result: contradictions between what is declared are found here
};

// Build reads the events once, those before the evaluation's end. Errors: those of the source and
// of reading events.
Result<Built> Build(const BuildInput& input, ledger::EventSource& source);

}  // namespace birthmark::disclose
