// SPDX-License-Identifier: Apache-2.0
// Declared answers: is the subject one the question is asked about, has the value its shape?
#include <fmt/format.h>

#include <set>

#include "base/clock.h"
#include "plan/check.h"
#include "plan/words.h"
#include "vocab/rules.h"

namespace birthmark::plan {
namespace {

using vocab::AnswerState;
using vocab::ValueType;

bool IsDuration(const std::string& s) { return ParseDuration(s).has_value(); }

std::string FieldFits(const vocab::Field& f, const Scalar& v) {
  const std::string* text = std::get_if<std::string>(&v);
  const int64_t* number = std::get_if<int64_t>(&v);
  switch (f.type) {
    case vocab::FieldType::kInteger:
      return number != nullptr && *number >= 0 ? "" : "a whole number from 0";
    case vocab::FieldType::kBoolean:
      return std::holds_alternative<bool>(v) ? "" : "true or false";
    case vocab::FieldType::kText:
      return text != nullptr ? "" : "a text";
    case vocab::FieldType::kDate:
      return text != nullptr && text->size() == 10 && ParseTime(*text)
                 ? ""
                 : "a date such as 2026-11-21";
    case vocab::FieldType::kDuration:
      return text != nullptr && IsDuration(*text) ? "" : "an ISO 8601 duration";
    case vocab::FieldType::kDurationOrNone:
      return text != nullptr && (*text == "none" || IsDuration(*text))
                 ? ""
                 : "an ISO 8601 duration or \"none\"";
    case vocab::FieldType::kWord:
      return text != nullptr && !text->empty() && text->find(' ') == text->npos &&
                     fmt::format(" {} ", f.words).find(fmt::format(" {} ", *text)) !=
                         std::string::npos
                 ? ""
                 : fmt::format("one of: {}", f.words);
  }
  return "";
}

std::string MapFits(ValueType type, const DeclaredValue& value) {
  const auto* map = std::get_if<std::map<std::string, Scalar>>(&value);
  if (map == nullptr || map->empty()) return "a table such as { … = … }, see docs/vocabulary.md";
  for (const auto& [key, v] : *map) {
    const vocab::Field* field = nullptr;
    std::vector<std::string> names;
    for (const vocab::Field& f : vocab::FieldsOf(type)) {
      names.emplace_back(f.name);
      if (f.name == key) field = &f;
    }
    if (field == nullptr) return fmt::format("a table of {}; it has no \"{}\"", Join(names), key);
    if (std::string want = FieldFits(*field, v); !want.empty())
      return fmt::format("{} as \"{}\"", want, key);
  }
  return "";
}

std::string SubjectFits(const Plan& plan, const Declared& d) {
  const vocab::Row& row = vocab::RowOf(d.question);
  std::string want = std::string(ToText(row.subject));
  if (row.subject == vocab::Subject::kDevice) return d.subject == "device" ? "" : "\"device\"";
  size_t colon = d.subject.find(':');
  if (colon == std::string::npos || d.subject.substr(0, colon) != want)
    return fmt::format("\"{}:ID\"", want);
  std::string id = d.subject.substr(colon + 1);
  // Unknown anchors and PKIs were reported as dangling references already.
  if (row.subject == vocab::Subject::kShareSet && !IsId(id)) return "\"share-set:ID\"";
  if (const Pki* pki = row.subject == vocab::Subject::kIdentityPki ? plan.FindPki(id) : nullptr;
      pki != nullptr && pki->purpose != Purpose::kIdentity) {
    return "a PKI with purpose \"identity\"";
  }
  return "";
}

}  // namespace

std::string ValueFits(vocab::Question q, const DeclaredValue& value) {
  const std::string* text = std::get_if<std::string>(&value);
  const int64_t* number = std::get_if<int64_t>(&value);
  bool count = number != nullptr && *number >= 0;
  switch (vocab::RowOf(q).type) {
    case ValueType::kLocation:
      return text != nullptr && vocab::IsLocation(*text) ? ""
                                                         : "\"internal(otp-fuse)\" or the like";
    case ValueType::kKeyLocation:
      return text != nullptr && vocab::IsKeyLocation(*text)
                 ? ""
                 : "\"none\", or \"key-digest in otp-fuse\" or the like";
    case ValueType::kEncryption:
      return text != nullptr && vocab::IsEncryption(*text)
                 ? ""
                 : "\"no\", \"yes-shared-key\" or \"yes-per-device-key\"";
    case ValueType::kCount: {
      // Levels count from the anchor = 1 (5.1); there are seven continents.
      bool level = q == vocab::Question::kIdentityPkiLevel || q == vocab::Question::kPkiLevel;
      if (level) return count && *number >= 1 ? "" : "a whole number from 1";
      if (q == vocab::Question::kIdentitySplitContinents)
        return count && *number <= 7 ? "" : "0 to 7";
      return count ? "" : "a whole number from 0";
    }
    case ValueType::kCountOrNone:
      return count || (text != nullptr && *text == "none") ? "" : "a whole number or \"none\"";
    case ValueType::kDurationOrNone:
      return text != nullptr && (*text == "none" || IsDuration(*text))
                 ? ""
                 : "an ISO 8601 duration or \"none\"";
    case ValueType::kBoolean:
      return std::holds_alternative<bool>(value) ? "" : "true or false";
    case ValueType::kNames: {
      const auto* names = std::get_if<std::vector<std::string>>(&value);
      if (names == nullptr || names->empty()) return "an array of names";
      if (q != vocab::Question::kPkiLockPolicy) return "";
      for (const std::string& n : *names) {
        if (!vocab::IsLockPolicy(n))
          return "none, eku, policy-oid, subject, name-constraints, specific-subordinate, key-pin";
      }
      return "";
    }
    case ValueType::kStorage:
      return MapFits(ValueType::kStorage, value);
    case ValueType::kGap:
      return MapFits(ValueType::kGap, value);
    case ValueType::kLifespan:
      return MapFits(ValueType::kLifespan, value);
    case ValueType::kNoValue:
      return "";
  }
  return "";
}

void CheckDeclared(const Plan& plan, Findings& out) {
  std::set<std::pair<vocab::Question, std::string>> seen;
  for (const Declared& d : plan.declared) {
    std::string name(ToText(d.question));
    if (std::string want = SubjectFits(plan, d); !want.empty()) {
      out.Error("plan.declared-subject",
                fmt::format("declared {} is about \"{}\"", name, d.subject),
                fmt::format("its subject is {}", want), d.line);
    }
    if (!seen.insert({d.question, d.subject}).second) {
      out.Error("plan.declared-duplicate",
                fmt::format("declared {} about \"{}\" stands twice", name, d.subject), "keep one",
                d.line);
    }
    bool has = !std::holds_alternative<std::monostate>(d.value);
    bool answered = d.state == AnswerState::kAnswered;
    if (answered != has) {
      out.Error("plan.declared-state",
                answered ? fmt::format("declared {} has no value", name)
                         : fmt::format("declared {} is {} but has a value", name, ToText(d.state)),
                answered ? "add value = …, or state = \"withheld\"" : "drop one of the two",
                d.line);
    }
    bool reason = d.state == AnswerState::kWithheld || d.state == AnswerState::kNotApplicable ||
                  !d.withheld_part.empty();
    if (reason && d.reason.empty()) {
      out.Error("plan.declared-reason", fmt::format("declared {} does not say why", name),
                "add reason = \"…\"", d.line);
    }
    if (!answered || !has) continue;
    if (std::string want = ValueFits(d.question, d.value); !want.empty()) {
      out.Error("plan.declared-value", fmt::format("declared {} is \"{}\"", name, ToText(d.value)),
                "it takes " + want, d.line);
    }
  }
}

}  // namespace birthmark::plan
