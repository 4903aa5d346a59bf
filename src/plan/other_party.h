// SPDX-License-Identifier: Apache-2.0
// Where a silicon maker certifies (draft 4.1.1.5): whose PKI that is, and the maker's own signed
// disclosure, which a plan names with its digest: disclosure = "maker.birthmark#sha256:7f3a…".
// Pure; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "plan/plan.h"

namespace birthmark::plan {

// DisclosureRef is another party's signed disclosure.
struct DisclosureRef {
  std::string file;  // relative to the plan
  Digest sha256{};
};
// OtherDisclosure reads a slot's `disclosure`; nothing when there is none or it has another form.
std::optional<DisclosureRef> OtherDisclosure(const IdentitySlot& slot);

// OthersPki says, for a PKI under which every slot has a part with its maker's own certificate, who
// answers for it; nothing for a PKI of ours.
std::optional<std::string> OthersPki(const Plan& plan, const Pki& pki);

}  // namespace birthmark::plan
