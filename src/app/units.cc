// SPDX-License-Identifier: Apache-2.0
#include "app/units.h"

#include <algorithm>

#include "app/roles.h"
#include "ledger/events.h"
#include "line/units.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxReason = 200;

Status CheckReason(const std::string& reason) {
  if (!reason.empty() && reason.size() <= kMaxReason && IsUtf8(reason)) return {};
  return Usage("unit.reason", "a reason has 1 to 200 characters", "say why, in a few words");
}

Result<ledger::UnitRow> UnitNow(Factory& f, const std::string& typed) {
  BM_TRY(std::string unit, ResolveUnit(f.log->registry(), typed));
  BM_TRY(std::optional<ledger::UnitRow> row, f.log->registry().Unit(unit));
  if (!row)
    return Refused("unit.unknown", "no unit is called " + typed,
                   "`birthmark unit list WS` lists them");
  return *row;
}

Status NotIn(const ledger::UnitRow& row, std::initializer_list<std::string_view> states,
             std::string_view what) {
  if (std::ranges::find(states, row.state) == states.end()) return {};
  return Refused("unit.ended", fmt::format("{} is {}: it cannot be {}", row.unit, row.state, what),
                 "`birthmark unit show WS UNIT` tells its story");
}

Result<std::vector<ledger::IdentityRow>> LiveOf(Factory& f, const std::string& unit) {
  BM_TRY(std::vector<ledger::IdentityRow> rows, f.log->registry().IdentitiesOf(unit));
  std::erase_if(rows, [](const ledger::IdentityRow& r) { return !ledger::IsLive(r.state); });
  return rows;
}

// WasDone is true when a good visit of the unit did a step of this kind.
Result<bool> WasDone(Factory& f, const std::string& unit, vocab::StepKind kind) {
  BM_TRY(auto reader, f.NewReader());
  bool done = false;
  BM_CHECK(reader->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (e.type != ledger::UnitVisit::kType || e.subject != "unit:" + unit) return {};
    BM_TRY(ledger::UnitVisit visit, ledger::BodyOf<ledger::UnitVisit>(e));
    for (const ledger::StepRecord& s : visit.steps)
      done = done || (s.step == vocab::ToText(kind) && s.outcome == "done");
    return {};
  }));
  return done;
}

}  // namespace

Result<std::string> ResolveUnit(ledger::Registry& registry, const std::string& typed) {
  if (typed.find('/') != std::string::npos) return typed;
  BM_TRY(std::vector<ledger::PlanRow> plans, registry.Plans());
  std::optional<std::string> found;
  for (const ledger::PlanRow& p : plans) {
    std::string id = p.product + "/" + typed;
    BM_TRY(std::optional<ledger::UnitRow> row, registry.Unit(id));
    BM_TRY(std::vector<ledger::IdentityRow> identities, registry.IdentitiesOf(id));
    bool is = row || !identities.empty();
    if (is && found && *found != id)
      return Usage("unit.which", typed + ": several products have such a unit",
                   "write PRODUCT/" + typed);
    if (is) found = id;
  }
  if (found) return *found;
  return Refused("unit.unknown", "no unit is called " + typed,
                 "`birthmark unit list WS` lists them");
}

Result<ActedOn> Scrap(Factory& f, const UnitAct& act, const Clock& clock) {
  BM_CHECK(CheckReason(act.reason));
  BM_CHECK(RequireRole(f, {"operator", "maintainer", "administrator"}, "scrapping a unit"));
  BM_TRY(ledger::UnitRow row, UnitNow(f, act.unit));
  BM_CHECK(NotIn(row, {"scrapped", "corrected"}, "scrapped"));
  ActedOn out{.unit = row.unit, .state = "scrapped", .identities = {}};
  BM_TRY(out.identities, LiveOf(f, row.unit));
  BM_TRY(ledger::Submission all,
         line::ScrapUnit(f.log->registry(), f.context, clock, row.unit, act.reason));
  if (!act.dry_run) BM_CHECK(f.log->Append(std::move(all)));
  return out;
}

