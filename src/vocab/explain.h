// SPDX-License-Identifier: Apache-2.0
// What `birthmark explain WORD` says: for each question our reading of the draft and how it is
// measured, for each method what it brings and what it risks, for every other word its row. Our own
// words; the draft is cited, never ranked. Const data; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "vocab/vocab.h"

namespace birthmark::vocab {

// Reading is our reading of a question, 3 to 8 lines, where the draft leaves room.
std::string_view Reading(Question q);
// Reading of a method: what it brings and what it risks, as the draft tells it.
std::string_view Reading(Method m);

// Explain is the whole text for one row, in a revision's names.
std::string Explain(const Row& row, Revision r = kDefaultRevision);
// FindExplanation explains every row that any revision calls so; empty when there is none.
std::string FindExplanation(std::string_view name, Revision r = kDefaultRevision);

}  // namespace birthmark::vocab
