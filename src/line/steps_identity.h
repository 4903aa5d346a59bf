// SPDX-License-Identifier: Apache-2.0
// The step that brings identities into a device: which method and transfer does what, in one table.
// Leaves out the single write from outside (steps.h). Not thread-safe.
#pragma once

#include "line/steps.h"

namespace birthmark::line {

// IdentityProvision brings every slot that the step names. Errors: step.method (no such way here);
// those of the methods.
Result<method::Outcome> IdentityProvision(StepContext& c);

}  // namespace birthmark::line
