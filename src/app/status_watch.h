// SPDX-License-Identifier: Apache-2.0
// The three failures of the draft's section 5, as far as a workspace can see them: a key disclosed,
// a signature that nobody was entitled to, a key lost or about to be. Leaves out the rest of
// `status`. One thread.
#pragma once

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

}  // namespace birthmark::app
