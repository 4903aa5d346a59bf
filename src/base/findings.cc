// SPDX-License-Identifier: Apache-2.0
#include "base/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark {

bool Findings::HasErrors() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Finding& f) { return f.severity == Severity::kError; });
}

bool Findings::Has(std::string_view code) const {
  return std::any_of(all_.begin(), all_.end(), [&](const Finding& f) { return f.code == code; });
}

void Findings::SortByLine() {
  std::stable_sort(all_.begin(), all_.end(),
                   [](const Finding& a, const Finding& b) { return a.line < b.line; });
}

std::string Findings::ToString(std::string_view file) const {
  static constexpr const char* kWord[] = {"error", "warning", "note"};
  std::string out;
  for (const Finding& f : all_) {
    if (!file.empty())
      out += f.line > 0 ? fmt::format("{}:{}: ", file, f.line) : fmt::format("{}: ", file);
    out += fmt::format("{}[{}]: {}\n", kWord[static_cast<int>(f.severity)], f.code, f.message);
    if (!f.fix.empty()) out += fmt::format("  fix: {}\n", f.fix);
  }
  return out;
}

}  // namespace birthmark
