// SPDX-License-Identifier: Apache-2.0
// drill NAME, drill list.
#include <fmt/format.h>

#include "app/drill.h"
#include "app/view.h"
#include "cli/filters.h"
#include "cli/handlers.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

Result<Time> DayOf(const Invocation& in, const std::string& option) {
  auto t = ParseTime(in.Get(option));
  if (!t)
    return Usage("cli.time", option + ": \"" + in.Get(option) + "\" is no time",
                 "write 2026-11-21");
  return *t;
}

Status WriteReport(const fs::path& folder, const app::DrillReport& report) {
  if (fs::exists(folder)) {
    return Usage("drill.output", folder.string() + ": is there already",
                 "name a new folder: a report never replaces another");
  }
  BM_CHECK(MakeDirs(folder, 0700));
  BM_CHECK(WriteFileAtomic(folder / "report.txt", app::ToText(report), 0600));
  BM_CHECK(WriteFileAtomic(folder / "report.json", app::ToJson(report), 0600));
  BM_CHECK(WriteFileAtomic(folder / "timeline.svg", app::ToSvg(report), 0644));
  return WriteFileAtomic(folder / "identities.csv", app::ListCsv(report), 0600);
}

Result<int> Play(const Invocation& in, const char* name) {
  app::DrillOptions o{.name = name,
                      .workspace = in.Arg("WS"),
                      .product = in.Get("--product"),
                      .key = in.Get("--key"),
                      .ca = in.Get("--ca"),
                      .station = in.Get("--station"),
                      .continent = in.Get("--continent"),
                      .site = in.Get("--site"),
                      .reel = in.Get("--reel"),
                      .batch = in.Get("--batch"),
                      .holders = in.Get("--holders"),
                      .scratch = in.Get("--scratch"),
                      .as = in.Get("--as"),
                      .dry_run = in.dry_run()};
  BM_CHECK(PeriodOf(in, o.since, o.until));
  BM_TRY(o.hours, in.Number("--hours", 72, 1, 24 * 366));
  BM_TRY(o.per_hour, in.Number("--per-hour", 0, 0, 100'000));
  if (in.Has("--built")) {
    BM_TRY(o.built, DayOf(in, "--built"));
  }
  if (in.Has("--open")) {
    BM_TRY(o.open, DayOf(in, "--open"));
  }
  fs::path folder = in.Get("--output");
  if (!folder.empty() && fs::exists(folder)) {
    return Usage("drill.output", folder.string() + ": is there already",
                 "name a new folder: a report never replaces another");
  }
  BM_TRY(app::DrillReport report, app::RunDrill(o, SystemClock()));
  if (!folder.empty()) BM_CHECK(WriteReport(folder, report));
  Print(in.json() ? app::ToJson(report) : app::ToText(report));
  if (!in.json() && in.dry_run()) Note("dry run: the log does not say that this was rehearsed");
  return report.failed() == 0 ? 0 : 1;
}

}  // namespace

Result<int> DrillList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(std::vector<app::Rehearsed> all, app::RehearsedDrills(*reader));
  Table table({"drill", "last rehearsed", "times", "checks", "not as expected"});
  for (const app::Rehearsed& r : all) {
    table.Add({r.name, r.at == 0 ? "never" : FormatTime(TimeFromMillis(r.at)),
               std::to_string(r.times), std::to_string(r.checks), std::to_string(r.failed)});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> DrillLose(const Invocation& in) { return Play(in, "lose"); }
Result<int> DrillDisclose(const Invocation& in) { return Play(in, "disclose"); }
Result<int> DrillRogueStation(const Invocation& in) { return Play(in, "rogue-station"); }
Result<int> DrillCrlOutage(const Invocation& in) { return Play(in, "crl-outage"); }
Result<int> DrillLoseContinent(const Invocation& in) { return Play(in, "lose-continent"); }
Result<int> DrillLoseSite(const Invocation& in) { return Play(in, "lose-site"); }
Result<int> DrillFactoryLink(const Invocation& in) { return Play(in, "factory-link"); }
Result<int> DrillStolenReel(const Invocation& in) { return Play(in, "stolen-reel"); }
Result<int> DrillStealPool(const Invocation& in) { return Play(in, "steal-pool"); }
Result<int> DrillSeedLeak(const Invocation& in) { return Play(in, "seed-leak"); }
Result<int> DrillWarehouse(const Invocation& in) { return Play(in, "warehouse"); }

}  // namespace birthmark::cli
