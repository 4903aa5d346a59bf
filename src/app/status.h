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
  Findings alarms;  // status.retiring, status.retired, status.waiting, status.unexplained,
                    // status.offline-here
};

// LookAt gathers it from a snapshot. Errors: those of OpenReader.
Result<StatusReport> LookAt(const fs::path& workspace, const Clock& clock);

}  // namespace birthmark::app
