// SPDX-License-Identifier: Apache-2.0
// The parts of the page, each a section of HTML over all products. Internal to page*.cc. Scales are
// worked out over all products at once, so that columns can be compared by eye.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "disclose/compare.h"
#include "disclose/html.h"
#include "disclose/opened.h"

namespace birthmark::disclose::page {

using All = std::span<const OpenedDisclosure>;

// How many items of a list a drawing shows; the rest is named by its number.
inline constexpr size_t kMaxDrawn = 24;

// Sane keeps a stranger's time within the years 1970 to 9999, so that sums of two stay numbers.
inline int64_t Sane(int64_t ms) { return std::clamp<int64_t>(ms, 0, 253'402'300'799'000); }

// Width is the drawing's width in units of about one screen pixel, so that letters keep their size.
double Width(All all);
// Row sets one cell for each product side by side.
template <class F>
std::string Row(All all, F cell) {
  std::string out = "<div class=\"row c" + std::to_string(all.size()) + "\">";
  for (size_t i = 0; i < all.size(); ++i) out += "<div>" + cell(i) + "</div>";
  return out + "</div>";
}
// Names is the row of product names that stands above every part, with the mark of a rehearsal.
std::string Names(All all);
// Section is a part under its heading; `how` is a sentence on how to read it.
std::string Section(All all, std::string_view title, std::string_view how, const std::string& body);

// Style is the texture of a basis: "m" measured, "a" attested, "d" declared.
std::string_view Style(std::string_view basis);
// FindAnswer finds a product's answer by question and subject; null when there is none. An empty
// subject takes the first.
const answer::Answer* FindAnswer(const Disclosure& d, std::string_view question,
                                 std::string_view subject = {});
// AnswerMark is an answer as swatches and words, which open to method, period, population and
// evidence. A null answer is a gap.
std::string AnswerMark(const answer::Answer* a);
// Labelled is the same under the question's name in the disclosure's revision.
std::string Labelled(const Disclosure& d, std::string_view question, const answer::Answer* a);
// Basis is one value of an answer with its texture.
struct Basis {
  std::string_view style, word;
  const cbor::Value* value = nullptr;
};
// Bases lists measured before declared; empty unless answered.
std::vector<Basis> Bases(const answer::Answer* a);
// StateWord is the word that stands in a dashed outline: "withheld", "not answered"…
std::string StateWord(const answer::Answer* a);
// CountOf reads a whole number or a bucket's upper end; nullopt for other values.
std::optional<uint64_t> CountOf(const cbor::Value& v);

std::string Passport(All all);
std::string BirthOfKeys(All all);
std::string PkiTrees(All all);
std::string BootChain(All all);
std::string Matrix(All all);
std::string Hands(All all);
std::string Shares(All all);
std::string Lifelines(All all);
std::string AnswerTable(All all);

}  // namespace birthmark::disclose::page
