// SPDX-License-Identifier: Apache-2.0
#include "line/run.h"

#include "ledger/events.h"
#include "line/steps.h"

namespace birthmark::line {
namespace {

constexpr int kTries = 3;

bool Finished(std::string_view state) {
  return state == "packed" || state == "shipped" || state == "scrapped";
}

}  // namespace

LineRun::LineRun(RunServices services) : s_(std::move(services)) {}

std::vector<LineRun::Visit> LineRun::Visits() const {
  std::vector<Visit> out;
  for (const plan::Step& step : s_.plan.steps) {
    bool ship = step.kind == vocab::StepKind::kShip;
    if (out.empty() || out.back().station != step.station || ship ||
        out.back().steps.front()->kind == vocab::StepKind::kShip) {
      out.push_back({step.station, {}});
    }
    out.back().steps.push_back(&step);
  }
  return out;
}

Result<std::vector<std::string>> LineRun::Unfinished() {
  std::vector<std::string> out;
  ledger::Page page{.limit = 1000, .after_seq = std::nullopt, .after_unit = std::nullopt};
  for (;;) {
    BM_TRY(std::vector<ledger::UnitRow> rows,
           s_.log.registry().Units(
               {.product = s_.plan.product.id, .state = std::nullopt, .site = std::nullopt}, page));
    if (rows.empty()) break;
    for (const ledger::UnitRow& row : rows) {
      if (!Finished(row.state)) out.push_back(row.unit.substr(s_.plan.product.id.size() + 1));
    }
    page.after_unit = rows.back().unit;
  }
  return out;
}

Result<size_t> LineRun::GoodVisits(const std::string& unit) {
  if (!scanned_) {
    BM_TRY(std::vector<std::string> unfinished, Unfinished());
    for (const std::string& serial : unfinished) good_visits_[UnitOf(serial)] = 0;
    scanned_ = true;
    if (!good_visits_.empty()) {
      BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
      BM_CHECK(reader->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
        if (e.type != ledger::UnitVisit::kType) return {};
        BM_TRY(ledger::UnitVisit visit, ledger::BodyOf<ledger::UnitVisit>(e));
        auto it = good_visits_.find(visit.unit);
        if (it != good_visits_.end() && visit.result == "good") ++it->second;
        return {};
      }));
    }
  }
  auto it = good_visits_.find(unit);
  return it == good_visits_.end() ? 0 : it->second;
}

Result<std::string> LineRun::NextSerial() {
  if (s_.plan.product.serial_list) {
    return Refused("line.serial-list", "this release takes serial numbers from a pattern",
                   "set serial-pattern in the plan");
  }
  // Numbers below the count are taken, unless some were skipped; the search closes the difference.
  if (next_number_ == 1) {
    BM_TRY(uint64_t count,
           s_.log.registry().CountUnits(
               {.product = s_.plan.product.id, .state = std::nullopt, .site = std::nullopt}));
    next_number_ = count + 1;
  }
  for (int tries = 0; tries < 1'000'000; ++tries) {
    std::string serial = plan::FormatSerial(s_.plan.product.serial_pattern, next_number_);
    BM_TRY(std::optional<ledger::UnitRow> row, s_.log.registry().Unit(UnitOf(serial)));
    if (!row) return serial;
    ++next_number_;
  }
  return Refused("line.serials-used-up", "no free serial number was found in the plan's pattern");
}

Status LineRun::AppendState(ledger::Submission& out, const std::string& unit,
                            const std::string& state, const std::string& reason) {
  BM_TRY(ledger::NewEvent e,
         ledger::Prepare(
             ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + unit,
                               ledger::UnitState{.unit = unit, .state = state, .reason = reason})));
  out.push_back(std::move(e));
  return {};
}

