// SPDX-License-Identifier: Apache-2.0
// Whether a disclosure contradicts itself or the rules of its own format. Never judges what an
// answer says. Leaves out the signature (signed.h). Pure functions.
#pragma once

#include "base/findings.h"
#include "disclose/disclosure.h"

namespace birthmark::disclose {

// kFormat is the newest form of a disclosure that this program writes and knows whole.
inline constexpr uint32_t kFormat = 1;

// Check finds everything that cannot all be true: answers given twice, a state without its reason,
// a measured answer without evidence or with other evidence than the checkpoint, a drawing that
// says other than an answer, references to nothing, a rehearsal without its marks, impossible split
// numbers. Errors among the findings make `verify` fail; a declared value that differs from a
// measured one does not, since showing that is what a disclosure is for. Every code begins with
// "disclosure.".
Findings Check(const Disclosure& d);

// The words of marks; a rehearsal bears the second in any case.
inline constexpr std::string_view kMarkDevices = "devices are emulated";
inline constexpr std::string_view kMarkKeys = "keys are rehearsal keys";

}  // namespace birthmark::disclose
