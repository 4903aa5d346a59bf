// SPDX-License-Identifier: Apache-2.0
// Answers as JSON, the shape of `answer --json`. Source: docs/formats/answers.md,
// answer.schema.json.
#pragma once

#include <string>
#include <vector>

#include "answer/answer.h"
#include "vocab/vocab.h"

namespace birthmark::answer {

// ToJson gives {"revision", "answers": […]} with questions under the revision's names; two spaces
// deep.
std::string ToJson(const std::vector<Answer>& answers, vocab::Revision revision);

}  // namespace birthmark::answer
