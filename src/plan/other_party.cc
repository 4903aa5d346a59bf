// SPDX-License-Identifier: Apache-2.0
#include "plan/other_party.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::plan {

std::optional<DisclosureRef> OtherDisclosure(const IdentitySlot& slot) {
  constexpr std::string_view kMark = "#sha256:";
  const size_t mark = slot.disclosure.find(kMark);
  if (mark == std::string::npos || mark == 0) return std::nullopt;
  auto bytes = FromHex(std::string_view(slot.disclosure).substr(mark + kMark.size()));
  DisclosureRef out{.file = slot.disclosure.substr(0, mark), .sha256 = {}};
  if (!bytes || bytes->size() != out.sha256.size()) return std::nullopt;
  std::ranges::copy(*bytes, out.sha256.begin());
  return out;
}

std::optional<std::string> OthersPki(const Plan& plan, const Pki& pki) {
  std::string refers;
  bool any = false;
  for (const IdentitySlot& s : plan.identities) {
    if (plan.PkiOf(s) != &pki) continue;
    if (s.ca_option != CaOption::kGeneric) return std::nullopt;
    any = true;
    if (auto ref = OtherDisclosure(s)) refers = ToHex(ref->sha256);
  }
  if (!any) return std::nullopt;
  const std::string whose = "the silicon maker's own PKI certifies these parts (ca-option generic)";
  return refers.empty()
             ? whose + "; no signed disclosure of the maker's is at hand"
             : fmt::format("{}; the maker's signed disclosure answers: SHA-256 {}", whose, refers);
}

}  // namespace birthmark::plan
