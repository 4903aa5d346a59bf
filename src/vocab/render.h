// SPDX-License-Identifier: Apache-2.0
// The table in the forms other things read: Markdown (docs/vocabulary.md), JSON schema
// (docs/formats/answer.schema.json), lines for the terminal, words for completion. A test holds the
// committed files against these. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "vocab/vocab.h"

namespace birthmark::vocab {

// VocabularyMarkdown is docs/vocabulary.md.
std::string VocabularyMarkdown();
// AnswerSchema is docs/formats/answer.schema.json: what `birthmark answer --json` prints.
std::string AnswerSchema();
// VocabularyText is `birthmark vocab --revision R`: a line a row, grouped.
std::string VocabularyText(Revision r);
// VocabularyJson is `birthmark vocab --json`: {"revision": …, "words": [{…}]}.
std::string VocabularyJson(Revision r);
// CompletionWords is every name `birthmark explain` takes without its codes, sorted, no duplicates.
std::vector<std::string> CompletionWords();

}  // namespace birthmark::vocab
