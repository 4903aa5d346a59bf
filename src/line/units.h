// SPDX-License-Identifier: Apache-2.0
// What happens to a unit outside of its steps: scrap, rework, a mended mis-scan. Each is one
// submission, so that a unit and its identities are decided on together. Leaves out who may do it
// and when (app/units.h). Functions; thread rule of the registry.
// Source: design rules for rework and scrap.
#pragma once

#include <string>

#include "base/clock.h"
#include "ledger/event.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::line {

// ScrapUnit ends a unit and every live identity of it: no live identity outlasts its board.
Result<ledger::Submission> ScrapUnit(ledger::Registry& registry,
                                     const ledger::EventContext& context, const Clock& clock,
                                     const std::string& unit, const std::string& reason);

// ReworkUnit sends a unit back onto the line. With `new_identity` its live ones are superseded.
Result<ledger::Submission> ReworkUnit(ledger::Registry& registry,
                                      const ledger::EventContext& context, const Clock& clock,
                                      const std::string& unit, const std::string& reason,
                                      bool new_identity);

// CorrectUnit mends a mis-scan: what was recorded of `from` belongs to `to`. The identities of
// `from` are void, since their certificates name the wrong unit; `to` begins and gets its own.
Result<ledger::Submission> CorrectUnit(ledger::Registry& registry,
                                       const ledger::EventContext& context, const Clock& clock,
                                       const std::string& from, const std::string& to,
                                       const std::string& reason);

}  // namespace birthmark::line
