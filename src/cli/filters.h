// SPDX-License-Identifier: Apache-2.0
// The options by which commands pick units and certificates, read once for all of them.
#pragma once

#include "cli/spec.h"
#include "ledger/sqlite/registry.h"

namespace birthmark::cli {

// PeriodOf reads --since and --until: RFC 3339 in UTC, or a date. A date in --until counts whole.
// Errors: cli.time.
Status PeriodOf(const Invocation& in, std::optional<int64_t>& since, std::optional<int64_t>& until);
// IdentityFilterOf reads --product, --ca, --station, --since and --until; --unit is its command's.
Result<ledger::IdentityFilter> IdentityFilterOf(const Invocation& in);
// UnitFilterOf reads the same and --state.
Result<ledger::UnitFilter> UnitFilterOf(const Invocation& in);

}  // namespace birthmark::cli
