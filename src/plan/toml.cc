// SPDX-License-Identifier: Apache-2.0
#include "plan/toml.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

// The library recurses a level of nesting; a plan needs four. Together with the longest line this
// bounds the depth of its tree, whose destructor recurses too.
#define TOML_MAX_NESTED_VALUES 8
#define TOML_EXCEPTIONS 0
// Version 3.3 breaks its own preconditions on some malformed keys. Its asserts would end the
// process (or, with NDEBUG, be taken as promises to the optimizer); here a broken one ends the
// reading instead.
#undef NDEBUG
namespace birthmark::plan {
struct BrokenPrecondition {};
constexpr void Require(bool holds) {
  if (!holds) throw BrokenPrecondition{};
}
}  // namespace birthmark::plan
#define TOML_ASSERT(expr) ::birthmark::plan::Require(static_cast<bool>(expr))
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace birthmark::plan {
namespace {

// kMaxDepth is how deep a plan's tree may be; dotted keys nest without brackets.
constexpr int kMaxDepth = 12;

bool Convert(const toml::node& in, Node& out, int depth) {
  if (depth > kMaxDepth) return false;
  out.line = static_cast<int>(in.source().begin.line);
  if (const toml::table* t = in.as_table()) {
    out.kind = Node::Kind::kTable;
    for (const auto& [key, value] : *t) {
      out.members.emplace_back(std::string(key.str()), Node{});
      Node& child = out.members.back().second;
      if (!Convert(value, child, depth + 1)) return false;
      child.line = std::max(1, static_cast<int>(key.source().begin.line));
    }
  } else if (const toml::array* a = in.as_array()) {
    out.kind = Node::Kind::kArray;
    for (const toml::node& e : *a) {
      out.items.emplace_back();
      if (!Convert(e, out.items.back(), depth + 1)) return false;
    }
  } else if (const auto* s = in.as_string()) {
    out.kind = Node::Kind::kText;
    out.text = s->get();
  } else if (const auto* i = in.as_integer()) {
    out.kind = Node::Kind::kInteger;
    out.integer = i->get();
  } else if (const auto* f = in.as_floating_point()) {
    out.kind = Node::Kind::kFloat;
    out.number = f->get();
  } else if (const auto* b = in.as_boolean()) {
    out.kind = Node::Kind::kBoolean;
    out.boolean = b->get();
  } else if (const auto* d = in.as_date()) {
    out.kind = Node::Kind::kText;
    out.text = fmt::format("{:04}-{:02}-{:02}", d->get().year, static_cast<int>(d->get().month),
                           static_cast<int>(d->get().day));
  } else {
    out.kind = Node::Kind::kOther;
  }
  return true;
}

// CheckLines bounds line length before the library sees the text.
bool CheckLines(std::string_view text, size_t max_line, Findings& findings) {
  int line = 1;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\n') continue;
    if (i - start > max_line) {
      findings.Error("plan.line-too-long", fmt::format("a line of {} octets", i - start),
                     fmt::format("keep lines under {} octets", max_line), line);
      return false;
    }
    start = i + 1;
    ++line;
  }
  return true;
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  for (const auto& [name, node] : members) {
    if (name == key) return &node;
  }
  return nullptr;
}

std::string_view KindName(Node::Kind kind) {
  static constexpr std::string_view kNames[] = {"a table",        "an array", "a text",
                                                "a whole number", "a number", "a Boolean",
                                                "a date and time"};
  return kNames[static_cast<size_t>(kind)];
}

std::optional<Node> ReadToml(std::string_view text, size_t max_bytes, size_t max_line,
                             Findings& findings) {
  if (text.size() > max_bytes) {
    findings.Error("plan.too-large", fmt::format("the plan has {} octets", text.size()),
                   fmt::format("a plan has at most {} octets", max_bytes), 0);
    return std::nullopt;
  }
  if (!IsUtf8(text) || text.find('\0') != text.npos) {
    findings.Error("plan.not-text", "the file is not UTF-8 text", "save it as UTF-8", 0);
    return std::nullopt;
  }
  if (!CheckLines(text, max_line, findings)) return std::nullopt;
  toml::parse_result result;
  try {
    result = toml::parse(text);
  } catch (const BrokenPrecondition&) {
    findings.Error("plan.syntax", "the text is not TOML: a key or value breaks off",
                   "see docs/formats/plan.md; keys are letters, digits and hyphens", 1);
    return std::nullopt;
  }
  if (!result) {
    findings.Error("plan.syntax", std::string(result.error().description()),
                   "see docs/formats/plan.md; strings take quotes, tables square brackets",
                   static_cast<int>(result.error().source().begin.line));
    return std::nullopt;
  }
  Node root;
  if (!Convert(result.table(), root, 0)) {
    findings.Error("plan.syntax", fmt::format("nested more than {} deep", kMaxDepth),
                   "a plan needs four levels", 0);
    return std::nullopt;
  }
  return root;
}

std::string TomlText(std::string_view s) {
  std::string out = "\"";
  for (const char c : s) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) {
      out += fmt::format("\\u{:04X}", octet);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace birthmark::plan
