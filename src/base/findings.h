// SPDX-License-Identifier: Apache-2.0
// Findings: what a check that looks at everything returns, instead of its first error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace birthmark {

enum class Severity { kError, kWarning, kNote };

// Finding is one thing a check found. `line` is 1-based, 0 where there is no line.
struct Finding {
  Severity severity = Severity::kError;
  std::string code;  // stable and dotted: "plan.store-unknown"; `birthmark explain CODE` tells more
  std::string message;  // what and where
  std::string fix;      // what to do
  int line = 0;
};

class Findings {
 public:
  void Add(Finding f) { all_.push_back(std::move(f)); }
  void Error(std::string code, std::string message, std::string fix = "", int line = 0) {
    Add({Severity::kError, std::move(code), std::move(message), std::move(fix), line});
  }
  void Warn(std::string code, std::string message, std::string fix = "", int line = 0) {
    Add({Severity::kWarning, std::move(code), std::move(message), std::move(fix), line});
  }
  void Note(std::string code, std::string message, std::string fix = "", int line = 0) {
    Add({Severity::kNote, std::move(code), std::move(message), std::move(fix), line});
  }
  void Append(const Findings& o) { all_.insert(all_.end(), o.all_.begin(), o.all_.end()); }
  bool HasErrors() const;
  bool Has(std::string_view code) const;
  bool empty() const { return all_.empty(); }
  const std::vector<Finding>& all() const { return all_; }
  // SortByLine orders findings as the reader meets them in the file.
  void SortByLine();
  // ToString is one "FILE:LINE: error[code]: message" a finding, its fix on the next line.
  std::string ToString(std::string_view file = "") const;

 private:
  std::vector<Finding> all_;
};

}  // namespace birthmark
