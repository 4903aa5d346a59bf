// SPDX-License-Identifier: Apache-2.0
// The example plans, compiled in so that `plan new --like bmc` needs no files, and the explanations
// of the plan's finding codes. Const data; thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace birthmark::plan {

struct Example {
  std::string_view name;  // folder under examples/
  std::string_view text;  // its plan.toml
};
std::span<const Example> Examples();
const Example* FindExample(std::string_view name);

// NewPlanLike turns an example into a plan to fill in: lines marked "(yours…)" become lines marked
// FILL, the mark of an example is dropped.
std::string NewPlanLike(std::string_view example_text);
// FillLines counts the lines still marked FILL.
int FillLines(std::string_view plan_text);

// CodeExplanation is a finding code with more than its message says.
struct CodeExplanation {
  std::string_view code;
  std::string_view text;
};
std::span<const CodeExplanation> PlanCodes();
// ExplainCode finds a code's explanation, empty when the code is not the plan's.
std::string_view ExplainCode(std::string_view code);

}  // namespace birthmark::plan
