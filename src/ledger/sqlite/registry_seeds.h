// SPDX-License-Identifier: Apache-2.0
// The registry's tables of seed batches and of the runs in which their seeds were used. A chip is
// found by the key index, as identities are: a table in the order of chips would cost more than
// the certificate. Leaves out the seeds, which are in no database. Thread rule: that of the
// connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/fold.h"
#include "ledger/sqlite/db.h"
#include "ledger/sqlite/key_run.h"

namespace birthmark::ledger {

inline constexpr const char* kSeedsSchema = R"(
CREATE TABLE seed_batch(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, product TEXT NOT NULL,
  oem TEXT NOT NULL, format TEXT NOT NULL, origin TEXT NOT NULL, protection TEXT NOT NULL,
  file BLOB NOT NULL, count INTEGER NOT NULL, refused INTEGER NOT NULL, used INTEGER NOT NULL,
  received_at INTEGER NOT NULL, opened_at INTEGER NOT NULL, destroyed_at INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE seed_run(seq INTEGER PRIMARY KEY, batch TEXT NOT NULL, product TEXT NOT NULL,
  used INTEGER NOT NULL, keys BLOB NOT NULL) STRICT;
)";

// ChipKey is what the key index stores for a chip whose seed was used.
Key16 ChipKey(std::string_view chip);

// ApplySeeds writes one change of event `seq`; there are few.
Status ApplySeeds(const Db& db, uint64_t seq, const SeedBatchRow& row);
Status ApplySeeds(const Db& db, const SeedStep& step);
Status ApplySeeds(const Db& db, uint64_t seq, const SeedRun& run);

// SeedBatches lists all, the oldest first; SeedBatchOf is one, SeedBatchOfFile the one that came in
// a file with this SHA-256.
Result<std::vector<SeedBatchRow>> SeedBatches(const Db& registry);
Result<std::optional<SeedBatchRow>> SeedBatchOf(const Db& registry, std::string_view id);
Result<std::optional<SeedBatchRow>> SeedBatchOfFile(const Db& registry, const Digest& file,
                                                    std::string_view product);

// SeedRunBehind is the first run that was recorded behind event `seq`: the run of the identity that
// this event issued, when its key came from a seed.
Result<std::optional<uint64_t>> SeedRunBehind(const Db& registry, uint64_t seq);
// SeedsUsedOf counts the seeds of a product that keys were derived from.
Result<uint64_t> SeedsUsedOf(const Db& registry, std::string_view product);

// CarrotNext is the oldest identity of a product that came from a seed and whose unit has not begun
// its way on the line, behind event `after`; nothing when there is none.
struct CarrotAhead {
  uint64_t seq = 0;
  std::string unit;
};
Result<std::optional<CarrotAhead>> CarrotNext(const Db& registry, std::string_view product,
                                              uint64_t after);

}  // namespace birthmark::ledger
