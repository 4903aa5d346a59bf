// SPDX-License-Identifier: Apache-2.0
// Answers as a table for a terminal and as paragraphs for one question. No colour, no marks: what
// differs says so in a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "answer/answer.h"
#include "vocab/vocab.h"

namespace birthmark::answer {

// ShownName is a question's or aspect's name in a revision.
std::string ShownName(std::string_view question, vocab::Revision revision);

// ToTable writes a line an answer, under a heading for each subject, cut to `width` columns:
//   first-stage-exposure         measured 1   declared 0   differs
std::string ToTable(const std::vector<Answer>& answers, vocab::Revision revision,
                    size_t width = 80);

// ToParagraphs tells everything about each answer, for `answer WS QUESTION`.
std::string ToParagraphs(const std::vector<Answer>& answers, vocab::Revision revision);

}  // namespace birthmark::answer
