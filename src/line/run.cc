// SPDX-License-Identifier: Apache-2.0
#include "line/run.h"

#include <algorithm>
#include <set>

#include "ledger/events.h"
#include "ledger/sqlite/registry_seeds.h"
#include "line/steps.h"
#include "line/units.h"

namespace birthmark::line {
namespace {

constexpr int kTries = 3;

// NeedsPort is true for steps that are done from outside, with the processor held.
bool NeedsPort(const plan::Step& step) {
  using vocab::StepKind;
  switch (step.kind) {
    case StepKind::kBedOfNailsTest:
    case StepKind::kJtagTest:
    case StepKind::kSingleImageWrite:
      return true;
    case StepKind::kTestImageWrite:
    case StepKind::kFirstStageWrite:
      return !step.via || *step.via == vocab::Transfer::kMechanicallyInstalled;
    default:
      return false;
  }
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
      if (!ledger::IsFinished(row.state))
        out.push_back(row.unit.substr(s_.plan.product.id.size() + 1));
    }
    page.after_unit = rows.back().unit;
  }
  return out;
}

Result<size_t> LineRun::GoodVisits(const std::string& unit) {
  if (!scanned_) BM_CHECK(ScanVisits());
  scanned_ = true;
  auto it = good_visits_.find(unit);
  return it == good_visits_.end() ? 0 : it->second;
}

Status LineRun::ScanVisits() {
  BM_TRY(std::vector<std::string> unfinished, Unfinished());
  for (const std::string& serial : unfinished) good_visits_[UnitOf(serial)] = 0;
  if (good_visits_.empty()) return {};
  std::set<std::string> port_locked;
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  return reader->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (e.type == ledger::UnitVisit::kType) {
      BM_TRY(ledger::UnitVisit visit, ledger::BodyOf<ledger::UnitVisit>(e));
      auto it = good_visits_.find(visit.unit);
      if (it == good_visits_.end()) return {};
      if (visit.result == "good") ++it->second;
      for (const ledger::StepRecord& s : visit.steps) {
        if (s.step == vocab::ToText(vocab::StepKind::kPortLock) && s.outcome == "done")
          port_locked.insert(visit.unit);
      }
    } else if (e.type == ledger::UnitState::kType) {
      BM_TRY(ledger::UnitState state, ledger::BodyOf<ledger::UnitState>(e));
      auto it = good_visits_.find(state.unit);
      if (it != good_visits_.end() && state.state == "rework")
        it->second = port_locked.contains(state.unit) ? BehindPort() : 0;
      // What was recorded before a correction was of another board.
      if (it != good_visits_.end() && state.state == "corrected") it->second = 0;
    }
    return {};
  });
}

size_t LineRun::BehindPort() const {
  std::vector<Visit> visits = Visits();
  size_t behind = 0;
  for (size_t i = 0; i < visits.size(); ++i) {
    if (std::ranges::any_of(visits[i].steps, [](const plan::Step* s) { return NeedsPort(*s); }))
      behind = i + 1;
  }
  // The board is where it was shipped to.
  while (behind < visits.size() && visits[behind].steps.front()->kind == vocab::StepKind::kShip)
    ++behind;
  return behind;
}

