// SPDX-License-Identifier: Apache-2.0
#include "answer/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "answer/value.h"
#include "base/clock.h"

namespace birthmark::answer {
namespace {

// Clean takes control characters out of texts that came from files.
std::string Clean(std::string s) {
  std::ranges::replace_if(
      s, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return s;
}

// Columns counts code points; the texts have no combining or wide characters of ours.
size_t Columns(std::string_view s) {
  return static_cast<size_t>(std::ranges::count_if(s, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Cut(std::string s, size_t columns) {
  if (Columns(s) <= columns || columns < 2) return s;
  size_t end = 0, seen = 0;
  while (end < s.size() && seen < columns - 1) {
    ++end;
    while (end < s.size() && (s[end] & 0xc0) == 0x80) ++end;
    ++seen;
  }
  return s.substr(0, end) + "…";
}

// Cells are the lines that say an answer: side by side where they fit, one below the other where
// not.
std::vector<std::string> Cells(const Answer& a, size_t room) {
  if (a.state != "answered") {
    return {Clean(a.why && a.state != "not-answered" ? fmt::format("{}: {}", a.state, *a.why)
                                                     : a.state)};
  }
  std::vector<std::string> parts;
  if (a.measured)
    parts.push_back(
        Clean(fmt::format("{} {}", a.measured->basis, Describe(a.question, a.measured->value))));
  if (a.declared) parts.push_back(Clean("declared " + Describe(a.question, a.declared->value)));
  const std::string tail = a.differs ? "   differs" : "";
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : "   ") + part;
  if (Columns(all) + tail.size() <= room) return {all + tail};
  // What differs must be seen: the word comes before a long value is cut.
  if (!parts.empty()) parts.back() = Cut(parts.back(), room - tail.size()) + tail;
  return parts;
}

void Line(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) out += fmt::format("  {:<12}{}\n", name, Clean(std::string(text)));
}

std::string When(const std::optional<int64_t>& t) {
  return t ? FormatDate(TimeFromMillis(*t)) : std::string("?");
}

}  // namespace

std::string ShownName(std::string_view question, vocab::Revision revision) {
  if (vocab::Question q; vocab::FromText(question, q))
    return std::string(vocab::NameIn(q, revision));
  return std::string(question);
}

std::string ToTable(const std::vector<Answer>& answers, vocab::Revision revision, size_t width) {
  size_t names = 0;
  for (const Answer& a : answers) names = std::max(names, ShownName(a.question, revision).size());
  names = std::min(names, size_t{36});
  std::string out, subject;
  for (const Answer& a : answers) {
    if (a.subject != subject) {
      if (!out.empty()) out += "\n";
      out += "[" + Clean(a.subject) + "]\n";
      subject = a.subject;
    }
    const size_t room = width > names + 2 ? width - names - 2 : 20;
    std::string name = ShownName(a.question, revision);
    for (const std::string& line : Cells(a, room)) {
      out += fmt::format("{:<{}}  {}\n", name, names, Cut(line, room));
      name.clear();
    }
  }
  return out;
}

std::string ToParagraphs(const std::vector<Answer>& answers, vocab::Revision revision) {
  std::string out;
  for (const Answer& a : answers) {
    if (!out.empty()) out += "\n";
    out += fmt::format("{}  ({})\n", ShownName(a.question, revision), Clean(a.subject));
    Line(out, "state", a.why ? fmt::format("{}: {}", a.state, *a.why) : a.state);
    if (a.declared) {
      Line(out, "declared", DescribeLong(a.question, a.declared->value));
      Line(out, "by", fmt::format("{}, {}", a.declared->role, a.declared->date));
      Line(out, "note", a.declared->note.value_or(""));
    }
    if (a.measured) {
      const Measured& m = *a.measured;
      Line(out, m.basis, DescribeLong(a.question, m.value));
      Line(out, "method", m.method);
      Line(out, "period", fmt::format("{} to {}", When(m.from), When(m.to)));
      if (m.population)
        Line(out, "population", fmt::format("{} of {}", m.population->counted, m.population->of));
      for (const std::string& e : m.exclusions) Line(out, "excluded", e);
      for (const std::string& l : m.leans_on) Line(out, "leans on", l);
      for (const std::string& n : m.notes) Line(out, "note", n);
      Line(out, "verifier", m.verifier.value_or(""));
      Line(out, "evidence",
           fmt::format("{} at {} events, root {}, events used {}", m.evidence.origin,
                       m.evidence.size, ToHex(m.evidence.root).substr(0, 16),
                       ToHex(m.evidence.events).substr(0, 16)));
    }
    if (a.differs) Line(out, "differs", "declared and measured are not the same");
    if (a.rounding != "exact") Line(out, "rounding", a.rounding);
  }
  return out;
}

}  // namespace birthmark::answer
