// SPDX-License-Identifier: Apache-2.0
// The taxonomy as types: an enum a group of words, generated from table.inc, and the look-ups
// between words, enums, permanent ids and the names each revision of the draft uses. Leaves out
// what the words mean for a product (plan) and how questions are evaluated (answer). Const data;
// thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace birthmark::vocab {

// Each enum's values are 0, 1, 2… in table order; the permanent number is RowOf(e).id. A number is
// never stored: records hold the stored name.
#define BM_ENUMERATOR(e, ...) e,
#define BM_TERM BM_ENUMERATOR
enum class Term {
#include "vocab/table.inc"
};
#define BM_BIRTH BM_ENUMERATOR
enum class Birth {
#include "vocab/table.inc"
};
#define BM_METHOD BM_ENUMERATOR
enum class Method {
#include "vocab/table.inc"
};
#define BM_TRANSFER BM_ENUMERATOR
enum class Transfer {
#include "vocab/table.inc"
};
#define BM_ANCHOR BM_ENUMERATOR
enum class AnchorKind {
#include "vocab/table.inc"
};
#define BM_ASPECT BM_ENUMERATOR
enum class Aspect {
#include "vocab/table.inc"
};
#define BM_IDENTITY BM_ENUMERATOR
enum class Identity {
#include "vocab/table.inc"
};
#define BM_QUESTION BM_ENUMERATOR
enum class Question {
#include "vocab/table.inc"
};
#define BM_SOURCE BM_ENUMERATOR
enum class KeySource {
#include "vocab/table.inc"
};
#define BM_PROTECTION BM_ENUMERATOR
enum class KeyProtection {
#include "vocab/table.inc"
};
#define BM_FACT BM_ENUMERATOR
enum class KeyFact {
#include "vocab/table.inc"
};
#define BM_STEP BM_ENUMERATOR
enum class StepKind {
#include "vocab/table.inc"
};
#define BM_STAGE BM_ENUMERATOR
enum class StageKind {
#include "vocab/table.inc"
};
#define BM_STORE BM_ENUMERATOR
enum class StoreKind {
#include "vocab/table.inc"
};
#define BM_STATE BM_ENUMERATOR
enum class AnswerState {
#include "vocab/table.inc"
};
#define BM_BASIS BM_ENUMERATOR
enum class Basis {
#include "vocab/table.inc"
};
#define BM_ALGORITHM BM_ENUMERATOR
enum class Algorithm {
#include "vocab/table.inc"
};
#undef BM_ENUMERATOR

#define BM_QUESTION(...) +1
inline constexpr size_t kQuestionCount = 0
#include "vocab/table.inc"
    ;
#define BM_METHOD(...) +1
inline constexpr size_t kMethodCount = 0
#include "vocab/table.inc"
    ;
#define BM_ASPECT(...) +1
inline constexpr size_t kAspectCount = 0
#include "vocab/table.inc"
    ;
#define BM_STEP(...) +1
inline constexpr size_t kStepCount = 0
#include "vocab/table.inc"
    ;

// Group is a section of the table.
enum class Group {
  kTerm,
  kBirth,
  kMethod,
  kTransfer,
  kAnchor,
  kAspect,
  kIdentity,
  kQuestion,
  kSource,
  kProtection,
  kFact,
  kStep,
  kStage,
  kStore,
  kState,
  kBasis,
  kAlgorithm,
};
inline constexpr size_t kGroupCount = static_cast<size_t>(Group::kAlgorithm) + 1;
// GroupTitle is the heading of a group in the documentation: "Methods".
std::string_view GroupTitle(Group g);

// Revision is a revision of the draft whose names the table knows. A later one is a new column.
enum class Revision { k02, k15 };
inline constexpr Revision kDefaultRevision = Revision::k02;
// ToText gives "02" or "15"; FromText also takes "2" and "-02".
std::string_view ToText(Revision r);
bool FromText(std::string_view s, Revision& r);

// Subject is what a question is asked about.
enum class Subject { kNone, kDevice, kIdentityPki, kShareSet, kAnchor };
// ToText gives "device", "identity-pki", "share-set", "anchor", "" for kNone.
std::string_view ToText(Subject s);

// ValueType is the shape of a question's value, declared or measured: docs/vocabulary.md, "Values".
enum class ValueType {
  kNoValue,
  kLocation,        // text "internal(otp-fuse)" or "external(spi-nor)": IsLocation
  kKeyLocation,     // text "none", or "key-digest in otp-fuse": IsKeyLocation
  kEncryption,      // text no, yes-shared-key, yes-per-device-key
  kCount,           // whole number >= 0
  kCountOrNone,     // whole number >= 0, or "none"
  kDurationOrNone,  // ISO 8601 duration, or "none"
  kBoolean,
  kNames,     // set of texts, sorted
  kGap,       // map, FieldsOf(kGap)
  kStorage,   // map, FieldsOf(kStorage)
  kLifespan,  // map, FieldsOf(kLifespan)
};
// ToText gives "location", "count-or-none"…
std::string_view ToText(ValueType t);

