// SPDX-License-Identifier: Apache-2.0
// answer, disclose.
#include <fmt/format.h>

#include "answer/evaluate.h"
#include "answer/json.h"
#include "answer/text.h"
#include "app/factory.h"
#include "app/publish.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "ledger/bundle.h"

namespace birthmark::cli {
namespace {

Result<std::vector<answer::Answer>> AnswersFrom(const std::string& where,
                                                const std::string& product) {
  answer::Options options{
      .product = product, .period = std::nullopt, .size = std::nullopt, .head = std::nullopt};
  if (fs::is_regular_file(where)) {
    BM_TRY(auto bundle, ledger::Bundle::Open(ledger::FromFile(where), std::nullopt));
    options.head =
        answer::TreeHead{bundle->summary().checkpoint.size, bundle->summary().checkpoint.root};
    return answer::Evaluate(*bundle, options);
  }
  BM_TRY(auto reader, app::OpenReader(where));
  return answer::Evaluate(*reader, options);
}

}  // namespace

Result<int> AnswerAll(const Invocation& in) {
  vocab::Revision revision = vocab::kDefaultRevision;
  if (in.Has("--revision")) vocab::FromText(in.Get("--revision"), revision);
  std::string question = in.Arg("QUESTION");
  std::string stored;
  if (!question.empty()) {
    auto known = vocab::FromAnyName<vocab::Question>(question);
    auto aspect = vocab::FromAnyName<vocab::Aspect>(question);
    if (!known && !aspect) {
      return Usage("answer.question", "no such question: " + question,
                   "`birthmark vocab` lists them");
    }
    stored = known ? vocab::ToText(*known) : vocab::ToText(*aspect);
  }
  BM_TRY(std::vector<answer::Answer> answers, AnswersFrom(in.Arg("WS|B"), in.Get("--product")));
  if (!stored.empty())
    std::erase_if(answers, [&](const answer::Answer& a) { return a.question != stored; });
  if (in.json()) {
    Print(answer::ToJson(answers, revision) + "\n");
  } else {
    Print(stored.empty() ? answer::ToTable(answers, revision)
                         : answer::ToParagraphs(answers, revision));
  }
  return 0;
}

Result<int> Disclose(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  app::DiscloseOptions options{.workspace = in.Arg("WS"),
                               .product = in.Get("--product"),
                               .as = in.Get("--as"),
                               .file = in.Get("--output"),
                               .dry_run = in.dry_run()};
  BM_TRY(app::DiscloseResult r, app::DiscloseProduct(options, keys, SystemClock()));
  if (in.json()) {
    if (r.refused) {
      PrintFindings(r.findings, "", true);
    } else {
      PrintLine(fmt::format(R"({{"file": {}, "version": {}, "rehearsal": {}, "guard": {}}})",
                            JsonString(options.file.string()), r.version, r.rehearsal,
                            JsonString(r.guard)));
    }
    return r.refused ? 1 : 0;
  }
  PrintFindings(r.findings, "", false);
  PrintLine("leak guard: " + r.guard);
  if (r.refused) {
    PrintLine("nothing was signed");
    return 1;
  }
  PrintLine(fmt::format("{} {}  version {}{}", in.dry_run() ? "would write" : "wrote",
                        options.file.string(), r.version, r.rehearsal ? "  REHEARSAL" : ""));
  return 0;
}

}  // namespace birthmark::cli
