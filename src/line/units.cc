// SPDX-License-Identifier: Apache-2.0
#include "line/units.h"

#include "ledger/events.h"

namespace birthmark::line {
namespace {

// Acts gathers the events of one submission about one unit.
class Acts {
 public:
  Acts(ledger::Registry& registry, const ledger::EventContext& context, const Clock& clock)
      : registry_(registry), context_(context), clock_(clock) {}

  template <class B>
  Status Add(const std::string& unit, const B& body) {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(context_, clock_.Now(), "unit:" + unit, body)));
    all_.push_back(std::move(e));
    return {};
  }
  // EndIdentities moves every live identity of a unit to a state in which it is not.
  Status EndIdentities(const std::string& unit, const std::string& state,
                       const std::string& reason) {
    BM_TRY(std::vector<ledger::IdentityRow> rows, registry_.IdentitiesOf(unit));
    for (const ledger::IdentityRow& row : rows) {
      if (!ledger::IsLive(row.state)) continue;
      BM_CHECK(Add(unit, ledger::IdentityState{.slot = row.slot,
                                               .unit = unit,
                                               .state = state,
                                               .reason = reason,
                                               .serial = row.serial}));
    }
    return {};
  }
  Status State(const std::string& unit, const std::string& state, const std::string& reason) {
    return Add(unit, ledger::UnitState{.unit = unit, .state = state, .reason = reason});
  }
  ledger::Submission Take() { return std::move(all_); }

 private:
  ledger::Registry& registry_;
  const ledger::EventContext& context_;
  const Clock& clock_;
  ledger::Submission all_;
};

}  // namespace

Result<ledger::Submission> ScrapUnit(ledger::Registry& registry,
                                     const ledger::EventContext& context, const Clock& clock,
                                     const std::string& unit, const std::string& reason) {
  Acts acts(registry, context, clock);
  BM_CHECK(acts.EndIdentities(unit, "revoked", "unit scrapped"));
  BM_CHECK(acts.State(unit, "scrapped", reason));
  return acts.Take();
}

Result<ledger::Submission> ReworkUnit(ledger::Registry& registry,
                                      const ledger::EventContext& context, const Clock& clock,
                                      const std::string& unit, const std::string& reason,
                                      bool new_identity) {
  Acts acts(registry, context, clock);
  if (new_identity) BM_CHECK(acts.EndIdentities(unit, "superseded", "rework: " + reason));
  BM_CHECK(acts.State(unit, "rework", reason));
  return acts.Take();
}

Result<ledger::Submission> CorrectUnit(ledger::Registry& registry,
                                       const ledger::EventContext& context, const Clock& clock,
                                       const std::string& from, const std::string& to,
                                       const std::string& reason) {
  Acts acts(registry, context, clock);
  BM_CHECK(acts.Add(from, ledger::UnitCorrected{.to = to, .from = from, .reason = reason}));
  BM_CHECK(acts.EndIdentities(from, "void", "mis-scan of " + to));
  BM_CHECK(acts.State(from, "corrected", "the board was " + to));
  BM_CHECK(acts.State(to, "started", "was recorded as " + from));
  return acts.Take();
}

}  // namespace birthmark::line
