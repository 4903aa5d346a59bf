// SPDX-License-Identifier: Apache-2.0
// Declared answers: what a person says, with role and date.
#include <fmt/format.h>

#include "plan/parse.h"
#include "plan/reader.h"

namespace birthmark::plan {
namespace {

std::optional<Scalar> ScalarOf(const Node& n) {
  if (n.kind == Node::Kind::kBoolean) return n.boolean;
  if (n.kind == Node::Kind::kInteger) return n.integer;
  if (n.kind == Node::Kind::kText && n.text.size() <= kMaxNote) return n.text;
  return std::nullopt;
}

DeclaredValue ValueOf(Reader& r, const Node& n) {
  if (std::optional<Scalar> s = ScalarOf(n)) {
    return std::visit([](auto&& v) -> DeclaredValue { return v; }, *s);
  }
  if (n.kind == Node::Kind::kArray) return r.Texts("value");
  if (n.kind == Node::Kind::kTable && n.members.size() <= kMaxItems) {
    std::map<std::string, Scalar> map;
    for (const auto& [key, member] : n.members) {
      if (std::optional<Scalar> s = ScalarOf(member)) {
        map[key] = *s;
      } else {
        r.Bad("plan.type", "value", fmt::format("has a member that is {}", KindName(member.kind)),
              "texts, whole numbers and Booleans");
      }
    }
    return map;
  }
  r.Bad("plan.type", "value", fmt::format("is {}", KindName(n.kind)),
        "a text, a whole number, a Boolean, an array of texts, or a table of those");
  return {};
}

}  // namespace

// ReadDeclared gives nothing for an unknown question: its value could not be judged.
std::optional<Declared> ReadDeclared(const Node& n, Context& c) {
  Reader r(n, "declared", c);
  Declared d;
  d.line = n.line;
  std::string question = r.Text("question");
  bool known = FromText(question, d.question);
  if (!question.empty() && !known) {
    std::optional<vocab::Question> renamed = vocab::FromAnyName<vocab::Question>(question);
    std::string near =
        renamed ? std::string(ToText(*renamed)) : NearestWord(question, WordsOf<vocab::Question>());
    r.Bad("plan.declared-unknown", "question", fmt::format("\"{}\" is none of the 18", question),
          near.empty() ? "see birthmark vocab" : fmt::format("did you mean \"{}\"?", near));
  }
  r.Rename(fmt::format("declared {}", question));
  d.subject = r.Text("subject", Need::kOptional);
  if (d.subject.starts_with("anchor:")) {
    c.Refer({"anchor"}, d.subject.substr(7), r.what() + " is about anchor", r.LineOf("subject"));
  }
  if (d.subject.starts_with("identity-pki:")) {
    c.Refer({"pki"}, d.subject.substr(13), r.what() + " is about", r.LineOf("subject"));
  }
  d.state = r.Word<vocab::AnswerState>("state", Need::kOptional, vocab::AnswerState::kAnswered);
  if (const Node* v = r.Any("value")) d.value = ValueOf(r, *v);
  // The draft asks how a key is stored with an open description: a bare text is one.
  if (const auto* text = std::get_if<std::string>(&d.value);
      text != nullptr && known && vocab::RowOf(d.question).type == vocab::ValueType::kStorage) {
    d.value = std::map<std::string, Scalar>{{"description", *text}};
  }
  d.role = r.Text("role");
  d.date = r.Date("date", Need::kRequired);
  d.note = r.Text("note", Need::kOptional, kMaxNote);
  d.withheld_part = r.Text("withheld-part", Need::kOptional);
  d.reason = r.Text("reason", Need::kOptional, kMaxNote);
  d.clause = r.Text("clause", Need::kOptional);
  r.Finish();
  return known ? std::optional<Declared>(d) : std::nullopt;
}

}  // namespace birthmark::plan
