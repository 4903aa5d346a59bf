// SPDX-License-Identifier: Apache-2.0
#include "plan/examples.h"

namespace birthmark::plan {
namespace {

constexpr std::string_view kYours = "# (yours";
constexpr std::string_view kFill = "# FILL";

#define BM_CODE(code, text) {code, text},
constexpr CodeExplanation kCodes[] = {
#include "plan/codes.inc"
};
#undef BM_CODE

// Line takes the next line, without its end, from the front of `text`.
std::string_view Line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

}  // namespace

const Example* FindExample(std::string_view name) {
  for (const Example& e : Examples()) {
    if (e.name == name) return &e;
  }
  return nullptr;
}

std::string NewPlanLike(std::string_view example_text) {
  std::string out;
  while (!example_text.empty()) {
    std::string_view line = Line(example_text);
    if (line == "example = true") continue;
    size_t mark = line.find(kYours);
    if (mark == line.npos) {
      out += line;
    } else {
      // "# (yours: hint)" becomes "# FILL hint".
      std::string_view hint = line.substr(mark + kYours.size());
      while (!hint.empty() && (hint.back() == ' ' || hint.back() == ')')) hint.remove_suffix(1);
      out += line.substr(0, mark);
      out += kFill;
      if (hint.starts_with(": ")) out += std::string(" ") + std::string(hint.substr(2));
    }
    out += '\n';
  }
  return out;
}

int FillLines(std::string_view plan_text) {
  int n = 0;
  while (!plan_text.empty()) n += Line(plan_text).find(kFill) != std::string_view::npos;
  return n;
}

std::span<const CodeExplanation> PlanCodes() { return kCodes; }

std::string_view ExplainCode(std::string_view code) {
  for (const CodeExplanation& c : kCodes) {
    if (c.code == code) return c.text;
  }
  return "";
}

}  // namespace birthmark::plan
