// SPDX-License-Identifier: Apache-2.0
// What changed between two plans, for `plan diff` and `plan adopt`. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/findings.h"
#include "plan/plan.h"

namespace birthmark::plan {

// Change of one item of the plan; `before` or `after` is empty when it was added or removed.
struct PlanChange {
  std::string where;  // "station burn-1 automated"
  std::string before;
  std::string after;
};

// DiffPlans lists the changes in the order of the plan's sections; `raw` and comments do not count.
std::vector<PlanChange> DiffPlans(const Plan& a, const Plan& b);

// DiffText is one line a change: "~ station burn-1 automated: false -> true", "+ …", "- …".
std::string DiffText(const std::vector<PlanChange>& changes);

// CheckAdopt tells what an existing workspace cannot take over: the product's id and the roots of
// its PKIs never change. Code: plan.adopt-fixed.
Findings CheckAdopt(const Plan& current, const Plan& next);

}  // namespace birthmark::plan
