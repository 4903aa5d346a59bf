// SPDX-License-Identifier: Apache-2.0
// Look-ups in the registry's table of identities made ahead. Leaves out their keys (line/pool.h).
// Thread rule: that of the connection.
#pragma once

#include <string>
#include <vector>

#include "ledger/fold.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

// PoolEntry is the identity made ahead for a unit, whatever became of it.
Result<std::optional<PoolRow>> PoolEntry(const Db& registry, std::string_view unit);

// PoolPlace is a place in the order in which a pool is handed out.
struct PoolPlace {
  uint64_t seq = 0, pos = 0;
};
// PoolNext gives what is left for a station and product behind a place and has not begun its way
// on the line, the oldest first.
Result<std::vector<PoolRow>> PoolNext(const Db& registry, std::string_view station,
                                      std::string_view product, const PoolPlace& from,
                                      uint64_t limit);

// PoolAhead counts the serial numbers of a product that pools hold and no unit has begun with.
Result<uint64_t> PoolAhead(const Db& registry, std::string_view product);
// PoolLeft counts what is left in all pools.
Result<uint64_t> PoolLeft(const Db& registry);
// PoolHasBatch is true when a batch's pool.filled is in the log, PoolBatchLeft how much of it is
// left.
Result<bool> PoolHasBatch(const Db& registry, std::string_view id);
Result<uint64_t> PoolBatchLeft(const Db& registry, std::string_view id);

// PoolLevel is one pool: what is left, and what was released within a period.
struct PoolLevel {
  std::string station, product;
  uint64_t left = 0, released = 0;
  std::optional<int64_t> first_release;  // within the period
};
// PoolLevels lists all pools; `since` begins the period.
Result<std::vector<PoolLevel>> PoolLevels(const Db& registry, int64_t since);

}  // namespace birthmark::ledger
