// SPDX-License-Identifier: Apache-2.0
// pool fill, pool status, reconcile.
#include <fmt/format.h>

#include "app/pool.h"
#include "app/reconcile.h"
#include "app/roles.h"
#include "base/progress.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> PoolFill(const Invocation& in) {
  BM_TRY(uint64_t count, in.Number("--count", 0, 1, 1'000'000));
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock));
  BM_CHECK(app::RequireRole(*f, {"operator", "maintainer", "administrator"}, "filling a pool"));
  Progress progress("identities", count, StderrIsTerminal() && !in.json());
  uint64_t made = 0;
  app::PoolFillOptions options{.station = in.Get("--station"), .count = count, .made = {}};
  options.made = [&](uint64_t so_far) {
    progress.Advance(so_far - made);
    made = so_far;
  };
  Time began = clock.Now();
  Status filled = app::FillPool(*f, options, clock);
  progress.Clear();
  double seconds = std::max<double>(1, Millis(clock.Now()) - Millis(began)) / 1000;
  if (in.json()) {
    PrintLine(fmt::format(R"({{"station": {}, "made": {}, "per_second": {:.0f}}})",
                          JsonString(options.station), made, made / seconds));
  } else if (made > 0) {
    PrintLine(fmt::format("{} identities made and sealed to station {}, {:.0f} a second", made,
                          options.station, made / seconds));
  }
  if (!filled) return std::unexpected(std::move(filled).error());
  return 0;
}

Result<int> PoolStatus(const Invocation& in) {
  BM_TRY(uint64_t low, in.Number("--low", static_cast<uint64_t>(app::kLowWaterHours), 1, 10'000));
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(std::vector<app::PoolState> pools,
         app::PoolStates(reader->registry(), SystemClock().Now(), static_cast<double>(low)));
  Table table({"station", "product", "left", "per hour", "hours left", "alarm"});
  bool alarm = false;
  for (const app::PoolState& p : pools) {
    table.Add({p.station, p.product, std::to_string(p.left),
               p.hours_left ? fmt::format("{:.1f}", p.per_hour) : "",
               p.hours_left ? fmt::format("{:.1f}", *p.hours_left) : "",
               !p.low        ? ""
               : p.left == 0 ? "empty"
                             : fmt::format("under {} hours", low)});
    alarm = alarm || p.low;
  }
  Print(table.Text(in.json()));
  if (pools.empty() && !in.json()) Note("no pool was ever filled here");
  return alarm ? 1 : 0;
}

namespace {

std::string OddJson(const ledger::Unexplained& u) {
  return fmt::format(R"({{"why": {}, "unit": {}, "serial": {}}})", JsonString(u.why),
                     JsonString(u.unit), u.serial ? JsonString(ToHex(*u.serial)) : "null");
}

void PrintJson(const app::Reconciled& r) {
  std::string counts, odd;
  for (const ledger::Count& c : app::AccountTerms(r.account))
    counts += fmt::format("{}{}: {}", counts.empty() ? "" : ", ", JsonString(c.name), c.number);
  for (const ledger::Unexplained& u : r.account.odd) odd += (odd.empty() ? "" : ", ") + OddJson(u);
  PrintLine(fmt::format(R"({{"product": {}, "from": {}, "to": {}, "counts": {{{}}}, "odd": [{}]}})",
                        JsonString(r.product), JsonString(FormatTime(r.from)),
                        JsonString(FormatTime(r.to)), counts, odd));
}

void PrintText(const app::Reconciled& r) {
  const ledger::Account& a = r.account;
  PrintLine(fmt::format("{}  {} to {}", Bold(r.product), FormatTime(r.from), FormatTime(r.to)));
  PrintLine(fmt::format(
      "{} reserved + {} generated - {} void - {} destroyed - {} superseded - {} "
      "revoked = {}",
      a.reserved, a.generated, a.voided, a.destroyed, a.superseded, a.revoked, a.Left()));
  PrintLine(
      fmt::format("{} installed + {} delivered + {} in pools + {} held + {} on the line + {} "
                  "unexplained = {}",
                  a.installed, a.delivered, a.pool, a.held, a.on_line, a.unexplained, a.Right()));
  if (a.adopted > 0) PrintLine(fmt::format("{} adopted, declared only", a.adopted));
  PrintLine(fmt::format("units: {} good, {} scrapped, {} on the line", a.units_good,
                        a.units_scrapped, a.units_on_line));
  for (const ledger::Unexplained& u : a.odd) {
    PrintLine(fmt::format("{}  {}{}", u.why, u.unit,
                          u.serial ? "  certificate " + ToHex(*u.serial) : ""));
  }
  PrintLine(a.odd.empty() ? "closes to zero" : fmt::format("{} do not fit", a.odd.size()));
}

}  // namespace

Result<int> Reconcile(const Invocation& in) {
  std::optional<uint64_t> order;
  if (in.Has("--order")) {
    BM_TRY(order, in.Number("--order", 0, 0, 1'000'000'000));
  }
  SystemClock clock;
  app::Reconciled r;
  if (in.Has("--close")) {
    BM_TRY(app::KeySource keys, KeysFor(in));
    BM_TRY(auto f, app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"),
                                      in.Get("--as"), clock));
    BM_CHECK(app::RequireRole(*f, {"operator", "maintainer", "administrator"}, "a close"));
    BM_TRY(auto reader, f->NewReader());
    BM_TRY(r, app::Reconcile(*reader, f->adopted.plan.product.id, order, clock));
    if (!in.dry_run()) BM_CHECK(app::CloseReconcile(*f, r, clock));
  } else {
    BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
    BM_TRY(r, app::Reconcile(*reader, in.Get("--product"), order, clock));
  }
  if (in.json()) {
    PrintJson(r);
  } else {
    PrintText(r);
  }
  return r.account.odd.empty() ? 0 : 1;
}

}  // namespace birthmark::cli
