// SPDX-License-Identifier: Apache-2.0
// The examples as raw material for tests: a plan with one thing changed.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plan/examples.h"

namespace birthmark::plan {

inline std::string Text(std::string_view example) {
  return std::string(FindExample(example)->text);
}

// With is `text` with the first `from` replaced; the test fails when there is none.
inline std::string With(std::string text, const std::string& from, const std::string& to) {
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

// WithSteps is the example with these steps, each "name" or "name@station", by default at
// `station`.
inline std::string WithSteps(const std::string& text, const std::string& station,
                             const std::vector<std::string>& steps) {
  std::string list = "steps = [\n";
  for (const std::string& s : steps) {
    size_t at = s.find('@');
    std::string where = at == s.npos ? station : s.substr(at + 1);
    list += "  { name = \"" + s.substr(0, at) + "\", station = \"" + where + "\" },\n";
  }
  size_t from = text.find("steps = [");
  size_t to = text.find("\n]", from);
  return text.substr(0, from) + list + "]" + text.substr(to + 2);
}

}  // namespace birthmark::plan
