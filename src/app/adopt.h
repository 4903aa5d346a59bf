// SPDX-License-Identifier: Apache-2.0
// Making a changed plan the one in force. What never changes (product id, roots, the rehearsal
// flag) is refused; units that were begun finish under the version they started with.
#pragma once

#include <string>

#include "app/factory.h"

namespace birthmark::app {

struct Adopted {
  uint32_t version = 1;
  std::string difference;  // as `plan diff` prints it
};

// AdoptPlan. Errors: plan.adopt-same (nothing differs), plan.findings (CheckAdopt's words),
// plan.adopt-unfinished (units are on the line under the old version), anchors of `plan` whose
// files cannot be read; those of the ledger.
Result<Adopted> AdoptPlan(const fs::path& workspace, const plan::Plan& next,
                          const fs::path& plan_folder, const KeySource& keys, const std::string& as,
                          bool dry_run, const Clock& clock);

}  // namespace birthmark::app
