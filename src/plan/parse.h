// SPDX-License-Identifier: Apache-2.0
// Reading a plan: from text to values, with every fault of form in one go. Leaves out meaning
// (check.h). Thread-safe: no state.
#pragma once

#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/findings.h"
#include "plan/check.h"
#include "plan/plan.h"

namespace birthmark::plan {

// kMaxPlanBytes bounds a plan; the largest line is kMaxLineBytes.
inline constexpr size_t kMaxPlanBytes = 256 * 1024;
inline constexpr size_t kMaxLineBytes = 1024;

// Parsed is a plan as far as it could be read, and what is wrong with it. Use `plan` for work only
// when findings.HasErrors() is false; it is absent when the text is not TOML at all.
struct Parsed {
  std::optional<Plan> plan;
  Findings findings;
};

// ParsePlan reads the text: TOML, known keys, types, ids, references, formats of values. Findings
// are sorted by line. Codes: src/plan/codes.inc, those above "meaning".
Parsed ParsePlan(std::string_view text);

// ReadPlan is ParsePlan and CheckPlan together, sorted by line: what `plan check` prints. `folder`
// is where the plan's relative files are.
Parsed ReadPlan(std::string_view text, const fs::path& folder,
                AnchorInspector* inspector = nullptr);

// LoadPlan reads a file. The findings' line numbers are the file's. Errors: those of ReadTextFile.
Result<Parsed> LoadPlan(const fs::path& file, AnchorInspector* inspector = nullptr);

// NearestWord is the word most like `typed`, for "did you mean"; empty when none is near.
std::string NearestWord(std::string_view typed, const std::vector<std::string>& words);

}  // namespace birthmark::plan
