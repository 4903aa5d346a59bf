// SPDX-License-Identifier: Apache-2.0
// The lot: whether a product may be issued to at all. A key that fails its audit stops it, and it
// stays stopped until somebody who has looked releases it. Leaves out the checks themselves
// (audit).
#pragma once

#include <map>
#include <string>

#include "audit/audit.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::line {

// LotsOf gives each product's last state.
Result<std::map<std::string, ledger::LotState>> LotsOf(ledger::LogReader& reader);

// StopLot is the finding and the stop it causes, in one commit.
Result<ledger::Submission> StopLot(const ledger::EventContext& context, Time now,
                                   const std::string& product, const std::string& unit,
                                   const audit::Hit& hit);

// KnownKey is the finding that a key belongs to another unit already.
audit::Hit KnownKey(const crypto::PublicKey& key);

}  // namespace birthmark::line
