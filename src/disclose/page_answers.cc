// SPDX-License-Identifier: Apache-2.0
// Answers as swatches, and the table of all of them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "answer/value.h"
#include "base/clock.h"
#include "disclose/page_parts.h"
#include "disclose/words.h"
#include "vocab/vocab.h"

namespace birthmark::disclose::page {
namespace {

constexpr size_t kMaxRows = 2000;

std::string Item(std::string_view name, std::string_view value, size_t columns = 300) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>", name, Esc(value, columns));
}

std::string Items(std::string_view name, const std::vector<std::string>& values) {
  std::string out;
  for (size_t i = 0; i < std::min(values.size(), kMaxDrawn); ++i) out += Item(name, values[i]);
  if (values.size() > kMaxDrawn)
    out += Item(name, fmt::format("and {} more", values.size() - kMaxDrawn));
  return out;
}

// Provenance is where the values of an answer come from.
std::string Provenance(const answer::Answer& a) {
  std::string out = "<dl>" + Item("subject", a.subject);
  if (a.why) out += Item("why", *a.why);
  if (a.measured) {
    const answer::Measured& m = *a.measured;
    out += Item(Esc(m.basis, 20), answer::DescribeLong(a.question, m.value), 1000) +
           Item("method", m.method);
    if (m.from && m.to) out += Item("period", Dates(Sane(*m.from), Sane(*m.to)));
    if (m.population) out += Item("population", m.population->counted + " of " + m.population->of);
    if (m.verifier) out += Item("verifier", *m.verifier);
    out += Items("excluded", m.exclusions) + Items("leans on", m.leans_on) + Items("note", m.notes);
    out += Item("rounding", a.rounding);
    out +=
        Item("evidence",
             fmt::format("SHA-256 of the events used {}; log {}, its first {} events, tree head {}",
                         ToHex(m.evidence.events), m.evidence.origin, m.evidence.size,
                         ToHex(m.evidence.root)),
             600);
  }
  if (a.declared) {
    out += Item("declared", answer::DescribeLong(a.question, a.declared->value), 1000);
    out += Item("by", a.declared->role + ", " + a.declared->date);
    if (a.declared->note) out += Item("note", *a.declared->note);
  }
  return out + "</dl>";
}

std::string Swatch(const Basis& b, std::string_view question) {
  return fmt::format("<span class=\"v\"><i class=\"w {}\"></i><small>{}</small> {}</span>", b.style,
                     b.word, Esc(ValueWords(question, *b.value), 160));
}

const vocab::Row* RowOfQuestion(std::string_view question) {
  if (vocab::Question q{}; vocab::FromText(question, q)) return &vocab::RowOf(q);
  if (vocab::Aspect a{}; vocab::FromText(question, a)) return &vocab::RowOf(a);
  return nullptr;
}

// NamesIn is a question's name in the words of every revision that the disclosures use.
std::string NamesIn(All all, std::string_view question) {
  std::vector<std::string> names;
  for (const OpenedDisclosure& o : all) {
    std::string name = QuestionName(question, o.disclosure.revision);
    if (std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  std::string out;
  for (const std::string& n : names) out += (out.empty() ? "" : " / ") + n;
  return out;
}

std::string Heading(All all, std::string_view question) {
  const vocab::Row* row = RowOfQuestion(question);
  if (row == nullptr) return fmt::format("<h4>{}</h4>", Esc(question));
  return fmt::format("<h4 title=\"{0} (section {1})\">{2}<small> {0} Section {1}.</small></h4>",
                     Esc(row->summary), Esc(row->section), Esc(NamesIn(all, question)));
}

}  // namespace

std::string_view Style(std::string_view basis) {
  return basis == "measured" ? "m" : basis == "attested" ? "a" : "d";
}

const answer::Answer* FindAnswer(const Disclosure& d, std::string_view question,
                                 std::string_view subject) {
  for (const answer::Answer& a : d.answers) {
    if (a.question == question && (subject.empty() || a.subject == subject)) return &a;
  }
  return nullptr;
}

std::vector<Basis> Bases(const answer::Answer* a) {
  std::vector<Basis> out;
  if (a == nullptr || a->state != "answered") return out;
  if (a->measured) {
    const std::string_view style = Style(a->measured->basis);
    out.push_back({style,
                   style == "m"   ? "measured"
                   : style == "a" ? "attested"
                                  : "declared",
                   &a->measured->value});
  }
  if (a->declared) out.push_back({"d", "declared", &a->declared->value});
  return out;
}

std::string StateWord(const answer::Answer* a) {
  if (a == nullptr) return "not in this disclosure";
  if (a->state == "not-applicable") return "not applicable";
  if (a->state == "not-answered") return "not answered";
  return a->state == "answered" ? "no value" : a->state;
}

std::optional<uint64_t> CountOf(const cbor::Value& v) {
  if (v.AsUint() != nullptr) return *v.AsUint();
  if (v.AsText() == nullptr) return std::nullopt;
  std::string_view s = *v.AsText();
  if (s.starts_with("<= ")) s.remove_prefix(3);
  uint64_t n = 0;
  auto [p, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  // "3 of 1000" counts three.
  if (ec != std::errc() || (p != s.data() + s.size() && *p != ' ')) return std::nullopt;
  return n;
}

std::string AnswerMark(const answer::Answer* a) {
  if (a == nullptr)
    return "<p class=\"gap\"><i class=\"w n\"></i>— <small>not in this disclosure</small></p>";
  std::string head;
  for (const Basis& b : Bases(a)) {
    if (!head.empty()) head += a->differs ? " <b title=\"they differ\">≠</b> " : " ";
    head += Swatch(b, a->question);
  }
  if (head.empty()) {
    head = fmt::format("<span class=\"v\"><i class=\"w n\"></i>{}{}</span>", Esc(StateWord(a), 40),
                       a->why ? ": " + Esc(*a->why, 120) : "");
  }
  return fmt::format("<details class=\"a\"><summary>{}</summary>{}</details>", head,
                     Provenance(*a));
}

std::string Labelled(const Disclosure& d, std::string_view question, const answer::Answer* a) {
  return fmt::format("<div class=\"q\">{}</div>{}", Esc(QuestionName(question, d.revision)),
                     AnswerMark(a));
}

std::string AnswerTable(All all) {
  const Comparison c = Compare(all);
  std::string body, group;
  std::vector<std::string> seen;
  for (size_t n = 0; n < std::min(c.rows.size(), kMaxRows); ++n) {
    const ComparedRow& row = c.rows[n];
    if (row.group != group) {
      group = row.group;
      body += fmt::format("<h3>{}</h3>", Esc(group));
    }
    seen.push_back(row.question);
    body +=
        Heading(all, row.question) + Row(all, [&](size_t i) { return AnswerMark(row.cells[i]); });
  }
  if (c.rows.size() > kMaxRows) {
    body += fmt::format("<p>{} further rows are left out here; the JSON form has them.</p>",
                        c.rows.size() - kMaxRows);
  }
  std::string absent;
  for (const vocab::Row& row : vocab::Rows(vocab::Group::kQuestion)) {
    if (std::find(seen.begin(), seen.end(), row.name) == seen.end())
      absent += Heading(all, row.name);
  }
  if (!absent.empty()) body += "<h3>Questions that no disclosure here carries</h3>" + absent;
  return Section(all, "Answers",
                 "The questions in the draft's order; each answer opens to where it comes from.",
                 "<details class=\"table\"><summary>open the table of answers</summary>" + body +
                     "</details>");
}

}  // namespace birthmark::disclose::page
