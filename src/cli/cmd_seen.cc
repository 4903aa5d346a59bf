// SPDX-License-Identifier: Apache-2.0
// cert seen and cert explain.
#include <fmt/format.h>

#include "app/field.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> CertSeen(const Invocation& in) {
  app::SeenOptions options{
      .workspace = in.Arg("WS"), .paths = {}, .as = in.Get("--as"), .dry_run = in.dry_run()};
  for (const std::string& path : in.All("PATH")) options.paths.emplace_back(path);
  BM_TRY(app::Seen seen, app::LookAtSeen(options, SystemClock()));
  Table table({"alarm", "authority", "why"});
  for (const ledger::SeenStranger& s : seen.strangers)
    table.Add({app::StrangerName(s), s.ca, s.why});
  if (in.json()) {
    std::string bad;
    for (const std::string& u : seen.unreadable) bad += (bad.empty() ? "" : ", ") + JsonString(u);
    PrintLine(fmt::format(
        R"({{"looked": {}, "known": {}, "foreign": {}, "pretended": {}, "unreadable": [{}], "strangers": )",
        seen.looked, seen.known, seen.foreign, seen.pretended, bad));
    Print(table.Text(true));
    PrintLine("}");
  } else {
    if (!table.empty()) Print(table.Text(false));
    for (const std::string& u : seen.unreadable) Note("not looked at: " + u);
    PrintLine(
        fmt::format("{} looked at: {} known here, {} of others ({} of them name an authority "
                    "of ours that did not sign), {} that keys of ours signed unknown here",
                    seen.looked, seen.known, seen.foreign, seen.pretended, seen.strangers.size()));
  }
  return seen.strangers.empty() ? 0 : 1;
}

Result<int> CertExplain(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  // The product says whose plan is acted under; with several any will do for this.
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(auto plans, app::PlansOf(*reader));
  reader.reset();
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, plans.empty() ? "" : plans.begin()->first,
                            in.Get("--as"), clock));
  BM_CHECK(app::ExplainAlarm(*f, in.Arg("ALARM"), in.Get("--reason"), in.dry_run(), clock));
  if (!in.json())
    PrintLine(in.Arg("ALARM") + (in.dry_run() ? ": would be explained" : ": explained"));
  else
    PrintLine(fmt::format(R"({{"explained": {}, "dry_run": {}}})", JsonString(in.Arg("ALARM")),
                          in.dry_run()));
  return 0;
}

}  // namespace birthmark::cli
