// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-day: a day of a large bamboo line on a simulated clock. The pool is filled while
// the link is up, the line takes from it all day, processes die between a release and the device,
// units are scrapped; at midnight the account has to come out at zero.
//   birthmark-bench-day [--units N] [--dir FOLDER]
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "app/factory.h"
#include "app/init.h"
#include "app/pool.h"
#include "app/reconcile.h"
#include "base/files.h"
#include "bench/measure.h"
#include "line/units.h"
#include "plan/examples.h"
#include "plan/parse.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;

constexpr auto kHour = std::chrono::hours(1);
constexpr uint64_t kScrapEvery = 333;   // 0.3 % of the units
constexpr uint64_t kDeathEvery = 5000;  // a process that dies with a released key

template <class T>
void Try(const Result<T>& r) {
  if (r) return;
  fmt::print(stderr, "birthmark-bench-day: {}\n", r.error().ToString());
  std::exit(1);
}

struct Day {
  fs::path dir;
  uint64_t units;
  ManualClock clock{SystemClock().Now()};
  std::unique_ptr<app::Factory> factory;
  std::unique_ptr<line::Pool> pool;
  std::vector<double> hand_out_ms;
  uint64_t good = 0, scrapped = 0, lost = 0;
  double filling = 0;

  void Open(const app::KeySource& keys) {
    pool.reset();
    factory.reset();
    factory = Must(app::Factory::Open(dir / "ws", keys, false, "", "", clock));
  }
  void Fill(uint64_t count) {
    pool.reset();
    double from = Wall();
    Try(app::FillPool(*factory, {.station = "burner", .count = count, .made = {}}, clock));
    filling += Wall() - from;
    pool = Must(app::OpenPool(*factory, clock));
  }
  template <class B>
  void Add(ledger::Submission& out, const std::string& unit, const B& body) {
    out.push_back(Must(
        ledger::Prepare(ledger::MakeEvent(factory->context, clock.Now(), "unit:" + unit, body))));
  }
  // Make is one unit's stay: what the line writes of it, without the device.
  void Make(uint64_t n) {
    auto serial = Must(pool->NextSerial());
    if (!serial) {
      fmt::print(stderr, "birthmark-bench-day: the pool ran dry at unit {}\n", n);
      std::exit(1);
    }
    const std::string unit = factory->adopted.plan.product.id + "/" + *serial;
    ledger::Submission begin;
    Add(begin, unit, ledger::UnitState{.unit = unit, .state = "started", .reason = "on the line"});
    Try(factory->log->Append(std::move(begin)));
    double from = Wall();
    auto made =
        Must(pool->Release({.unit = unit, .serial = *serial, .slot = "idevid", .subject = ""}));
    hand_out_ms.push_back((Wall() - from) * 1e3);
    if (!made) {
      fmt::print(stderr, "birthmark-bench-day: {} is in no pool\n", unit);
      std::exit(1);
    }
    auto row = Must(factory->log->registry().IdentitiesOf(unit)).front();
    auto state = [&](const char* word, const char* reason) {
      return ledger::IdentityState{
          .slot = row.slot, .unit = unit, .state = word, .reason = reason, .serial = row.serial};
    };
    ledger::Submission end;
    ledger::UnitVisit visit{.id = FormatUuid(NewUuid(clock.Now(), factory->rng)),
                            .site = "da-nang",
                            .unit = unit,
                            .steps = {},
                            .report = std::nullopt,
                            .result = "good",
                            .station = "burner",
                            .sessions = {},
                            .read_backs = {},
                            .reason = std::nullopt,
                            .chip = ToHex(row.spki).substr(0, 24)};
    if (n % kDeathEvery == kDeathEvery - 1) {
      // The process died between the release and the device: what was released is void, the board
      // is scrapped with it here (the line would give it a new one).
      ++lost;
      visit.result = "scrap";
      visit.reason = "the key died with its process";
    } else if (n % kScrapEvery == kScrapEvery - 1) {
      visit.result = "scrap";
      visit.reason = "broken";
    }
    Add(end, unit, visit);
    if (visit.result == "good") {
      Add(end, unit, state("installed", "read back"));
      Add(end, unit, ledger::UnitState{.unit = unit, .state = "packed", .reason = "done"});
      ++good;
    } else {
      ledger::Submission scrap = Must(
          line::ScrapUnit(factory->log->registry(), factory->context, clock, unit, *visit.reason));
      for (auto& e : scrap) end.push_back(std::move(e));
      ++scrapped;
    }
    Try(factory->log->Append(std::move(end)));
  }
};

