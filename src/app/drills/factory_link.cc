// SPDX-License-Identifier: Apache-2.0
// drill factory-link: the factory is cut off from everything else for some hours. The line goes on
// from its pools, its stations' quotas and its own subordinates; what it did is told at the end. On
// the copy every unit of those hours is made hour by hour, brought in late, and accounted for.
#include <algorithm>

#include "app/drills/play.h"
#include "app/station.h"
#include "ledger/events.h"
#include "ledger/sqlite/account.h"
#include "ledger/sqlite/pool_table.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kMostUnits = 5000;
constexpr uint64_t kDefaultRate = 10;
constexpr auto kOneHour = std::chrono::hours(1);
constexpr size_t kUnitsACommit = 250;

// RateOf is units an hour over the log's life, or a small number for a log of hours.
Result<uint64_t> RateOf(DrillCopy& c) {
  BM_TRY(auto reader, c.factory().NewReader());
  BM_TRY(ledger::Event first, reader->EventAt(0));
  BM_TRY(uint64_t units, c.registry().CountUnits({.product = c.plan().product.id}));
  const int64_t hours = (Millis(c.began()) - first.at) / 3'600'000;
  if (hours < 24 || units == 0) return kDefaultRate;
  return std::max<uint64_t>(1, units / static_cast<uint64_t>(hours));
}

Result<ledger::Account> AccountNow(DrillCopy& c) {
  ledger::AccountOptions options{.product = c.plan().product.id,
                                 .order = std::nullopt,
                                 .now = Millis(c.clock().Now()),
                                 .has_identity = !c.plan().identities.empty()};
  for (const plan::IdentitySlot& s : c.plan().identities)
    if (s.batch) options.shared_slots.emplace_back(vocab::ToText(s.slot));
  return ledger::AccountOf(c.registry().db(), options);
}

class Hours {
 public:
  Hours(DrillCopy& c, std::string station)
      : c_(c), station_(std::move(station)), desk_(DeskOf(c, station_)) {}

  // MakeOne makes one unit at the copy's time and keeps its events for later.
  Status MakeOne(uint64_t number) {
    const Time at = c_.clock().Now();
    std::string unit;
    Bytes serial;
    std::string slot;
    BM_TRY(std::optional<Ahead> ahead, NextAhead());
    if (ahead) {
      unit = ahead->row.unit;
      serial = ahead->identity.serial;
      slot = ahead->identity.slot;
      Keep(at, "unit:" + unit,
           ledger::PoolReleased{.id = ahead->row.id, .unit = unit, .station = ahead->row.station});
      ++from_pool_;
    } else {
      BM_TRY(method::Order order, OrderFor(c_, fmt::format("DRILL-{:05}", number)));
      BM_TRY(ledger::IdentityIssued body, desk_.Certify(order));
      unit = order.job.unit;
      slot = order.job.slot;
      serial = body.serial;
      ++from_[body.ca];
      Keep(at, "unit:" + unit, body);
    }
    ledger::UnitVisit visit;
    visit.id = fmt::format("drill-{}", number);
    visit.unit = unit;
    visit.result = "good";
    visit.station = station_;
    if (const plan::Station* s = c_.plan().FindStation(station_)) visit.site = s->site;
    Keep(
        at, "unit:" + unit,
        ledger::IdentityState{
            .slot = slot, .unit = unit, .state = "installed", .reason = "drill", .serial = serial});
    Keep(at, "unit:" + unit, visit);
    Keep(at, "unit:" + unit, ledger::UnitState{.unit = unit, .state = "packed", .reason = "drill"});
    made_at_.push_back(at);
    return {};
  }

  // Bring writes down everything that was kept, as the line does when the link is back.
  Status Bring() {
    ledger::Submission all;
    for (size_t i = 0; i < kept_.size(); ++i) {
      BM_TRY(ledger::NewEvent e, ledger::Prepare(kept_[i]));
      all.push_back(std::move(e));
      if (all.size() >= 4 * kUnitsACommit || i + 1 == kept_.size())
        BM_CHECK(c_.factory().log->Append(std::exchange(all, {})));
    }
    return {};
  }

  uint64_t made() const { return made_at_.size(); }
  uint64_t from_pool() const { return from_pool_; }
  const std::map<std::string, uint64_t>& from() const { return from_; }
  uint64_t LateBy(Time now, std::chrono::milliseconds late) const {
    return static_cast<uint64_t>(
        std::ranges::count_if(made_at_, [&](Time t) { return now - t > late; }));
  }

 private:
  struct Ahead {
    ledger::PoolRow row;
    ledger::IdentityRow identity;
  };
  // NextAhead is the pool's next identity that was not taken in these hours.
  Result<std::optional<Ahead>> NextAhead() {
    for (;;) {
      while (at_ < ahead_.size()) {
        ledger::PoolRow row = ahead_[at_++];
        from_place_ = {row.seq, row.pos + 1};
        BM_TRY(auto its, c_.registry().IdentitiesOf(row.unit));
        for (ledger::IdentityRow& i : its)
          if (i.state == "issued") return Ahead{std::move(row), std::move(i)};
      }
      if (pool_done_) return std::nullopt;
      at_ = 0;
      BM_TRY(ahead_, ledger::PoolNext(c_.registry().db(), PoolStation(), c_.plan().product.id,
                                      from_place_, 1000));
      pool_done_ = ahead_.size() < 1000;
    }
  }
  std::string PoolStation() const {
    auto levels = ledger::PoolLevels(c_.registry().db(), 0);
    if (levels)
      for (const ledger::PoolLevel& l : *levels)
        if (l.product == c_.plan().product.id && l.left > 0) return l.station;
    return "";
  }
  template <class B>
  void Keep(Time at, const std::string& subject, const B& body) {
    ledger::EventContext context = c_.factory().context;
    if (!station_.empty()) context.station = station_;
    kept_.push_back(ledger::MakeEvent(context, at, subject, body));
  }

