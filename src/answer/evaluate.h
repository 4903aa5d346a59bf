// SPDX-License-Identifier: Apache-2.0
// All answers from one pass over the events. A pure function of the events: the same bytes from a
// live store and from a bundle of it. Leaves out signing and the leak guard (disclose).
// Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "answer/answer.h"
#include "base/error.h"
#include "ledger/event_codec.h"
#include "plan/plan.h"

namespace birthmark::answer {

// Period is [from, to] in milliseconds since 1970 UTC.
struct Period {
  int64_t from = 0;
  int64_t to = 0;
};

// TreeHead is size and root of a log, as its verified checkpoint states them.
struct TreeHead {
  uint64_t size = 0;
  Digest root{};
};

struct Options {
  std::string product;  // empty: the only one
  std::optional<Period>
      period;  // of the questions that have one; absent: the plan's days up to the last event
  std::optional<uint64_t> size;  // only events before this one count
  std::optional<TreeHead>
      head;  // for a bundle with redacted leaves, whose root cannot be recomputed
  uint64_t check_all =
      100'000;  // so many device certificates have their signatures checked, then 1 of 128
};

// Evaluation is the answers with what they were worked out from.
struct Evaluation {
  std::vector<Answer> answers;
  Period period;
  std::string origin;
  TreeHead head;
  bool complete = true;  // no event of the prefix was missing
  bool rehearsal = true;
  plan::Plan plan;
};

// EvaluateAll reads the events once and answers every question about every subject of the plan, in
// the vocabulary's order: the device, each identity PKI, each anchor with its four aspects. Errors:
// answer.no-genesis, answer.no-plan, answer.product-ambiguous, answer.plan-digest,
// answer.plan-unreadable, the source's.
Result<Evaluation> EvaluateAll(ledger::EventSource& source, const Options& options);
// Evaluate is EvaluateAll's answers alone.
Result<std::vector<Answer>> Evaluate(ledger::EventSource& source, const Options& options);

}  // namespace birthmark::answer
