// SPDX-License-Identifier: Apache-2.0
// status.
#include <fmt/format.h>

#include "app/status.h"
#include "cli/handlers.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> StatusOf(const Invocation& in) {
  app::StatusOptions options{.from_start = in.Has("--all"), .modules = true};
  BM_TRY(uint64_t backup, in.Number("--backup-days", 30, 1, 36'500));
  BM_TRY(uint64_t drill, in.Number("--drill-days", 365, 1, 36'500));
  options.backup = std::chrono::days(static_cast<int>(backup));
  options.drill = std::chrono::days(static_cast<int>(drill));
  BM_TRY(app::StatusReport r, app::LookAt(in.Arg("WS"), SystemClock(), options));
  bool alarm = !r.alarms.empty();
  if (in.json()) {
    std::string alarms;
    for (const Finding& f : r.alarms.all()) {
      alarms +=
          fmt::format(R"({}{{"code": {}, "message": {}, "fix": {}}})", alarms.empty() ? "" : ", ",
                      JsonString(f.code), JsonString(f.message), JsonString(f.fix));
    }
    PrintLine(fmt::format(
        R"({{"rehearsal": {}, "events": {}, "units": {}, "unfinished": {}, "scrapped": {}, "identities": {}, "issuing_watched_to": {}, "revocations_watched_to": {}, "alarms": [{}]}})",
        r.rehearsal, r.events, r.units, r.unfinished, r.scrapped, r.identities, r.events,
        r.revocations_to, alarms));
    return alarm ? 1 : 0;
  }
  if (r.rehearsal) PrintLine(Bold("REHEARSAL workspace"));
  PrintLine(fmt::format("{} events, {} units ({} on the line, {} scrapped), {} identities",
                        r.events, r.units, r.unfinished, r.scrapped, r.identities));
  PrintLine(r.revocations_to < r.events
                ? fmt::format("issuing watched up to event {}, revocations up to {}: run it again",
                              r.events, r.revocations_to)
                : fmt::format("issuing and revocations watched up to event {}", r.events));
  Print(r.alarms.ToString());
  if (!alarm) PrintLine("no alarms");
  return alarm ? 1 : 0;
}

}  // namespace birthmark::cli
