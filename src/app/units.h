// SPDX-License-Identifier: Apache-2.0
// What people do to units outside of the line: scrap, rework, mending a mis-scan. Each checks who
// acts and whether the unit may still be touched, then commits once. Not thread-safe.
#pragma once

#include <string>

#include "app/factory.h"

namespace birthmark::app {

// ResolveUnit turns what people type ("BMC-0001") into a unit's id ("ridgeback-s1/BMC-0001").
// Errors: unit.unknown, unit.which.
Result<std::string> ResolveUnit(ledger::Registry& registry, const std::string& typed);

struct UnitAct {
  std::string unit;    // as typed
  std::string reason;  // short, no secrets
  bool dry_run = false;
};

// ActedOn is what was done, for people.
struct ActedOn {
  std::string unit;
  std::string state;
  std::vector<ledger::IdentityRow> identities;  // those it decided on, as they were
};

// Scrap. Errors: unit.ended, credential.role.
Result<ActedOn> Scrap(Factory& factory, const UnitAct& act, const Clock& clock);

struct ReworkAct : UnitAct {
  bool new_identity = false;  // the key is gone with the part: the next visit makes another
  bool override_seal = false;
};
// Rework sends a unit back onto the line. After tamper-proofing, and for a new identity after the
// identity lock, it takes a maintainer's or administrator's override, which is recorded.
// Errors: unit.ended, unit.sealed, unit.locked, credential.role.
Result<ActedOn> Rework(Factory& factory, const ReworkAct& act, const Clock& clock);

// Correct mends a mis-scan: what was recorded of `act.unit` was `to`. Errors: unit.installed (the
// device has the wrong identity already: that takes a rework), unit.ended, unit.same,
// credential.role.
Result<ActedOn> Correct(Factory& factory, const UnitAct& act, const std::string& to,
                        const Clock& clock);

}  // namespace birthmark::app
