// SPDX-License-Identifier: Apache-2.0
// Reads typed values out of a TOML table and collects what is wrong: missing and unknown keys,
// wrong types, values out of range, ids and references. Internal to the plan room. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/findings.h"
#include "plan/plan.h"
#include "plan/toml.h"
#include "plan/words.h"

namespace birthmark::plan {

// Context gathers findings, declared ids and references while a plan is read.
class Context {
 public:
  Findings findings;

  // Declare notes an id of a kind ("store"); stages, stores and anchors share one name space, since
  // any of them can be a superior artifact.
  void Declare(const std::string& kind, const std::string& id, int line);
  // Refer notes that `what` names `id`, which must be one of `kinds`.
  void Refer(std::vector<std::string> kinds, const std::string& id, std::string what, int line);
  // Resolve reports the references that nothing declares.
  void Resolve();

 private:
  struct Ref {
    std::vector<std::string> kinds;
    std::string id, what;
    int line;
  };
  std::map<std::string, std::map<std::string, int>> ids_;
  std::vector<Ref> refs_;
};

enum class Need { kRequired, kOptional };

inline constexpr size_t kMaxText = 300;
inline constexpr size_t kMaxNote = 2000;
inline constexpr size_t kMaxItems = 256;

// Reader reads one table. Every key asked for is known; Finish reports the others.
class Reader {
 public:
  // `what` names the table for people: anchor "update". An array or text is reported and read as
  // empty.
  Reader(const Node& node, std::string what, Context& context);

  int line() const { return node_.line; }
  int LineOf(std::string_view key) const;
  const std::string& what() const { return what_; }
  void Rename(std::string what) { what_ = std::move(what); }

  std::string Text(std::string_view key, Need need = Need::kRequired, size_t max = kMaxText);
  std::optional<std::string> OptionalText(std::string_view key);
  int64_t Integer(std::string_view key, Need need, int64_t low, int64_t high,
                  int64_t otherwise = 0);
  std::optional<uint64_t> OptionalCount(std::string_view key);
  double Number(std::string_view key, double low, double high);
  bool Boolean(std::string_view key, bool otherwise);
  std::vector<std::string> Texts(std::string_view key);
  std::vector<int> Integers(std::string_view key, int low, int high);
  // Id is a required id, declared under `kind`.
  std::string Id(std::string_view kind);
  // Reference is an id declared elsewhere; `verb` joins it to the subject: anchor "update" is in
  // "nor1".
  std::string Reference(std::string_view key, Need need, std::vector<std::string> kinds,
                        std::string_view verb);
  // With `with_id`, one "{}" stands for something's id.
  std::optional<std::string> Url(std::string_view key, bool https_only, bool with_id = false);
  std::optional<std::chrono::milliseconds> Duration(std::string_view key);
  Lifetime LifetimeOf(std::string_view key);
  std::string Date(std::string_view key, Need need);

  // Word is one of an enum's words.
  template <class E>
  E Word(std::string_view key, Need need, E otherwise = E{}) {
    std::string text = Text(key, need);
    E out = otherwise;
    if (!text.empty() && !FromText(text, out)) Unknown(key, text, WordsOf<E>(), NewName<E>(text));
    return out;
  }
  // ReadWord is a required word; false when it is missing or unknown.
  template <class E>
  bool ReadWord(std::string_view key, E& out) {
    out = Word<E>(key, Need::kRequired);
    const Node* n = node_.Find(key);
    return n != nullptr && n->kind == Node::Kind::kText && FromText(n->text, out);
  }
  template <class E>
  std::vector<E> Words(std::string_view key) {
    std::vector<E> out;
    for (const std::string& text : Texts(key)) {
      E e{};
      if (FromText(text, e)) {
        out.push_back(e);
      } else {
        Unknown(key, text, WordsOf<E>(), NewName<E>(text));
      }
    }
    return out;
  }

  // Tables is the tables of an array, each with its reader's name still to be told.
  std::vector<const Node*> Tables(std::string_view key, bool required = false);
  const Node* Table(std::string_view key, bool required);
  const Node* Any(std::string_view key);
  void Bad(std::string_view code, std::string_view key, std::string message, std::string fix);
  void Finish();

 private:
  const Node* Get(std::string_view key, Need need);
  void WrongType(std::string_view key, const Node& n, std::string_view want);
  void Unknown(std::string_view key, const std::string& text, const std::vector<std::string>& words,
               const std::string& stored);
  // NewName is the stored name when `text` is a later revision's name.
  template <class E>
  static std::string NewName(const std::string& text) {
    if constexpr (vocab::Word<E>) {
      if (std::optional<E> e = vocab::FromAnyName<E>(text)) return std::string(ToText(*e));
    }
    return "";
  }

  const Node& node_;
  std::string what_;
  Context& context_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace birthmark::plan
