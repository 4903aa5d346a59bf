// SPDX-License-Identifier: Apache-2.0
// A plan for people: 80 columns of text. Pure functions.
#pragma once

#include <string>

#include "plan/plan.h"

namespace birthmark::plan {

// ShowPlan is the whole plan: product, sites, steps in order, stores with what protects them as a
// tree, anchors, identities, PKIs, what is declared.
std::string ShowPlan(const Plan& plan);

// ProtectionText says what protects a store: "one-time fuses on the die", "anchor boot".
std::string ProtectionText(const Plan& plan, const Store& store);

}  // namespace birthmark::plan