Status LineRun::Ship(const std::string& unit, const plan::Step& step) {
  const plan::Station* from = s_.plan.FindStation(step.station);
  Time now = s_.clock.Now();
  ledger::CustodyLeg leg{.to = step.to.value_or(""),
                         .from = from->site,
                         .units = {unit},
                         .arrived = Millis(now),
                         .departed = Millis(now),
                         .handover = "carrier"};
  BM_TRY(ledger::NewEvent e,
         ledger::Prepare(ledger::MakeEvent(s_.context, now, "unit:" + unit, leg)));
  ledger::Submission all;
  all.push_back(std::move(e));
  ledger::UnitVisit visit{.id = FormatUuid(NewUuid(now, s_.rng)),
                          .site = from->site,
                          .unit = unit,
                          .steps = {},
                          .report = std::nullopt,
                          .result = "good",
                          .station = step.station,
                          .sessions = {},
                          .read_backs = {},
                          .reason = std::nullopt,
                          .chip = std::nullopt};
  if (auto it = s_.sessions.find(step.station); it != s_.sessions.end())
    visit.sessions.push_back(it->second);
  visit.steps.push_back({.at = Millis(now),
                         .ms = 0,
                         .step = std::string(vocab::ToText(step.kind)),
                         .proof = "station-log",
                         .outcome = "done",
                         .detail = "to " + leg.to});
  BM_TRY(ledger::NewEvent v,
         ledger::Prepare(ledger::MakeEvent(s_.context, now, "unit:" + unit, visit)));
  all.push_back(std::move(v));
  BM_CHECK(s_.log.Append(std::move(all)));
  return {};
}

Status LineRun::Scrap(const std::string& unit, const std::string& reason) {
  // The same commit decides on the unit's identities, so that no live identity outlasts its board.
  ledger::Submission all;
  BM_TRY(std::vector<ledger::IdentityRow> rows, s_.log.registry().IdentitiesOf(unit));
  for (const ledger::IdentityRow& row : rows) {
    if (!ledger::IsLive(row.state)) continue;
    ledger::IdentityState body{.slot = row.slot,
                               .unit = unit,
                               .state = "revoked",
                               .reason = "unit scrapped",
                               .serial = row.serial};
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + unit, body)));
    all.push_back(std::move(e));
  }
  BM_CHECK(AppendState(all, unit, "scrapped", reason));
  BM_CHECK(s_.log.Append(std::move(all)));
  return {};
}

