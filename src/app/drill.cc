// SPDX-License-Identifier: Apache-2.0
#include "app/drill.h"

#include <algorithm>

#include "answer/value.h"
#include "app/drills/play.h"
#include "app/record.h"
#include "crypto/digest.h"
#include "ledger/events_continuity.h"

namespace birthmark::app {
namespace {

struct NamedDrill {
  const char* name;
  DrillFn play;
};
constexpr NamedDrill kDrills[] = {{"lose", DrillLose},
                                  {"disclose", DrillDisclose},
                                  {"rogue-station", DrillRogueStation},
                                  {"crl-outage", DrillCrlOutage},
                                  {"lose-continent", DrillLoseContinent},
                                  {"lose-site", DrillLoseSite},
                                  {"factory-link", DrillFactoryLink},
                                  {"stolen-reel", DrillStolenReel},
                                  {"steal-pool", DrillStealPool},
                                  {"seed-leak", DrillSeedLeak},
                                  {"warehouse", DrillWarehouse}};

// OptionsOfDrill are what was asked for, as they would be typed.
std::vector<std::pair<std::string, std::string>> OptionsOfDrill(const DrillOptions& o) {
  std::vector<std::pair<std::string, std::string>> out;
  auto add = [&](const char* name, std::string value) {
    if (!value.empty()) out.emplace_back(name, std::move(value));
  };
  auto date = [](std::optional<int64_t> ms) {
    return ms ? FormatTime(TimeFromMillis(*ms)) : std::string();
  };
  add("product", o.product);
  add("key", o.key);
  add("ca", o.ca);
  add("station", o.station);
  add("continent", o.continent);
  add("site", o.site);
  add("reel", o.reel);
  add("batch", o.batch);
  add("since", date(o.since));
  add("until", date(o.until));
  if (o.name == "factory-link") add("hours", std::to_string(o.hours));
  if (o.per_hour > 0) add("per-hour", std::to_string(o.per_hour));
  if (o.built) add("built", FormatDate(*o.built));
  if (o.open) add("open", FormatDate(*o.open));
  return out;
}

}  // namespace

const std::vector<std::string>& DrillNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const NamedDrill& d : kDrills) out.emplace_back(d.name);
    return out;
  }();
  return names;
}

Result<DrillReport> RunDrill(const DrillOptions& o, const Clock& clock) {
  auto drill = std::ranges::find_if(kDrills, [&](const NamedDrill& d) { return o.name == d.name; });
  if (drill == std::end(kDrills)) {
    return Usage("drill.name", "there is no drill \"" + o.name + "\"",
                 fmt::format("the drills are {}", fmt::join(DrillNames(), ", ")));
  }
  Layout layout(o.workspace);
  ledger::EventContext context;
  BM_TRY(context.actor, ActorHere(layout, o.as));
  BM_TRY(auto copy, DrillCopy::Make(o.workspace, o.product, o.scratch, clock));
  DrillReport report;
  report.name = o.name;
  report.maker = copy->factory().genesis.manufacturer;
  report.rehearsal = copy->factory().genesis.rehearsal;
  report.at = copy->began();
  report.events = copy->events();
  report.options = OptionsOfDrill(o);
  BM_CHECK(drill->play(*copy, o, report));
  copy.reset();
  if (o.dry_run) return report;
  ledger::DrillDone done{.name = o.name,
                         .checks = report.checks.size(),
                         .counts = {},
                         .failed = report.failed(),
                         .report = crypto::Sha256(AsBytes(ToJson(report))),
                         .options = {},
                         .rehearsed = report.events};
  for (const auto& [name, n] : report.counts) done.counts.push_back({name, answer::Bucket(n)});
  std::string options;
  for (const auto& [name, value] : report.options) options += name + "=" + value + "\n";
  done.options = crypto::Sha256(AsBytes(options));
  BM_CHECK(
      AppendHere(layout, ledger::MakeEvent(context, clock.Now(), "drill:" + o.name, done), clock));
  return report;
}

Result<std::vector<Rehearsed>> RehearsedDrills(ledger::LogReader& reader) {
  std::vector<Rehearsed> out;
  for (const std::string& name : DrillNames()) out.push_back({.name = name});
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::DrillDone::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::DrillDone body, ledger::BodyOf<ledger::DrillDone>(e));
    auto row = std::ranges::find(out, body.name, &Rehearsed::name);
    if (row == out.end()) row = out.insert(out.end(), {.name = body.name});
    ++row->times;
    row->at = e.at;
    row->checks = body.checks;
    row->failed = body.failed;
  }
  return out;
}

}  // namespace birthmark::app
