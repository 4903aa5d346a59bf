// SPDX-License-Identifier: Apache-2.0
// The words of the plan's own enums, countries, and the checks of text formats a plan needs.
// Thread-safe: const data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"
#include "vocab/vocab.h"

namespace birthmark::plan {

// WordsOf lists an enum's words, of the plan or of the vocabulary.
template <class E>
std::vector<std::string> WordsOf() {
  std::vector<std::string> out;
  if constexpr (vocab::Word<E>) {
    for (const vocab::Row& r : vocab::Rows(*vocab::kGroupOf<E>)) out.emplace_back(r.name);
  } else {
    for (std::string_view w : PlanWords(E{})) out.emplace_back(w);
  }
  return out;
}
std::vector<std::string_view> PlanWords(Board);
std::vector<std::string_view> PlanWords(Continent);
std::vector<std::string_view> PlanWords(Lock);
std::vector<std::string_view> PlanWords(Encryption);
std::vector<std::string_view> PlanWords(Form);
std::vector<std::string_view> PlanWords(RestartPolicy);
std::vector<std::string_view> PlanWords(Attestation);
std::vector<std::string_view> PlanWords(CaOption);
std::vector<std::string_view> PlanWords(SeedOrigin);
std::vector<std::string_view> PlanWords(Custody);
std::vector<std::string_view> PlanWords(Purpose);

// ContinentOf is the continent a country's code is filed under here (UN M49 regions with the
// Americas parted at Panama; countries on two continents under their capital's). Empty: no such
// code. Source: ISO 3166-1, UN M49.
std::optional<Continent> ContinentOf(std::string_view country);

// IsOid is true for a dotted object identifier of 2 to 20 arcs, the first two in range.
bool IsOid(std::string_view s);
inline constexpr size_t kMaxUrl = 500;
// IsUrl is true for scheme://host… in characters RFC 3986 allows.
bool IsUrl(std::string_view s, bool https_only);
// IsId is true for 1 to 40 lower-case letters, digits and inner hyphens.
bool IsId(std::string_view s);
// Join is "a, b, c".
std::string Join(const std::vector<std::string>& words);

}  // namespace birthmark::plan