Result<UnitResult> LineRun::RunVisit(const std::string& serial, const Visit& v, bool last) {
  std::string unit = UnitOf(serial);
  const plan::Station* station = s_.plan.FindStation(v.station);
  ledger::UnitVisit body{.id = FormatUuid(NewUuid(s_.clock.Now(), s_.rng)),
                         .site = station->site,
                         .unit = unit,
                         .steps = {},
                         .report = std::nullopt,
                         .result = "good",
                         .station = v.station,
                         .sessions = {},
                         .read_backs = {},
                         .reason = std::nullopt,
                         .chip = std::nullopt};
  if (auto it = s_.sessions.find(v.station); it != s_.sessions.end())
    body.sessions.push_back(it->second);
  std::string names;
  for (const plan::Step* step : v.steps) {
    names += (names.empty() ? "" : " ") + std::string(vocab::ToText(step->kind));
  }
  ledger::EventContext context = s_.context;
  context.station = v.station;
  s_.desk.context().station = v.station;
  BM_CHECK(s_.log.Append(
      ledger::MakeEvent(context, s_.clock.Now(), "unit:" + unit,
                        ledger::UnitIntent{.step = names, .unit = unit, .visit = body.id})));

  UnitResult result{.serial = serial, .lamp = UnitResult::Lamp::kGood, .why = ""};
  std::string reached;
  auto work = [&]() -> Status {
    BM_TRY(Fixture fixture, s_.place(serial));
    if (s_.plan.board && fixture.board().name != plan::ToText(*s_.plan.board)) {
      return Refused("line.board",
                     fmt::format("the board on the fixture is {}, the plan's is {}",
                                 fixture.board().name, plan::ToText(*s_.plan.board)),
                     "check which product is on this line");
    }
    for (const plan::Step* step : v.steps) {
      reached = vocab::ToText(step->kind);
      StepContext c{.device = fixture,
                    .plan = s_.plan,
                    .step = *step,
                    .firmware = s_.firmware,
                    .desk = s_.desk,
                    .job = {.unit = unit,
                            .serial = serial,
                            .slot = "",
                            .subject = fmt::format("O={},serialNumber={}",
                                                   s_.plan.product.manufacturer, serial)},
                    .station_place = "station " + v.station,
                    .rng = s_.rng,
                    .report = std::nullopt,
                    .chip = ""};
      Time began = s_.clock.Now();
      Result<method::Outcome> done = RunStep(c);
      Time ended = s_.clock.Now();
      ledger::StepRecord record{.at = Millis(ended),
                                .ms = (ended - began).count(),
                                .step = reached,
                                .proof = done ? done->proof : "none",
                                .outcome = done ? "done" : "failed",
                                .detail = done ? done->detail : done.error().message};
      body.steps.push_back(std::move(record));
      if (!c.chip.empty()) body.chip = c.chip;
      if (c.report) body.report = c.report;
      if (!done) return std::unexpected(done.error());
      body.read_backs.insert(body.read_backs.end(), done->read_backs.begin(),
                             done->read_backs.end());
    }
    return {};
  };
  Status status = work();
  if (!status) {
    const Error& e = status.error();
    bool ours = e.code.starts_with("ledger.") || e.code.starts_with("keystore.") ||
                e.code.starts_with("desk.") || e.kind == ErrorKind::kInternal;
    bool refused_issue = e.code == "ledger.key-seen" || e.code == "ledger.slot-live";
    // What is wrong with our own house is not the unit's fault: it stays unfinished, and the line
    // stops.
    if (ours && !refused_issue) return std::unexpected(e);
    result.lamp = IsTransient(e) ? UnitResult::Lamp::kRetry : UnitResult::Lamp::kScrap;
    result.why = fmt::format("{} at {}", e.message, reached);
    body.result = result.lamp == UnitResult::Lamp::kRetry ? "retry" : "scrap";
    body.reason = result.why;
  }
  ledger::Submission all;
  BM_TRY(ledger::NewEvent visit_event,
         ledger::Prepare(ledger::MakeEvent(context, s_.clock.Now(), "unit:" + unit, body)));
  all.push_back(std::move(visit_event));
  if (status) {
    for (const plan::Step* step : v.steps) {
      if (step->kind == vocab::StepKind::kFirstStageLock)
        BM_CHECK(AppendState(all, unit, "locked", "first stage locked"));
    }
    if (last) BM_CHECK(AppendState(all, unit, "packed", "all steps of the plan done"));
  }
  BM_CHECK(s_.log.Append(std::move(all)));
  return result;
}

Result<UnitResult> LineRun::RunUnit(const std::string& serial) {
  std::string unit = UnitOf(serial);
  BM_TRY(size_t done, GoodVisits(unit));
  BM_TRY(std::optional<ledger::UnitRow> row, s_.log.registry().Unit(unit));
  if (!row) {
    ledger::Submission begin;
    BM_CHECK(AppendState(begin, unit, "started", "on the line"));
    BM_CHECK(s_.log.Append(std::move(begin)));
  }
  std::vector<Visit> visits = Visits();
  for (size_t i = done; i < visits.size(); ++i) {
    if (visits[i].steps.front()->kind == vocab::StepKind::kShip) {
      BM_CHECK(Ship(unit, *visits[i].steps.front()));
      continue;
    }
    for (int attempt = 1;; ++attempt) {
      BM_TRY(UnitResult r, RunVisit(serial, visits[i], i + 1 == visits.size()));
      if (r.lamp == UnitResult::Lamp::kGood) break;
      if (r.lamp == UnitResult::Lamp::kRetry && attempt < kTries) {
        s_.tell(r);
        continue;
      }
      r.lamp = UnitResult::Lamp::kScrap;
      BM_CHECK(Scrap(unit, r.why));
      s_.tell(r);
      return r;
    }
  }
  UnitResult good{.serial = serial, .lamp = UnitResult::Lamp::kGood, .why = ""};
  s_.tell(good);
  return good;
}

}  // namespace birthmark::line