int Run(const fs::path& under, uint64_t units) {
  std::string name = (under / "birthmark-day-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return 1;
  Day day{.dir = name, .units = units};
  plan::Parsed plan = plan::ParsePlan(plan::FindExample("bulb")->text);
  app::KeySource keys;
  for (const char* which : {"online", "offline"})
    Try(WriteFileAtomic(day.dir / which, std::string(which) + " passphrase\n", 0600));
  keys.online.file = day.dir / "online";
  keys.offline.file = day.dir / "offline";
  Try(app::Init({.workspace = day.dir / "ws", .plan_file = day.dir / "plan.toml"}, *plan.plan, keys,
                day.clock));
  day.Open(keys);
  double from = Wall();
  const auto step = std::chrono::milliseconds(24 * kHour) / static_cast<int64_t>(units);
  // The link is up for a quarter of an hour before midnight, 06:00 and 20:00; it is down in
  // between.
  const uint64_t fills[] = {units * 6 / 24, units * 14 / 24, units * 4 / 24};
  const uint64_t at[] = {0, units * 6 / 24, units * 20 / 24};
  size_t next = 0;
  for (uint64_t n = 0; n < units; ++n) {
    if (next < 3 && n == at[next])
      day.Fill(fills[next] + (next == 2 ? units % 24 + 24 : 0)), ++next;
    day.Make(n);
    day.clock.Set(day.clock.Now() + step);
  }
  double made = Wall() - from;
  day.pool.reset();
  day.factory->log.reset();
  double account_from = Wall();
  auto reader = Must(app::OpenReader(day.dir / "ws"));
  auto r = Must(app::Reconcile(*reader, "", std::nullopt, day.clock));
  double account = Wall() - account_from;
  std::ranges::sort(day.hand_out_ms);
  auto at_part = [&](double p) {
    return day.hand_out_ms[static_cast<size_t>(p * static_cast<double>(units - 1))];
  };
  fmt::print(
      "a day of {} units in {:.0f} s: {} good, {} scrapped ({} with a key that died), three "
      "fills at {:.0f}/s\n",
      units, made, day.good, day.scrapped, day.lost,
      static_cast<double>(fills[0] + fills[1] + fills[2]) / day.filling);
  fmt::print("pool hand-out: {:.2f} ms median, {:.2f} ms p99, {:.2f} ms worst\n", at_part(0.5),
             at_part(0.99), day.hand_out_ms.back());
  fmt::print("reconcile in {:.2f} s: {} unexplained\n", account, r.account.unexplained);
  for (const ledger::Count& c : app::AccountTerms(r.account))
    fmt::print("  {:<22} {:>8}\n", c.name, c.number);
  reader.reset();
  std::error_code ec;
  fs::remove_all(day.dir, ec);
  return r.account.unexplained == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  fs::path dir = "/var/tmp";  // a disk, where /tmp may be memory
  uint64_t units = 100'000;
  bool good = argc % 2 == 1;
  for (int i = 1; good && i + 1 < argc; i += 2) {
    std::string_view word = argv[i], value = argv[i + 1];
    if (word == "--dir") {
      dir = value;
    } else if (word == "--units") {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), units);
      good = error == std::errc() && end == value.data() + value.size() && units >= 24;
    } else {
      good = false;
    }
  }
  if (!good) {
    fmt::print(stderr, "usage: birthmark-bench-day [--units N] [--dir FOLDER]\n");
    return 2;
  }
  return Run(dir, units);
}
