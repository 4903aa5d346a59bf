// SPDX-License-Identifier: Apache-2.0
// vocab, explain, completion, version.
#include <fmt/format.h>

#include "app/explain.h"
#include "cli/handlers.h"
#include "cli/made.h"
#include "cli/terminal.h"
#include "vocab/render.h"

namespace birthmark::cli {

Result<int> Vocab(const Invocation& in) {
  vocab::Revision revision = vocab::kDefaultRevision;
  if (in.Has("--revision") && !vocab::FromText(in.Get("--revision"), revision)) {
    return Usage("vocab.revision", "no such revision: " + in.Get("--revision"), "use 02 or 15");
  }
  if (in.Has("--markdown")) {
    Print(vocab::VocabularyMarkdown());
  } else if (in.Has("--schema")) {
    Print(vocab::AnswerSchema());
  } else {
    Print(in.json() ? vocab::VocabularyJson(revision) : vocab::VocabularyText(revision));
  }
  return 0;
}

Result<int> Explain(const Invocation& in) {
  std::string word = in.Arg("WORD");
  BM_TRY(std::string text, app::Explain(word));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"word": {}, "text": {}}})", JsonString(word), JsonString(text)));
  } else {
    Print(text);
    if (!text.ends_with('\n')) Print("\n");
  }
  return 0;
}

Result<int> Completion(const Invocation& in) {
  std::string shell = in.Arg("SHELL");
  if (shell == "bash") {
    Print(BashCompletion());
  } else if (shell == "zsh") {
    Print(ZshCompletion());
  } else if (shell == "fish") {
    Print(FishCompletion());
  } else if (shell == "man") {
    Print(ManPage());
  } else {
    return Usage("completion.shell", "no completions for " + shell, "use bash, zsh, fish or man");
  }
  return 0;
}

Result<int> Version(const Invocation& in) {
  PrintLine(in.json() ? R"({"program": "birthmark", "version": ")" BIRTHMARK_VERSION "\"}"
                      : "birthmark " BIRTHMARK_VERSION);
  return 0;
}

}  // namespace birthmark::cli
