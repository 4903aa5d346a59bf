// SPDX-License-Identifier: Apache-2.0
// The three failures of the draft's section 5, as far as a workspace can see them: a key disclosed,
// a signature that nobody was entitled to, a key lost or about to be. Leaves out the rest of
// `status`. One thread.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "app/factory.h"
#include "app/vigil.h"
#include "base/findings.h"

namespace birthmark::app {

// WatchDisclosure: status.field-unknown, status.field-revoked.
Status WatchDisclosure(ledger::LogReader& reader, const std::set<std::string>& explained,
                       Findings& out);
// WatchSigning: status.off-plan, status.off-shift, status.over-window, status.over-count,
// status.unasked-revocation.
Status WatchSigning(ledger::LogReader& reader, const VigilMarks& marks,
                    const std::set<std::string>& explained, Findings& out);
// WatchLoss: status.expiring, status.expired, status.key-silent, status.holders-silent,
// status.no-spare, status.unreconciled.
Status WatchLoss(ledger::LogReader& reader, const VigilMarks& marks,
                 const std::map<std::string, AdoptedPlan>& plans, Time now, Findings& out);

// WatchCare: status.no-backup (the oldest identity that is in no backup was issued longer ago than
// `backup`), status.drill-overdue (no failure was rehearsed for `drill`, and units have existed for
// as long). A workspace that has issued nothing, or only just, has nothing to lose yet.
Status WatchCare(ledger::LogReader& reader, std::chrono::days backup, std::chrono::days drill,
                 Time now, Findings& out);

// WatchModules: status.pin-wrong (a module says that a wrong PIN was given to it),
// status.pin-locked (it takes none any more, or one more wrong one locks it), status.module-silent
// (it does not answer). Looks at the modules that station.toml names, and gives them no PIN.
Status WatchModules(const fs::path& workspace, Findings& out);

}  // namespace birthmark::app
