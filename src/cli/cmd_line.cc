// SPDX-License-Identifier: Apache-2.0
// line run.
#include <fmt/format.h>

#include <cstdio>

#include "app/shift.h"
#include "base/progress.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/stop.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

std::string_view LampWord(line::UnitResult::Lamp lamp) {
  switch (lamp) {
    case line::UnitResult::Lamp::kGood:
      return "GOOD";
    case line::UnitResult::Lamp::kRetry:
      return "RETRY";
    case line::UnitResult::Lamp::kWait:
      return "WAIT";
    case line::UnitResult::Lamp::kScrap:
      return "SCRAP";
  }
  return "";
}

// ScanLine is what a scanner types: a serial number and a line feed. Nothing at the end.
std::optional<std::string> ScanLine() {
  std::string line;
  for (int c; (c = std::getchar()) != '\n';) {
    if (c == EOF) return std::nullopt;
    if (c != '\r' && line.size() < 256) line += static_cast<char>(c);
  }
  return line;
}

}  // namespace

Result<int> LineRun(const Invocation& in) {
  BM_TRY(uint64_t units, in.Number("--units", 1, 1, 1'000'000));
  std::vector<line::Fault> faults;
  for (std::string rest = in.Get("--fault"); !rest.empty();) {
    size_t comma = rest.find(',');
    BM_TRY(line::Fault fault, line::ParseFault(rest.substr(0, comma)));
    faults.push_back(std::move(fault));
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  // The first Ctrl-C lets the unit on the station finish; a second one ends at once, and the next
  // run goes on with that unit.
  CatchStop(true);

  Progress progress("units", units, StderrIsTerminal() && !in.json());
  bool json = in.json();
  app::ShiftOptions options{
      .workspace = in.Arg("WS"),
      .product = in.Get("--product"),
      .as = in.Get("--as"),
      .units = units,
      .faults = std::move(faults),
      .link = in.Get("--link"),
      .port = in.Get("--port"),
      .scan = in.Has("--scan") ? ScanLine : std::function<std::optional<std::string>()>(),
      .note =
          [&](const std::string& what) {
            progress.Clear();
            Note(what);
          },
      .tell =
          [&](const line::UnitResult& u) {
            progress.Clear();
            if (json) {
              PrintLine(fmt::format(R"({{"unit": {}, "lamp": "{}", "why": {}}})",
                                    JsonString(u.serial), LampWord(u.lamp), JsonString(u.why)));
            } else {
              PrintLine(fmt::format("{} {}{}{}", u.serial, Bold(LampWord(u.lamp)),
                                    u.why.empty() ? "" : "  ", u.why));
            }
            if (u.lamp != line::UnitResult::Lamp::kRetry) progress.Advance();
          },
      .stop = Stopped};
  BM_TRY(app::ShiftResult r, app::RunShift(options, keys, SystemClock()));
  progress.Clear();
  if (json) {
    PrintLine(fmt::format(
        R"({{"good": {}, "scrapped": {}, "waiting": {}, "unexplained": {}, "stopped": {}}})",
        r.good, r.scrapped, r.waiting, r.unexplained, r.stopped));
  } else {
    if (r.begun_before > 0)
      Note(fmt::format("went on with {} units that an earlier run had begun",
                       std::min(r.begun_before, units)));
    if (r.waiting > 0)
      Note(fmt::format("{} units wait until their devices have enrolled over the network",
                       r.waiting));
    PrintLine(fmt::format("{} good, {} scrapped, {} unexplained{}", r.good, r.scrapped,
                          r.unexplained, r.stopped ? "; stopped before the rest" : ""));
  }
  return r.scrapped > 0 || r.unexplained > 0 ? 1 : 0;
}

}  // namespace birthmark::cli