Result<std::string> LineRun::NextSerial() {
  if (s_.pool != nullptr) {
    BM_TRY(std::optional<std::string> ahead, s_.pool->NextSerial());
    if (ahead) {  // handing out is issuing: a stopped lot stops both
      BM_CHECK(s_.desk.CheckLot());
      return *ahead;
    }
  }
  auto from_seed = [](const plan::IdentitySlot& s) {
    return s.method == vocab::Method::kCarrot && !s.mixes_entropy;
  };
  if (s_.seeds != nullptr && std::ranges::any_of(s_.plan.identities, from_seed)) {
    const std::string& product = s_.plan.product.id;
    BM_TRY(auto next, ledger::CarrotNext(s_.log.registry().db(), product, carrot_after_));
    if (!next) {
      return Refused("line.no-seed",
                     "no certificate of " + product + " is left that waits for its chip",
                     "birthmark seed import WS FILE, then seed issue");
    }
    BM_CHECK(s_.desk.CheckLot());
    carrot_after_ = next->seq;
    return next->unit.substr(product.size() + 1);
  }
  if (!serials_) serials_.emplace(s_.log.registry(), s_.plan);
  return serials_->Next();
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

Status LineRun::Ship(const std::string& unit, const plan::Step& step, bool last) {
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
  if (last) BM_CHECK(AppendState(all, unit, "shipped", "to " + leg.to));
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
  if (s_.secrets != nullptr) s_.secrets->context().station = v.station;
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
    fixture.Reach(station->link);
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
                    .chip = "",
                    .pool = s_.pool,
                    .elements = s_.elements,
                    .secrets = s_.secrets,
                    .seeds = s_.seeds,
                    .vendor_roots = s_.vendor_roots,
                    .labels = s_.labels};
      Time began = s_.clock.Now();
      auto strike = [&](Fault::When when) -> Status {
        if (s_.faults == nullptr) return {};
        return s_.faults->Strike(when, reached, fixture);
      };
      Result<method::Outcome> done = method::Outcome{};
      if (Status struck = strike(Fault::When::kBefore); !struck) {
        done = std::unexpected(struck.error());
      } else {
        done = RunStep(c);
      }
      if (done) BM_CHECK(strike(Fault::When::kAfter));
      Time ended = s_.clock.Now();
      ledger::StepRecord record{.at = Millis(ended),
                                .ms = (ended - began).count(),
                                .step = reached,
                                .proof = done ? done->proof : "none",
                                .outcome = done ? "done" : "failed",
                                .detail = done ? done->detail : done.error().message};
      if (std::string way = fixture.TakeTrace(); !way.empty()) record.detail->append("; " + way);
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
                e.code.starts_with("desk.") || e.code.starts_with("fixture.") ||
                e.code.starts_with("openocd.") || e.kind == ErrorKind::kInternal;
    bool refused_issue = e.code == "ledger.key-seen" || e.code == "ledger.slot-live";
    // What is wrong with our own house is not the unit's fault: it stays unfinished, and the line
    // stops.
    if (ours && !refused_issue) return std::unexpected(e);
    result.lamp = IsTransient(e)                 ? UnitResult::Lamp::kRetry
                  : e.code == "enrolled.waiting" ? UnitResult::Lamp::kWait
                                                 : UnitResult::Lamp::kScrap;
    result.why = fmt::format("{} at {}", e.message, reached);
    body.result = result.lamp == UnitResult::Lamp::kScrap ? "scrap" : "retry";
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
  BM_TRY(std::vector<ledger::IdentityRow> identities, s_.log.registry().IdentitiesOf(unit));
  for (const ledger::IdentityRow& i : identities) {
    if (i.state == "held") {
      return Refused("line.held", unit + ": its identity is on hold",
                     "birthmark cert revoke WS --unit UNIT --unhold, or scrap the unit");
    }
  }
  BM_TRY(std::optional<ledger::UnitRow> row, s_.log.registry().Unit(unit));
  if (!row || row->state == "corrected") {
    ledger::Submission begin;
    BM_CHECK(AppendState(begin, unit, "started", "on the line"));
    BM_CHECK(s_.log.Append(std::move(begin)));
  }
  std::vector<Visit> visits = Visits();
  for (size_t i = done; i < visits.size(); ++i) {
    if (visits[i].steps.front()->kind == vocab::StepKind::kShip) {
      BM_CHECK(Ship(unit, *visits[i].steps.front(), i + 1 == visits.size()));
      continue;
    }
    for (int attempt = 1;; ++attempt) {
      BM_TRY(UnitResult r, RunVisit(serial, visits[i], i + 1 == visits.size()));
      if (r.lamp == UnitResult::Lamp::kGood) break;
      if (r.lamp == UnitResult::Lamp::kRetry && attempt < kTries) {
        s_.tell(r);
        continue;
      }
      if (r.lamp == UnitResult::Lamp::kWait || (r.lamp == UnitResult::Lamp::kRetry && s_.patient)) {
        s_.tell(r);
        return r;
      }
      r.lamp = UnitResult::Lamp::kScrap;
      BM_TRY(ledger::Submission end,
             ScrapUnit(s_.log.registry(), s_.context, s_.clock, unit, r.why));
      BM_CHECK(s_.log.Append(std::move(end)));
      s_.tell(r);
      return r;
    }
  }
  UnitResult good{.serial = serial, .lamp = UnitResult::Lamp::kGood, .why = ""};
  s_.tell(good);
  return good;
}

}  // namespace birthmark::line
