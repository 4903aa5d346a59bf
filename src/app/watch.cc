// SPDX-License-Identifier: Apache-2.0
#include "app/watch.h"

#include <nlohmann/json.hpp>

namespace birthmark::app {

std::optional<double> Floor::yield() const {
  uint64_t ended = stats.good_since + stats.scrapped_since;
  if (ended == 0) return std::nullopt;
  return 100.0 * static_cast<double>(stats.good_since) / static_cast<double>(ended);
}

uint64_t Floor::on_the_line() const {
  uint64_t n = 0;
  for (const auto& [state, count] : stats.units) {
    if (state != "packed" && state != "shipped" && state != "scrapped") n += count;
  }
  return n;
}

Result<FloorView> LookAtFloor(const fs::path& workspace, const Clock& clock) {
  FloorView view{.at = clock.Now()};
  BM_TRY(auto reader, OpenReader(workspace));
  BM_TRY(auto plans, PlansOf(*reader));
  for (const auto& [id, adopted] : plans) {
    Floor floor{.product = id};
    BM_TRY(floor.stats,
           ledger::ReadFloorStats(reader->db(), id, Millis(view.at - std::chrono::hours(1))));
    // A station belongs to the floor of the products whose plan names it.
    std::erase_if(floor.stats.stations, [&](const ledger::FloorStats::Station& s) {
      return adopted.plan.FindStation(s.id) == nullptr;
    });
    view.products.push_back(std::move(floor));
  }
  BM_TRY(view.pools, PoolStates(reader->registry(), view.at, kLowWaterHours));
  BM_TRY(StatusReport status, LookAt(workspace, clock));
  view.alarms = std::move(status.alarms);
  return view;
}

std::string ToText(const FloorView& view) {
  std::string out = fmt::format("{}\n", FormatTime(view.at));
  for (const Floor& f : view.products) {
    auto yield = f.yield();
    out += fmt::format("\n{:<24} {:>7} an hour   yield {}   on the line {}\n", f.product,
                       f.stats.good_since,
                       yield ? fmt::format("{:.1f} %", *yield) : std::string("-"), f.on_the_line());
    for (const auto& [state, n] : f.stats.units) out += fmt::format("  {:<22} {:>7}\n", state, n);
    for (const ledger::FloorStats::Station& s : f.stats.stations) {
      out +=
          fmt::format("  station {:<14} {:>7} {:<8} since {}\n", s.id, s.people,
                      s.people == 1 ? "person" : "people", FormatTime(TimeFromMillis(s.opened_at)));
    }
  }
  for (const PoolState& p : view.pools) {
    out += fmt::format("\npool {:<19} {:>7} left   {}\n", p.station, p.left,
                       p.hours_left ? fmt::format("{:.1f} hours at the present rate", *p.hours_left)
                                    : "nothing was taken lately");
  }
  out += view.alarms.all().empty() ? "\nno alarms\n" : "\n";
  for (const Finding& a : view.alarms.all()) {
    out += fmt::format("ALARM {}  {}\n", a.code, a.message);
  }
  return out;
}

std::string ToJson(const FloorView& view) {
  nlohmann::ordered_json j{{"at", FormatTime(view.at)}};
  j["products"] = nlohmann::ordered_json::array();
  for (const Floor& f : view.products) {
    nlohmann::ordered_json p{{"product", f.product},
                             {"good_last_hour", f.stats.good_since},
                             {"scrapped_last_hour", f.stats.scrapped_since},
                             {"issued_last_hour", f.stats.issued_since},
                             {"on_the_line", f.on_the_line()},
                             {"units", f.stats.units},
                             {"identities", f.stats.identities}};
    p["yield_percent"] = f.yield() ? nlohmann::ordered_json(*f.yield()) : nullptr;
    p["stations"] = nlohmann::ordered_json::array();
    for (const auto& s : f.stats.stations)
      p["stations"].push_back({{"station", s.id},
                               {"people", s.people},
                               {"since", FormatTime(TimeFromMillis(s.opened_at))}});
    j["products"].push_back(std::move(p));
  }
  j["pools"] = nlohmann::ordered_json::array();
  for (const PoolState& p : view.pools) {
    nlohmann::ordered_json row{{"station", p.station}, {"product", p.product}, {"left", p.left}};
    row["hours_left"] = p.hours_left ? nlohmann::ordered_json(*p.hours_left) : nullptr;
    j["pools"].push_back(std::move(row));
  }
  j["alarms"] = nlohmann::ordered_json::array();
  for (const Finding& a : view.alarms.all())
    j["alarms"].push_back({{"code", a.code}, {"message", a.message}});
  return j.dump();
}

}  // namespace birthmark::app