Result<ActedOn> Rework(Factory& f, const ReworkAct& act, const Clock& clock) {
  BM_CHECK(CheckReason(act.reason));
  BM_TRY(std::string role,
         RequireRole(f, {"operator", "maintainer", "administrator"}, "reworking a unit"));
  BM_TRY(ledger::UnitRow row, UnitNow(f, act.unit));
  BM_CHECK(NotIn(row, {"scrapped", "corrected", "adopted"}, "reworked"));
  ActedOn out{.unit = row.unit, .state = "rework", .identities = {}};
  BM_TRY(std::vector<ledger::IdentityRow> live, LiveOf(f, row.unit));
  BM_TRY(bool sealed, WasDone(f, row.unit, vocab::StepKind::kTamperProof));
  bool locked = std::ranges::any_of(
      live, [](const ledger::IdentityRow& r) { return r.state == "confirmed-locked"; });
  if (sealed && !act.override_seal) {
    return Refused("unit.sealed", row.unit + " is tamper-proof: the plan allows no rework after it",
                   "scrap it, or have a maintainer override: --override");
  }
  if (act.new_identity && locked && !act.override_seal) {
    return Refused("unit.locked", row.unit + ": its identity is locked, and stays",
                   "drop --new-identity, or have a maintainer override: --override");
  }
  std::string reason = act.reason;
  if (sealed || (act.new_identity && locked)) {
    BM_TRY(role, RequireRole(f, {"maintainer", "administrator"}, "an override"));
    reason = fmt::format("override by {}: {}", role, act.reason);
  }
  if (act.new_identity) out.identities = std::move(live);
  BM_TRY(ledger::Submission all,
         line::ReworkUnit(f.log->registry(), f.context, clock, row.unit, reason, act.new_identity));
  if (!act.dry_run) BM_CHECK(f.log->Append(std::move(all)));
  return out;
}

Result<ActedOn> Correct(Factory& f, const UnitAct& act, const std::string& to, const Clock& clock) {
  BM_CHECK(CheckReason(act.reason));
  BM_CHECK(RequireRole(f, {"operator", "maintainer", "administrator"}, "mending a mis-scan"));
  BM_TRY(ledger::UnitRow row, UnitNow(f, act.unit));
  BM_CHECK(NotIn(row, {"scrapped", "corrected", "adopted", "packed", "shipped"}, "corrected"));
  std::string product = row.unit.substr(0, row.unit.find('/'));
  std::string right = to.find('/') == std::string::npos ? product + "/" + to : to;
  if (right == row.unit)
    return Usage("unit.same", "a unit is corrected to another one", "name the right serial number");
  if (!right.starts_with(product + "/") || right.size() == product.size() + 1)
    return Usage("unit.which", right + " is of another product", "a board does not change product");
  ActedOn out{.unit = row.unit, .state = "corrected", .identities = {}};
  BM_TRY(out.identities, LiveOf(f, row.unit));
  for (const ledger::IdentityRow& i : out.identities) {
    if (i.state == "issued") continue;
    return Refused(
        "unit.installed",
        fmt::format("{}: its identity is {}: the device has it", row.unit, i.state),
        "the wrong name is in the device: birthmark unit rework --new-identity, or scrap");
  }
  BM_TRY(std::optional<ledger::UnitRow> target, f.log->registry().Unit(right));
  if (target && target->state != "corrected") {
    return Refused("unit.ended", fmt::format("{} is {} already", right, target->state),
                   "look at both: birthmark unit show WS UNIT");
  }
  BM_TRY(ledger::Submission all,
         line::CorrectUnit(f.log->registry(), f.context, clock, row.unit, right, act.reason));
  if (!act.dry_run) BM_CHECK(f.log->Append(std::move(all)));
  return out;
}

}  // namespace birthmark::app
