// SPDX-License-Identifier: Apache-2.0
#include "scan/report.h"

#include <algorithm>
#include <array>
#include <utility>

namespace birthmark::scan {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 5> kRoles{{
    {Role::kAnchor, "anchor"},
    {Role::kRejected, "rejected"},
    {Role::kSigner, "signer"},
    {Role::kCertificate, "certificate"},
    {Role::kPrivateKey, "private-key"},
}};
constexpr std::array<std::pair<Certainty, std::string_view>, 3> kCertainties{{
    {Certainty::kKnown, "known"},
    {Certainty::kLikely, "likely"},
    {Certainty::kPresent, "present"},
}};

template <class Table, class T>
std::string_view WordOf(const Table& table, T value) {
  for (const auto& [v, word] : table) {
    if (v == value) return word;
  }
  return "";
}

template <class Table, class T>
bool ValueOf(const Table& table, std::string_view word, T& value) {
  for (const auto& [v, w] : table) {
    if (w != word) continue;
    value = v;
    return true;
  }
  return false;
}

}  // namespace

std::string_view ToText(Role r) { return WordOf(kRoles, r); }
bool FromText(std::string_view s, Role& r) { return ValueOf(kRoles, s, r); }
std::string_view ToText(Certainty c) { return WordOf(kCertainties, c); }
bool FromText(std::string_view s, Certainty& c) { return ValueOf(kCertainties, s, c); }

size_t CountOf(const Report& report, Role role) {
  std::vector<bool> has(report.items.size());
  for (const Store& s : report.stores) {
    for (const Member& m : s.members) {
      if (m.role == role) has[m.item] = true;
    }
  }
  return static_cast<size_t>(std::ranges::count(has, true));
}

}  // namespace birthmark::scan
