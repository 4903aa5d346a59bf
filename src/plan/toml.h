// SPDX-License-Identifier: Apache-2.0
// TOML text to a small tree that knows its lines. The TOML library stays inside toml.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/findings.h"

namespace birthmark::plan {

// Node is a TOML value. Dates are kept as the text 2026-11-21.
struct Node {
  enum class Kind { kTable, kArray, kText, kInteger, kFloat, kBoolean, kOther };
  Kind kind = Kind::kTable;
  int line = 0;
  std::string text;
  int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::vector<Node> items;                            // kArray
  std::vector<std::pair<std::string, Node>> members;  // kTable, in the order of the keys

  const Node* Find(std::string_view key) const;
};

// KindName says what a node is, for messages: "a text", "a whole number".
std::string_view KindName(Node::Kind kind);

// ReadToml reads UTF-8 TOML of at most max_bytes with lines of at most max_line octets, nested at
// most 8 deep. Codes: plan.too-large, plan.not-text, plan.line-too-long, plan.syntax.
std::optional<Node> ReadToml(std::string_view text, size_t max_bytes, size_t max_line,
                             Findings& findings);

// TomlText writes a basic string (TOML 1.0 "String"): quotes, backslashes and control characters
// are escaped.
std::string TomlText(std::string_view s);

}  // namespace birthmark::plan
