// SPDX-License-Identifier: Apache-2.0
#include "app/explain.h"

#include "anchors/explain.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "vocab/explain.h"
#include "vocab/render.h"

namespace birthmark::app {

Result<std::string> Explain(std::string_view word) {
  if (std::string text = vocab::FindExplanation(word); !text.empty()) return text;
  for (std::string_view text : {plan::ExplainCode(word), anchors::ExplainCode(word)}) {
    if (!text.empty()) return std::string(text) + "\n";
  }
  std::vector<std::string> words = vocab::CompletionWords();
  for (const plan::CodeExplanation& c : plan::PlanCodes()) words.emplace_back(c.code);
  std::string nearest = plan::NearestWord(std::string(word), words);
  return Refused("explain.unknown", "nothing is known under \"" + std::string(word) + "\"",
                 nearest.empty() ? "`birthmark vocab` lists the words" : "did you mean \"" + nearest + "\"?");
}

}  // namespace birthmark::app
