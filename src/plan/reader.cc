// SPDX-License-Identifier: Apache-2.0
#include "plan/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/parse.h"

namespace birthmark::plan {
namespace {

// NameSpace lets stages, stores and anchors share their ids.
std::string NameSpace(const std::string& kind) {
  return kind == "stage" || kind == "store" || kind == "anchor" ? "artifact" : kind;
}

size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

// Shown cuts a hostile text down to what an error message should carry.
std::string Shown(std::string_view s) {
  std::string out;
  for (char c : s.substr(0, 60)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (s.size() > 60) {
    while (!out.empty() && !IsUtf8(out)) out.pop_back();
    out += "…";
  }
  return out;
}

}  // namespace

std::string NearestWord(std::string_view typed, const std::vector<std::string>& words) {
  std::string best;
  size_t least = typed.size() / 3 + 2;
  if (typed.size() > 60) return best;
  for (const std::string& w : words) {
    size_t d = Distance(typed, w);
    if (d < least) {
      least = d;
      best = w;
    }
  }
  return best;
}

void Context::Declare(const std::string& kind, const std::string& id, int line) {
  for (const auto& [other, ids] : ids_) {
    auto it = NameSpace(other) == NameSpace(kind) ? ids.find(id) : ids.end();
    if (it == ids.end()) continue;
    findings.Error(
        "plan.id-duplicate",
        fmt::format("{} \"{}\" has the id of the {} in line {}", kind, id, other, it->second),
        "give it an id of its own", line);
    return;
  }
  ids_[kind][id] = line;
}

void Context::Refer(std::vector<std::string> kinds, const std::string& id, std::string what,
                    int line) {
  refs_.push_back({std::move(kinds), id, std::move(what), line});
}

void Context::Resolve() {
  for (const Ref& r : refs_) {
    std::vector<std::string> there;
    bool found = false;
    for (const std::string& kind : r.kinds) {
      for (const auto& [id, line] : ids_[kind]) {
        found |= id == r.id;
        there.push_back(id);
      }
    }
    if (found) continue;
    std::string nearest = NearestWord(r.id, there);
    std::string instead = nearest.empty() ? "" : fmt::format(", or use \"{}\"", nearest);
    if (nearest.empty() && !there.empty()) instead = fmt::format(", or use one of {}", Join(there));
    std::string kind = r.kinds.size() > 1 ? "superior" : r.kinds.front();
    findings.Error("plan." + kind + "-unknown", fmt::format("{} \"{}\"", r.what, Shown(r.id)),
                   fmt::format("declare {} \"{}\"{}", fmt::join(r.kinds, " or "), Shown(r.id),
                               nearest.empty() ? "" : fmt::format(", or use \"{}\"", nearest)),
                   r.line);
  }
}

Reader::Reader(const Node& node, std::string what, Context& context)
    : node_(node), what_(std::move(what)), context_(context) {
  if (node.kind != Node::Kind::kTable) {
    context_.findings.Error("plan.type",
                            fmt::format("{} is {}, not a table", what_, KindName(node.kind)),
                            "write it as a table", node.line);
  }
}

int Reader::LineOf(std::string_view key) const {
  const Node* n = node_.Find(key);
  return n != nullptr ? n->line : node_.line;
}

const Node* Reader::Get(std::string_view key, Need need) {
  known_.emplace(key);
  const Node* n = node_.Find(key);
  if (n == nullptr && need == Need::kRequired && node_.kind == Node::Kind::kTable) {
    context_.findings.Error("plan.key-missing", fmt::format("{} has no \"{}\"", what_, key),
                            fmt::format("add {} = …", key), node_.line);
  }
  return n;
}

void Reader::WrongType(std::string_view key, const Node& n, std::string_view want) {
  context_.findings.Error("plan.type",
                          fmt::format("{}: {} is {}, not {}", what_, key, KindName(n.kind), want),
                          fmt::format("write {}", want), n.line);
}

void Reader::Bad(std::string_view code, std::string_view key, std::string message,
                 std::string fix) {
  context_.findings.Error(std::string(code), fmt::format("{}: {} {}", what_, key, message),
                          std::move(fix), LineOf(key));
}

void Reader::Unknown(std::string_view key, const std::string& text,
                     const std::vector<std::string>& words, const std::string& stored) {
  std::string nearest = stored.empty() ? NearestWord(text, words) : stored;
  Bad("plan.word-unknown", key, fmt::format("\"{}\" is not a word it takes", Shown(text)),
      nearest.empty() ? fmt::format("one of {}", Join(words))
                      : fmt::format("did you mean \"{}\"?", nearest));
}

std::string Reader::Text(std::string_view key, Need need, size_t max) {
  const Node* n = Get(key, need);
  if (n == nullptr) return "";
  if (n->kind != Node::Kind::kText) {
    WrongType(key, *n, "a text");
    return "";
  }
  // Control characters would reach certificates and terminals.
  bool control = std::any_of(n->text.begin(), n->text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (n->text.size() > max || control || (need == Need::kRequired && n->text.empty())) {
    Bad("plan.value", key,
        n->text.empty() ? "is empty"
        : control       ? "has control characters"
                        : "is too long",
        fmt::format("1 to {} octets of text on one line", max));
    return "";
  }
  return n->text;
}

std::optional<std::string> Reader::OptionalText(std::string_view key) {
  std::string s = Text(key, Need::kOptional);
  return s.empty() ? std::nullopt : std::optional<std::string>(s);
}

int64_t Reader::Integer(std::string_view key, Need need, int64_t low, int64_t high,
                        int64_t otherwise) {
  const Node* n = Get(key, need);
  if (n == nullptr) return otherwise;
  if (n->kind != Node::Kind::kInteger) {
    WrongType(key, *n, "a whole number");
    return otherwise;
  }
  if (n->integer < low || n->integer > high) {
    Bad("plan.value", key, fmt::format("is {}", n->integer), fmt::format("{} to {}", low, high));
    return otherwise;
  }
  return n->integer;
}

std::optional<uint64_t> Reader::OptionalCount(std::string_view key) {
  int64_t n = Integer(key, Need::kOptional, 1, 1'000'000'000'000, 0);
  return n == 0 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(n));
}

double Reader::Number(std::string_view key, double low, double high) {
  const Node* n = Get(key, Need::kRequired);
  if (n == nullptr) return 0;
  if (n->kind != Node::Kind::kFloat && n->kind != Node::Kind::kInteger) {
    WrongType(key, *n, "a number");
    return 0;
  }
  double v = n->kind == Node::Kind::kFloat ? n->number : static_cast<double>(n->integer);
  if (!(v >= low && v <= high)) {  // false for NaN too
    Bad("plan.value", key, "is out of range", fmt::format("{} to {} degrees", low, high));
    return 0;
  }
  return v;
}

bool Reader::Boolean(std::string_view key, bool otherwise) {
  const Node* n = Get(key, Need::kOptional);
  if (n == nullptr) return otherwise;
  if (n->kind == Node::Kind::kBoolean) return n->boolean;
  WrongType(key, *n, "true or false");
  return otherwise;
}

std::vector<std::string> Reader::Texts(std::string_view key) {
  std::vector<std::string> out;
  const Node* n = Get(key, Need::kOptional);
  if (n == nullptr) return out;
  if (n->kind != Node::Kind::kArray || n->items.size() > kMaxItems) {
    WrongType(key, *n, fmt::format("an array of at most {} texts", kMaxItems));
    return out;
  }
  for (const Node& e : n->items) {
    if (e.kind == Node::Kind::kText && e.text.size() <= kMaxText) {
      out.push_back(e.text);
    } else {
      WrongType(key, e, "an array of texts");
    }
  }
  return out;
}

std::vector<int> Reader::Integers(std::string_view key, int low, int high) {
  std::vector<int> out;
  const Node* n = Get(key, Need::kOptional);
  if (n == nullptr) return out;
  if (n->kind != Node::Kind::kArray || n->items.size() > kMaxItems) {
    WrongType(key, *n, "an array of whole numbers");
    return out;
  }
  for (const Node& e : n->items) {
    if (e.kind == Node::Kind::kInteger && e.integer >= low && e.integer <= high) {
      out.push_back(static_cast<int>(e.integer));
    } else {
      Bad("plan.value", key, "holds something else",
          fmt::format("whole numbers from {} to {}", low, high));
    }
  }
  return out;
}

std::string Reader::Id(std::string_view kind) {
  std::string id = Text("id");
  if (id.empty()) return id;
  if (!IsId(id)) {
    Bad("plan.id-bad", "id", fmt::format("\"{}\" is not an id", Shown(id)),
        "1 to 40 lower-case letters, digits and hyphens, no hyphen at the ends");
    return "";
  }
  what_ = fmt::format("{} \"{}\"", kind, id);
  context_.Declare(std::string(kind), id, LineOf("id"));
  return id;
}

std::string Reader::Reference(std::string_view key, Need need, std::vector<std::string> kinds,
                              std::string_view verb) {
  std::string id = Text(key, need);
  if (!id.empty())
    context_.Refer(std::move(kinds), id, fmt::format("{} {}", what_, verb), LineOf(key));
  return id;
}

std::optional<std::string> Reader::Url(std::string_view key, bool https_only, bool with_id) {
  std::string s = Text(key, Need::kOptional, kMaxUrl);
  if (s.empty()) return std::nullopt;
  std::string filled = s;
  if (size_t at = filled.find("{}"); with_id && at != s.npos) filled.replace(at, 2, "id");
  if (!IsUrl(filled, https_only)) {
    Bad("plan.url-bad", key, fmt::format("\"{}\" is not a URL it takes", Shown(s)),
        https_only ? "https://host/path" : "http(s)://host/path");
    return std::nullopt;
  }
  return s;
}

std::optional<std::chrono::milliseconds> Reader::Duration(std::string_view key) {
  std::string s = Text(key, Need::kOptional);
  if (s.empty()) return std::nullopt;
  auto d = ParseDuration(s);
  if (!d || d->count() <= 0) {
    Bad("plan.duration-bad", key, fmt::format("\"{}\" is not a duration", Shown(s)),
        "ISO 8601, such as P2Y, P90D or PT6H");
    return std::nullopt;
  }
  return d;
}

Lifetime Reader::LifetimeOf(std::string_view key) {
  Lifetime l;
  std::string s = Text(key);
  if (!s.empty() && !FromText(s, l)) {
    Bad("plan.duration-bad", key, fmt::format("\"{}\" is not a lifetime", Shown(s)),
        "\"never\", or ISO 8601 such as P25Y");
  }
  return l;
}

std::string Reader::Date(std::string_view key, Need need) {
  std::string s = Text(key, need);
  if (s.empty()) return s;
  if (s.size() != 10 || !ParseTime(s)) {
    Bad("plan.date-bad", key, fmt::format("\"{}\" is not a date", Shown(s)), "2026-11-21");
    return "";
  }
  return s;
}

const Node* Reader::Any(std::string_view key) { return Get(key, Need::kOptional); }

const Node* Reader::Table(std::string_view key, bool required) {
  const Node* n = Get(key, required ? Need::kRequired : Need::kOptional);
  if (n != nullptr && n->kind != Node::Kind::kTable) {
    WrongType(key, *n, fmt::format("a table [{}]", key));
    return nullptr;
  }
  return n;
}

std::vector<const Node*> Reader::Tables(std::string_view key, bool required) {
  std::vector<const Node*> out;
  const Node* n = Get(key, required ? Need::kRequired : Need::kOptional);
  if (n == nullptr) return out;
  if (n->kind != Node::Kind::kArray) {
    WrongType(key, *n, fmt::format("an array of tables [[{}]]", key));
    return out;
  }
  if (n->items.size() > kMaxItems) {
    Bad("plan.too-many", key, fmt::format("has {} entries", n->items.size()),
        fmt::format("at most {}", kMaxItems));
    return out;
  }
  for (const Node& e : n->items) out.push_back(&e);
  return out;
}

void Reader::Finish() {
  std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, node] : node_.members) {
    if (known_.contains(key)) continue;
    std::string nearest = NearestWord(key, known);
    context_.findings.Error("plan.key-unknown",
                            fmt::format("{} has no key \"{}\"", what_, Shown(key)),
                            nearest.empty() ? fmt::format("it takes {}", Join(known))
                                            : fmt::format("did you mean \"{}\"?", nearest),
                            node.line);
  }
}

}  // namespace birthmark::plan
