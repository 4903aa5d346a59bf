// SPDX-License-Identifier: Apache-2.0
// What needs somebody's attention, as findings: `status` for cron and for people.
#pragma once

#include "app/factory.h"
#include "base/findings.h"

namespace birthmark::app {

// StatusReport is a workspace at a glance.
struct StatusReport {
  bool rehearsal = true;
  uint64_t events = 0, units = 0, unfinished = 0, scrapped = 0, identities = 0;
  std::vector<std::string> products;
  uint64_t revocations_to = 0;  // so many events were watched for revocations; issuing: all
  Findings alarms;  // status.retiring, status.retired, status.waiting, status.unexplained,
                    // status.offline-here, those of status_watch.h
};

// StatusOptions say how patient the alarms are.
struct StatusOptions {
  bool from_start = false;  // look at all that was issued and revoked again
  bool modules = false;     // ask the modules of station.toml how they are
  std::chrono::days backup = std::chrono::days(30);  // an identity may be in no backup for so long
  std::chrono::days drill = std::chrono::days(365);  // and a failure in no rehearsal
};

// LookAt gathers it from a snapshot. What was issued and revoked before the last look is not looked
// at again, unless `from_start`. Errors: those of OpenReader, KeepVigil.
Result<StatusReport> LookAt(const fs::path& workspace, const Clock& clock,
                            const StatusOptions& options = {});

}  // namespace birthmark::app
