// SPDX-License-Identifier: Apache-2.0
// Working a disclosure's measured answers out again from a bundle of the log, byte for byte. Leaves
// out whether the bundle and the disclosure are signed (ledger, disclose).
#pragma once

#include <string>
#include <vector>

#include "answer/answer.h"
#include "answer/evaluate.h"

namespace birthmark::answer {

enum class Outcome {
  kSame,         // the same octets
  kDiffers,      // other octets from evidence that is all there, or whose use differs
  kNotInBundle,  // the bundle lacks events that the answer was worked out from
  kAttested,     // computed inside a sealed ceremony: nobody outside can
};
// ToText gives "same", "differs", "not-in-bundle", "attested".
std::string_view ToText(Outcome o);

struct Recomputed {
  std::string question;
  std::string subject;
  Outcome outcome = Outcome::kSame;
  std::string
      what;  // which members differ: "value: 3, disclosed 2"; "evidence: other events were used"
};

// Recompute compares each measured answer of `disclosed` with the one the bundle gives over the
// same prefix of the log. `options` has the disclosure's product and period; its size is taken from
// each answer. Answers with nothing measured are not listed. Errors: those of EvaluateAll;
// answer.too-many-prefixes.
Result<std::vector<Recomputed>> Recompute(ledger::EventSource& bundle,
                                          const std::vector<Answer>& disclosed, Options options);

}  // namespace birthmark::answer