  DrillCopy& c_;
  std::string station_;
  line::IssuingDesk desk_;
  std::vector<ledger::Event> kept_;
  std::vector<Time> made_at_;
  uint64_t from_pool_ = 0;
  std::map<std::string, uint64_t> from_;
  std::vector<ledger::PoolRow> ahead_;
  size_t at_ = 0;
  bool pool_done_ = false;
  ledger::PoolPlace from_place_;
};

}  // namespace

Status DrillFactoryLink(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_CHECK(c.MakeTwins(false));
  BM_TRY(uint64_t rate, RateOf(c));
  if (o.per_hour > 0) rate = o.per_hour;
  r.about = fmt::format(
      "The factory is cut off for {} hours: no level above, no renewal, nothing "
      "published. The line wants {} units an hour.",
      o.hours, rate);
  // Stations that work by themselves have their quota and nothing else.
  BM_TRY(auto reader, c.factory().NewReader());
  BM_TRY(std::vector<StationRow> islands, Stations(*reader));
  reader.reset();
  std::set<std::string> quotas;
  for (const StationRow& s : islands)
    if (s.state == "joined" && !s.ca.empty() && s.product == c.plan().product.id)
      quotas.insert(s.ca);
  for (Twin& t : c.twins()) {
    const plan::Pki* pki = c.plan().FindPki(t.row.pki);
    const bool issues = pki != nullptr && t.row.level == pki->levels.size();
    if (!issues || (!quotas.empty() && !quotas.contains(t.row.id)))
      BM_CHECK(c.keys().Destroy(t.id));
  }
  std::string station;
  for (const plan::Step& s : c.plan().steps)
    if (s.kind == vocab::StepKind::kIdentityProvision ||
        s.kind == vocab::StepKind::kSingleImageWrite)
      station = s.station;
  BM_TRY(ledger::Account before, AccountNow(c));
  Hours hours(c, station);
  std::optional<Time> stopped;
  std::string why;
  uint64_t number = 0;
  for (uint64_t h = 0; h < o.hours && !stopped; ++h) {
    c.clock().Set(r.at + static_cast<int64_t>(h) * kOneHour);
    for (uint64_t i = 0; i < rate && number < kMostUnits && !stopped; ++i) {
      if (Status s = hours.MakeOne(++number); !s) {
        if (s.error().kind != ErrorKind::kNegative) return s;
        stopped = c.clock().Now();
        why = s.error().message;
      }
    }
  }
  if (number >= kMostUnits) {
    r.notes.push_back(
        fmt::format("the copy made {} units and no more, whatever the hours: the "
                    "rest is the same again",
                    kMostUnits));
  }
  const Time back = r.at + static_cast<int64_t>(o.hours) * kOneHour;
  c.clock().Set(back);
  BM_CHECK(hours.Bring());
  BM_TRY(ledger::Account after, AccountNow(c));

  r.Count("made", hours.made());
  r.Count("from-pool", hours.from_pool());
  r.lives.push_back({"making " + c.plan().product.name + fmt::format(" at {} an hour", rate), r.at,
                     stopped, why, true});
  if (hours.from_pool() > 0) {
    const auto lasted = std::chrono::milliseconds(
        static_cast<int64_t>(hours.from_pool() * 3'600'000 / std::max<uint64_t>(rate, 1)));
    r.lives.push_back({fmt::format("the pool: {} identities", hours.from_pool()), r.at,
                       r.at + lasted, "subordinates and quotas", true});
  }
  for (const auto& [ca, n] : hours.from()) {
    for (const Twin& t : c.twins()) {
      if (t.id != ca) continue;
      std::optional<Time> until;
      if (t.row.issues_until) until = TimeFromMillis(*t.row.issues_until);
      r.lives.push_back(
          {fmt::format("{}: {} issued{}", t.row.name, n,
                       t.row.max_count ? fmt::format(" of {} left", *t.row.max_count - t.row.issued)
                                       : std::string()),
           r.at, until, "a successor, from the level above", false});
    }
  }
  r.lives.push_back({"what the line did is seen elsewhere", back, std::nullopt, "", true});
  const uint64_t late = hours.LateBy(back, std::chrono::hours(24));
  r.Count("late", late);
  r.notes.push_back(
      fmt::format("{} units were made; {} of them are known elsewhere more than a "
                  "day after they were made",
                  hours.made(), late));
  r.Check("the line wants no key above the issuing level", hours.made() > 0 || stopped.has_value(),
          fmt::format("{} units made", hours.made()));
  r.Check("brought in late, the account closes as before",
          after.unexplained == before.unexplained && after.Left() == after.Right(),
          fmt::format("{} unexplained, {} before", after.unexplained, before.unexplained));
  r.Check("every unit of those hours is in it",
          after.units_good == before.units_good + hours.made(),
          fmt::format("{} good, {} before", after.units_good, before.units_good));
  if (stopped) {
    r.Do("Make pool or quota larger: so many hours want so many identities.",
         Bm(o, "pool fill",
            fmt::format("--count {} --station {}", rate * o.hours - hours.made(), station)));
  }
  r.Do("Watch what is left while the link is away.", Bm(o, "pool status"));
  r.Do("Let the line go on; nothing waits for the link.", Bm(o, "line run", "--units N"));
  r.Do("When it is back: have stations tell.", "birthmark line push DIR");
  r.Do("Account for the days.", Bm(o, "reconcile"));
  r.Do("Publish what waited: lists, checkpoints.", Bm(o, "ledger checkpoint", "-o CHECKPOINT"));
  return {};
}

}  // namespace birthmark::app
