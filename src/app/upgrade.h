// SPDX-License-Identifier: Apache-2.0
// Taking a workspace of an earlier release over: a backup first, then everything derived from the
// log is derived again, and the log itself is looked at. Stored events never change. A kill at any
// point leaves a workspace that either release can use. Not thread-safe.
#pragma once

#include <functional>

#include "app/backup.h"
#include "base/findings.h"

namespace birthmark::app {

struct UpgradeOptions {
  fs::path workspace;
  fs::path backup;  // empty: beside the workspace, named after it, the new release and the time
  std::string as;
  bool dry_run = false;
  std::function<void(uint64_t events)> progress;
};

struct Upgraded {
  std::string from, to;  // programs
  uint64_t events = 0;
  bool derived_old = false;  // tables of an older release
  bool needed = true;        // false: it was of this release already, and nothing was done
  fs::path backup;
  Findings findings;  // of the log, as `ledger verify` finds them; with errors nothing was recorded
};

// UpgradeWorkspace. Errors: those of CreateBackup and the ledger.
Result<Upgraded> UpgradeWorkspace(const UpgradeOptions& options, const KeySource& keys,
                                  const Clock& clock);

}  // namespace birthmark::app