// Secrecy is what happens to a value by default when it is disclosed.
enum class Secrecy {
  kPublic,
  kBucket,   // rounded to a bucket, since the exact number gives more away than asked
  kPrivate,  // withheld unless the owner decides otherwise
};
std::string_view ToText(Secrecy s);

// Row is one row of the table.
struct Row {
  Group group;
  uint16_t id;               // permanent
  std::string_view name;     // permanent: what is stored, signed and typed
  std::string_view in02;     // as revision -02 writes it; empty: not there
  std::string_view in15;     // as revision -15 writes it; empty: not there
  std::string_view section;  // of -02; "slides" or "ours" where it is not in the draft
  std::string_view summary;  // one sentence of ours
  // The rest for questions alone.
  Subject subject = Subject::kNone;
  ValueType type = ValueType::kNoValue;
  std::string_view unit{};
  Secrecy secrecy = Secrecy::kPublic;
  std::string_view evidence{};  // how it is measured

  // In is the name a revision uses; empty when it has none.
  std::string_view In(Revision r) const { return r == Revision::k02 ? in02 : in15; }
  // Shown is In(r), or the stored name for words of ours and words the revision lacks.
  std::string_view Shown(Revision r) const { return In(r).empty() ? name : In(r); }
};

// Table is every row, grouped, in a fixed order.
std::span<const Row> Table();
// Rows is the rows of one group, in the order of its enum.
std::span<const Row> Rows(Group g);
// FindById finds a row by its permanent id.
const Row* FindById(uint16_t id);
// FindName finds the rows any revision or the store calls so (exact, except for case).
std::vector<const Row*> FindName(std::string_view name);

template <class E>
inline constexpr std::optional<Group> kGroupOf = std::nullopt;
template <>
inline constexpr std::optional<Group> kGroupOf<Term> = Group::kTerm;
template <>
inline constexpr std::optional<Group> kGroupOf<Birth> = Group::kBirth;
template <>
inline constexpr std::optional<Group> kGroupOf<Method> = Group::kMethod;
template <>
inline constexpr std::optional<Group> kGroupOf<Transfer> = Group::kTransfer;
template <>
inline constexpr std::optional<Group> kGroupOf<AnchorKind> = Group::kAnchor;
template <>
inline constexpr std::optional<Group> kGroupOf<Aspect> = Group::kAspect;
template <>
inline constexpr std::optional<Group> kGroupOf<Identity> = Group::kIdentity;
template <>
inline constexpr std::optional<Group> kGroupOf<Question> = Group::kQuestion;
template <>
inline constexpr std::optional<Group> kGroupOf<KeySource> = Group::kSource;
template <>
inline constexpr std::optional<Group> kGroupOf<KeyProtection> = Group::kProtection;
template <>
inline constexpr std::optional<Group> kGroupOf<KeyFact> = Group::kFact;
template <>
inline constexpr std::optional<Group> kGroupOf<StepKind> = Group::kStep;
template <>
inline constexpr std::optional<Group> kGroupOf<StageKind> = Group::kStage;
template <>
inline constexpr std::optional<Group> kGroupOf<StoreKind> = Group::kStore;
template <>
inline constexpr std::optional<Group> kGroupOf<AnswerState> = Group::kState;
template <>
inline constexpr std::optional<Group> kGroupOf<Basis> = Group::kBasis;
template <>
inline constexpr std::optional<Group> kGroupOf<Algorithm> = Group::kAlgorithm;

// Word is any enum of the table.
template <class E>
concept Word = std::is_enum_v<E> && kGroupOf<E>.has_value();

// RowOf is the row of an enumerator.
template <Word E>
const Row& RowOf(E e) {
  return Rows(*kGroupOf<E>)[static_cast<size_t>(e)];
}
// ToText is the stored name; FromText reads it and nothing else, so that records stay canonical.
template <Word E>
std::string_view ToText(E e) {
  return RowOf(e).name;
}
template <Word E>
bool FromText(std::string_view s, E& e) {
  std::span<const Row> rows = Rows(*kGroupOf<E>);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].name != s) continue;
    e = static_cast<E>(i);
    return true;
  }
  return false;
}
// FromAnyName reads the stored name or any revision's name: what people type.
template <Word E>
std::optional<E> FromAnyName(std::string_view s) {
  for (const Row* row : FindName(s)) {
    if (row->group == *kGroupOf<E>) return static_cast<E>(row - Rows(*kGroupOf<E>).data());
  }
  return std::nullopt;
}
// NameIn is the name in a revision, or the stored name where that revision has none.
template <Word E>
std::string_view NameIn(E e, Revision r) {
  return RowOf(e).Shown(r);
}
// All is every enumerator in order.
template <Word E>
std::vector<E> All() {
  std::vector<E> out;
  for (size_t i = 0; i < Rows(*kGroupOf<E>).size(); ++i) out.push_back(static_cast<E>(i));
  return out;
}

// Open is a word as a record spelled it: a name that a newer revision brought is kept as it is and
// written back unchanged.
template <Word E>
struct Open {
  std::string text;
  std::optional<E> known() const {
    E e{};
    return FromText(text, e) ? std::optional<E>(e) : std::nullopt;
  }
  bool operator==(const Open&) const = default;
};

}  // namespace birthmark::vocab
