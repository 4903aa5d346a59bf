// SPDX-License-Identifier: Apache-2.0
// The secure element behind an emulated unit: which slots of a plan have their keys in one, and the
// emulated part that stands in for it, kept with the unit's state so that a unit that comes back
// has the same one. Leaves out what is done with it (method::ProvisionSalak). Free functions.
#pragma once

#include <string>

#include "base/files.h"
#include "method/salak.h"
#include "plan/plan.h"

namespace birthmark::line {

// NeedsElement is true for a slot whose key is made by a secure element on the device's order:
// salak, and avocado in a firmware TPM.
bool NeedsElement(const plan::Plan& plan, const plan::IdentitySlot& slot);

// SalakTermsOf is what the plan says of such a slot. `roots` are the makers' that it pins.
method::SalakTerms SalakTermsOf(const plan::Plan& plan, const plan::IdentitySlot& slot,
                                std::vector<crypto::Certificate> roots);

// EmulatedElement makes the part of a unit in its state folder, once, and gives its URI for the
// device; "" when no slot needs one. `maker` is the folder of the rehearsal's maker of TPMs.
// Errors: those of element::MakeTpm and MakeToken.
Result<std::string> EmulatedElement(const plan::Plan& plan, const fs::path& state,
                                    const fs::path& maker, const std::string& serial);

}  // namespace birthmark::line
