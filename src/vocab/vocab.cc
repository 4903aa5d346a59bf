// SPDX-License-Identifier: Apache-2.0
#include "vocab/vocab.h"

#include <algorithm>
#include <array>

namespace birthmark::vocab {
namespace {

#define BM_WORD(group, e, id, name, in02, in15, section, summary) \
  Row{group, id, name, in02, in15, section, summary},
#define BM_TERM(...) BM_WORD(Group::kTerm, __VA_ARGS__)
#define BM_BIRTH(...) BM_WORD(Group::kBirth, __VA_ARGS__)
#define BM_METHOD(...) BM_WORD(Group::kMethod, __VA_ARGS__)
#define BM_TRANSFER(...) BM_WORD(Group::kTransfer, __VA_ARGS__)
#define BM_ANCHOR(...) BM_WORD(Group::kAnchor, __VA_ARGS__)
#define BM_ASPECT(...) BM_WORD(Group::kAspect, __VA_ARGS__)
#define BM_IDENTITY(...) BM_WORD(Group::kIdentity, __VA_ARGS__)
#define BM_QUESTION(e, id, name, in15, subject, type, unit, secrecy, section, summary, evidence) \
  Row{Group::kQuestion,                                                                          \
      id,                                                                                        \
      name,                                                                                      \
      name,                                                                                      \
      in15,                                                                                      \
      section,                                                                                   \
      summary,                                                                                   \
      Subject::subject,                                                                          \
      ValueType::type,                                                                           \
      unit,                                                                                      \
      Secrecy::secrecy,                                                                          \
      evidence},
#define BM_SOURCE(...) BM_WORD(Group::kSource, __VA_ARGS__)
#define BM_PROTECTION(...) BM_WORD(Group::kProtection, __VA_ARGS__)
#define BM_FACT(...) BM_WORD(Group::kFact, __VA_ARGS__)
#define BM_STEP(...) BM_WORD(Group::kStep, __VA_ARGS__)
#define BM_STAGE(...) BM_WORD(Group::kStage, __VA_ARGS__)
#define BM_STORE(...) BM_WORD(Group::kStore, __VA_ARGS__)
#define BM_STATE(...) BM_WORD(Group::kState, __VA_ARGS__)
#define BM_BASIS(...) BM_WORD(Group::kBasis, __VA_ARGS__)
#define BM_ALGORITHM(...) BM_WORD(Group::kAlgorithm, __VA_ARGS__)
constexpr Row kTable[] = {
#include "vocab/table.inc"
};
#undef BM_WORD

constexpr size_t Count(Group g) {
  size_t n = 0;
  for (const Row& r : kTable) n += r.group == g;
  return n;
}

constexpr std::array<size_t, kGroupCount + 1> kFirst = [] {
  std::array<size_t, kGroupCount + 1> first{};
  for (size_t g = 0; g < kGroupCount; ++g) first[g + 1] = first[g] + Count(static_cast<Group>(g));
  return first;
}();

// GroupsContiguous makes Rows() right whatever order table.inc stands in within a group.
constexpr bool GroupsContiguous() {
  for (size_t g = 0; g < kGroupCount; ++g) {
    for (size_t i = kFirst[g]; i < kFirst[g + 1]; ++i) {
      if (kTable[i].group != static_cast<Group>(g)) return false;
    }
  }
  return kFirst[kGroupCount] == std::size(kTable);
}

constexpr bool IdsUnique() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (kTable[i].id == kTable[j].id) return false;
    }
  }
  return true;
}

constexpr bool NamesUniqueInGroup() {
  for (size_t i = 0; i < std::size(kTable); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (kTable[i].group == kTable[j].group && kTable[i].name == kTable[j].name) return false;
    }
  }
  return true;
}

static_assert(GroupsContiguous(), "groups in table.inc stand in the order of Group");
static_assert(IdsUnique());
static_assert(NamesUniqueInGroup());
// The numbers of -02: 18 questions (6), 5 methods (4.1.1), 3 transfers (1.1), 9 anchor sections
// (3.1 to 3.9), 4 aspects (3).
static_assert(Count(Group::kQuestion) == 18 && kQuestionCount == 18);
static_assert(Count(Group::kMethod) == 5 && kMethodCount == 5);
static_assert(Count(Group::kTransfer) == 3);
static_assert(Count(Group::kAnchor) == 9);
static_assert(Count(Group::kAspect) == 4 && kAspectCount == 4);

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool EqualNoCase(std::string_view a, std::string_view b) {
  return !a.empty() && std::equal(a.begin(), a.end(), b.begin(), b.end(),
                                  [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace

std::span<const Row> Table() { return kTable; }

std::span<const Row> Rows(Group g) {
  size_t i = static_cast<size_t>(g);
  return std::span<const Row>(kTable).subspan(kFirst[i], kFirst[i + 1] - kFirst[i]);
}

const Row* FindById(uint16_t id) {
  for (const Row& r : kTable) {
    if (r.id == id) return &r;
  }
  return nullptr;
}

std::vector<const Row*> FindName(std::string_view name) {
  std::vector<const Row*> out;
  for (const Row& r : kTable) {
    if (EqualNoCase(r.name, name) || EqualNoCase(r.in02, name) || EqualNoCase(r.in15, name)) {
      out.push_back(&r);
    }
  }
  return out;
}

std::string_view GroupTitle(Group g) {
  static constexpr std::string_view kTitles[] = {"Terms",
                                                 "Where a key is born",
                                                 "Methods",
                                                 "Transfers",
                                                 "Trust anchors",
                                                 "Aspects of a trust anchor",
                                                 "Identities",
                                                 "Questions",
                                                 "Key sources",
                                                 "Key protections",
                                                 "Facts about a key",
                                                 "Steps",
                                                 "Stages",
                                                 "Stores",
                                                 "States of an answer",
                                                 "Bases of an answer",
                                                 "Algorithms"};
  static_assert(std::size(kTitles) == kGroupCount);
  return kTitles[static_cast<size_t>(g)];
}

std::string_view ToText(Revision r) { return r == Revision::k02 ? "02" : "15"; }

bool FromText(std::string_view s, Revision& r) {
  if (s.starts_with('-')) s.remove_prefix(1);
  if (s == "02" || s == "2") {
    r = Revision::k02;
  } else if (s == "15") {
    r = Revision::k15;
  } else {
    return false;
  }
  return true;
}

std::string_view ToText(Subject s) {
  static constexpr std::string_view kWords[] = {"", "device", "identity-pki", "share-set",
                                                "anchor"};
  return kWords[static_cast<size_t>(s)];
}

std::string_view ToText(ValueType t) {
  static constexpr std::string_view kWords[] = {
      "",      "location",      "key-location",     "encryption",
      "count", "count-or-none", "duration-or-none", "boolean",
      "names", "gap",           "storage",          "lifespan"};
  return kWords[static_cast<size_t>(t)];
}

std::string_view ToText(Secrecy s) {
  static constexpr std::string_view kWords[] = {"public", "bucket", "private"};
  return kWords[static_cast<size_t>(s)];
}

}  // namespace birthmark::vocab
