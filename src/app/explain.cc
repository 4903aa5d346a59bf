// SPDX-License-Identifier: Apache-2.0
#include "app/explain.h"

#include <algorithm>

#include "anchors/explain.h"
#include "disclose/explain.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "vocab/explain.h"
#include "vocab/render.h"

namespace birthmark::app {
namespace {

// Wrap breaks a paragraph for 80 columns.
std::string Wrap(std::string_view text) {
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find_first_of(" \n", at), text.size());
    if (column > 0 && column + 1 + (end - at) > 80) {
      out += '\n';
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out + "\n";
}

std::string_view ExplainOwn(std::string_view code) {
#define CODE(name, text) \
  if (code == name) return text;
#include "app/codes.inc"
#include "ceremony/codes.inc"
#include "custody/codes.inc"
#undef CODE
  return "";
}

}  // namespace

Result<std::string> Explain(std::string_view word) {
  if (std::string text = vocab::FindExplanation(word); !text.empty()) return text;
  for (std::string_view text : {plan::ExplainCode(word), anchors::ExplainCode(word),
                                disclose::ExplainCode(word), ExplainOwn(word)}) {
    if (!text.empty()) return Wrap(text);
  }
  std::vector<std::string> words = vocab::CompletionWords();
  for (const plan::CodeExplanation& c : plan::PlanCodes()) words.emplace_back(c.code);
  std::string nearest = plan::NearestWord(std::string(word), words);
  return Refused(
      "explain.unknown", "nothing is known under \"" + std::string(word) + "\"",
      nearest.empty() ? "`birthmark vocab` lists the words" : "did you mean \"" + nearest + "\"?");
}

}  // namespace birthmark::app
