// SPDX-License-Identifier: Apache-2.0
// The bamboo pools of a workspace: filling them, opening a station's for the line, and how many
// hours they last. Leaves out the sealed files and handing out (line/pool.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "base/findings.h"
#include "ledger/sqlite/pool_table.h"
#include "line/pool.h"

namespace birthmark::app {

struct PoolFillOptions {
  std::string station;
  uint64_t count = 0;
  std::function<void(uint64_t)> made;  // progress
};

// FillPool makes identities ahead for one station of the product's plan. Errors: pool.station (no
// step there writes a bamboo identity), those of line::Pool::Fill.
Status FillPool(Factory& factory, const PoolFillOptions& options, const Clock& clock);

// OpenPool gives the pool of the station where the plan writes a bamboo identity; nothing when none
// was ever filled for it.
Result<std::unique_ptr<line::Pool>> OpenPool(Factory& factory, const Clock& clock);

// PoolState is one pool as people look at it.
struct PoolState : ledger::PoolLevel {
  double per_hour = 0;               // releases, of the last hours' rate
  std::optional<double> hours_left;  // at that rate; absent: nothing was released lately
  bool low = false;
};
inline constexpr double kLowWaterHours = 8;  // a shift
// PoolStates lists all pools. `low_hours` is the low-water mark; a pool from which nothing was
// released lately is never low.
Result<std::vector<PoolState>> PoolStates(ledger::Registry& registry, Time now, double low_hours);

// PoolAlarms turns low pools into findings: status.pool-low, status.pool-empty.
void PoolAlarms(const std::vector<PoolState>& pools, Findings& out);

}  // namespace birthmark::app
