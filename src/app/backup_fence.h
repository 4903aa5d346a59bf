// SPDX-License-Identifier: Apache-2.0
// Lifting the fence of a restored copy: it is compared with checkpoints that others kept, the gap
// is written down where the log goes on, and nothing that the lost machine may have used is used
// again: minutes of certificate serials, unit numbers, keys made ahead, one-time tokens. Leaves out
// making and unpacking backups (backup.h). Not thread-safe. Source: docs/backup.md.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/keys.h"
#include "app/layout.h"
#include "base/clock.h"
#include "ledger/events_continuity.h"

namespace birthmark::app {

struct UnfenceOptions {
  fs::path workspace;
  std::vector<fs::path> checkpoints;  // kept elsewhere
  bool none_kept = false;             // nobody kept any: the gap's size is not known
  std::optional<uint64_t> skip;       // unit numbers to leave out, a product; else by the gap
  std::string as;                     // empty: the local credential
  bool dry_run = false;
  // Waits until the clock says so. The first certificate of the restored copy comes in a minute in
  // which the lost machine is known to have been off.
  std::function<void(Time)> wait;
};

struct Unfenced {
  ledger::WorkspaceRestored event;
  uint64_t newest_seen = 0;  // events of the newest checkpoint that anybody kept
  std::string checkpoint;    // of the log as it goes on; empty after a dry run
};

// kSkipUnknown is how many unit numbers are left out when nobody knows the gap, kSkipStations how
// many more when stations have ranges of their own.
inline constexpr uint64_t kSkipUnknown = 1000;
inline constexpr uint64_t kSkipStations = 10'000;

// LiftFence. Errors: restore.not-fenced, restore.station (an island joins anew instead),
// restore.no-checkpoint, restore.fork (the backup is of another branch than a checkpoint),
// checkpoint.malformed, note.unsigned; those of the key store and the ledger. A lift that was cut
// short leaves the fence; the same command goes on.
Result<Unfenced> LiftFence(const UnfenceOptions& options, const KeySource& keys,
                           const Clock& clock);

}  // namespace birthmark::app
