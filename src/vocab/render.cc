// SPDX-License-Identifier: Apache-2.0
#include "vocab/render.h"

#include <fmt/format.h>

#include <algorithm>

#include "vocab/rules.h"

namespace birthmark::vocab {
namespace {

constexpr ValueType kTypes[] = {
    ValueType::kLocation,    ValueType::kKeyLocation,    ValueType::kEncryption, ValueType::kCount,
    ValueType::kCountOrNone, ValueType::kDurationOrNone, ValueType::kBoolean,    ValueType::kNames,
    ValueType::kGap,         ValueType::kStorage,        ValueType::kLifespan};

// Quoted is a JSON string; the table and the names here hold no control characters.
std::string Quoted(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string QuotedList(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + Quoted(w);
  return "[" + out + "]";
}

template <Word E>
std::vector<std::string> Names() {
  std::vector<std::string> out;
  for (const Row& r : Rows(*kGroupOf<E>)) out.emplace_back(r.name);
  return out;
}

std::vector<std::string> Split(std::string_view words) {
  std::vector<std::string> out;
  while (!words.empty()) {
    size_t end = words.find(' ');
    out.emplace_back(words.substr(0, end));
    words.remove_prefix(end == words.npos ? words.size() : end + 1);
  }
  return out;
}

constexpr std::string_view kDurationPattern = "^P[0-9YMWDTHS.]+$";

std::string FieldSchema(const Field& f) {
  switch (f.type) {
    case FieldType::kInteger:
      return R"({"type": "integer", "minimum": 0})";
    case FieldType::kBoolean:
      return R"({"type": "boolean"})";
    case FieldType::kText:
      return R"({"type": "string"})";
    case FieldType::kDate:
      return R"({"type": "string", "format": "date"})";
    case FieldType::kDuration:
      return fmt::format(R"({{"type": "string", "pattern": "{}"}})", kDurationPattern);
    case FieldType::kDurationOrNone:
      return fmt::format(R"({{"type": "string", "pattern": "^none$|{}"}})", kDurationPattern);
    case FieldType::kWord:
      return fmt::format(R"({{"enum": {}}})", QuotedList(Split(f.words)));
  }
  return "{}";
}

std::string TypeSchema(ValueType t) {
  switch (t) {
    case ValueType::kLocation: {
      std::vector<std::string> words;
      for (StoreKind k : All<StoreKind>()) words.push_back(LocationText(k));
      return fmt::format(R"({{"enum": {}}})", QuotedList(words));
    }
    case ValueType::kKeyLocation:
      return fmt::format(
          R"({{"type": "string", "pattern": "^none$|^(public-key|key-digest|hash|mac-key) in ({})$"}})",
          fmt::join(Names<StoreKind>(), "|"));
    case ValueType::kEncryption:
      return R"({"enum": ["no", "yes-shared-key", "yes-per-device-key"]})";
    case ValueType::kCount:
      return R"({"anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/bucket"}]})";
    case ValueType::kCountOrNone:
      return R"({"anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/bucket"}, {"const": "none"}]})";
    case ValueType::kDurationOrNone:
      return fmt::format(R"({{"type": "string", "pattern": "^none$|{}"}})", kDurationPattern);
    case ValueType::kBoolean:
      return R"({"type": "boolean"})";
    case ValueType::kNames:
      return R"({"type": "array", "items": {"type": "string"}, "uniqueItems": true})";
    case ValueType::kGap:
    case ValueType::kStorage:
    case ValueType::kLifespan: {
      std::string members;
      for (const Field& f : FieldsOf(t)) {
        members +=
            fmt::format("{}{}: {}", members.empty() ? "" : ", ", Quoted(f.name), FieldSchema(f));
      }
      return fmt::format(
          R"({{"type": "object", "additionalProperties": false, "properties": {{{}}}}})", members);
    }
    case ValueType::kNoValue:
      break;
  }
  return "{}";
}

std::string TypeSummary(ValueType t) {
  switch (t) {
    case ValueType::kLocation:
      return "text `internal(STORE)` or `external(STORE)`, STORE one of the stores";
    case ValueType::kKeyLocation:
      return "text `none`, or `KIND in STORE`, KIND one of public-key, key-digest, hash, mac-key";
    case ValueType::kEncryption:
      return "text `no`, `yes-shared-key` or `yes-per-device-key`";
    case ValueType::kCount:
      return "whole number from 0; levels from 1; continents to 7";
    case ValueType::kCountOrNone:
      return "whole number from 0, or `none`";
    case ValueType::kDurationOrNone:
      return "ISO 8601 duration, or `none`";
    case ValueType::kBoolean:
      return "true or false";
    case ValueType::kNames:
      return "set of names, sorted";
    case ValueType::kGap:
    case ValueType::kStorage:
    case ValueType::kLifespan:
      return "map of the members below";
    case ValueType::kNoValue:
      break;
  }
  return "";
}

std::string Cell(std::string_view s) { return s.empty() ? "-" : std::string(s); }

}  // namespace

std::string VocabularyMarkdown() {
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "<!-- Made from src/vocab/table.inc: change that, then run vocab_test with "
      "BIRTHMARK_UPDATE=1. -->\n\n"
      "# Vocabulary\n\n"
      "The words of draft-irtf-t2trg-taxonomy-manufacturer-anchors, one row each. *Id* and *name* "
      "are\n"
      "permanent: names are what records store and commands take. The columns *-02* and *-15* are "
      "what\n"
      "those revisions write; `-` means that the revision has no such word. *Section* is that of "
      "-02;\n"
      "*slides* and *ours* mark what the draft does not name. No order below is a ranking.\n";
  for (size_t g = 0; g < kGroupCount; ++g) {
    Group group = static_cast<Group>(g);
    out += fmt::format("\n## {}\n\n", GroupTitle(group));
    if (group == Group::kQuestion) {
      out +=
          "| id | name | -15 | about | value | unit | disclosed | section | asks | measured by |\n"
          "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
      for (const Row& r : Rows(group)) {
        out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", r.id, r.name,
                           r.in15 == r.name ? "same" : r.in15, ToText(r.subject), ToText(r.type),
                           Cell(r.unit), ToText(r.secrecy), r.section, r.summary, r.evidence);
      }
      continue;
    }
    out += "| id | name | -02 | -15 | section | meaning |\n| --- | --- | --- | --- | --- | --- |\n";
    for (const Row& r : Rows(group)) {
      out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", r.id, r.name, Cell(r.in02),
                         Cell(r.in15), r.section, r.summary);
    }
  }
  out += "\n## Values\n\n| type | shape |\n| --- | --- |\n";
  for (ValueType t : kTypes) out += fmt::format("| {} | {} |\n", ToText(t), TypeSummary(t));
  for (ValueType t : {ValueType::kGap, ValueType::kStorage, ValueType::kLifespan}) {
    out += fmt::format(
        "\n### Members of {}\n\nAll may be left out.\n\n| member | words | meaning |\n| --- | --- "
        "| --- |\n",
        ToText(t));
    for (const Field& f : FieldsOf(t))
      out += fmt::format("| {} | {} | {} |\n", f.name, Cell(f.words), f.summary);
  }
  return out;
}

std::string AnswerSchema() {
  std::vector<std::string> questions = Names<Question>();
  for (const std::string& aspect : Names<Aspect>()) questions.push_back(aspect);
  std::string out = fmt::format(R"({{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "birthmark answer --json",
  "type": "object",
  "required": ["revision", "answers"],
  "properties": {{
    "revision": {{"enum": ["02", "15"]}},
    "answers": {{"type": "array", "items": {{"$ref": "#/$defs/answer"}}}}
  }},
  "$defs": {{
    "answer": {{
      "type": "object",
      "required": ["question", "subject", "state", "declared", "measured", "differs"],
      "properties": {{
        "question": {{"enum": {0}}},
        "subject": {{"type": "string", "pattern": "^(device|(identity-pki|share-set|anchor):[a-z0-9-]+)$"}},
        "state": {{"enum": {1}}},
        "reason": {{"type": "string"}},
        "clause": {{"type": "string"}},
        "declared": {{"anyOf": [{{"type": "null"}}, {{"$ref": "#/$defs/declared"}}]}},
        "measured": {{"anyOf": [{{"type": "null"}}, {{"$ref": "#/$defs/measured"}}]}},
        "differs": {{"type": "boolean"}}
      }},
      "allOf": [
)",
                                QuotedList(questions), QuotedList(Names<AnswerState>()));
  for (const Row& r : Rows(Group::kQuestion)) {
    out += fmt::format(
        R"(        {{"if": {{"properties": {{"question": {{"const": {0}}}}}}},
         "then": {{"properties": {{"declared": {{"properties": {{"value": {{"$ref": "#/$defs/{1}"}}}}}},
                                 "measured": {{"properties": {{"value": {{"$ref": "#/$defs/{1}"}}}}}}}}}}}}{2}
)",
        Quoted(r.name), ToText(r.type), &r == &Rows(Group::kQuestion).back() ? "" : ",");
  }
  out += fmt::format(R"(      ]
    }},
    "declared": {{
      "type": "object",
      "required": ["role", "date"],
      "properties": {{
        "value": {{}},
        "role": {{"type": "string"}},
        "date": {{"type": "string", "format": "date"}},
        "note": {{"type": "string"}},
        "withheld-part": {{"type": "string"}}
      }}
    }},
    "bucket": {{"type": "string", "pattern": "^(0|<= 10*)$"}},
    "measured": {{
      "type": "object",
      "required": ["value", "basis", "method", "evidence"],
      "properties": {{
        "value": {{}},
        "basis": {{"enum": ["measured", "attested"]}},
        "method": {{"type": "string"}},
        "evidence": {{}}
      }}
    }}{0}
  }}
}}
)",
                     [] {
                       std::string defs;
                       for (ValueType t : kTypes)
                         defs += fmt::format(",\n    \"{}\": {}", ToText(t), TypeSchema(t));
                       return defs;
                     }());
  return out;
}

std::string VocabularyText(Revision r) {
  std::string out;
  for (size_t g = 0; g < kGroupCount; ++g) {
    Group group = static_cast<Group>(g);
    out += fmt::format("{}{}\n", g == 0 ? "" : "\n", GroupTitle(group));
    size_t width = 0;
    for (const Row& row : Rows(group)) width = std::max(width, row.Shown(r).size());
    for (const Row& row : Rows(group)) {
      out += fmt::format("  {:4}  {:<{}}  {:<7}{}\n", row.id, row.Shown(r), width, row.section,
                         row.summary);
    }
  }
  return out;
}

std::string VocabularyJson(Revision r) {
  std::string out = fmt::format("{{\"revision\": \"{}\", \"words\": [", ToText(r));
  bool first = true;
  for (const Row& row : Table()) {
    out += fmt::format(
        "{}\n  {{\"id\": {}, \"group\": {}, \"name\": {}, \"shown\": {}, \"section\": {}, "
        "\"summary\": {}",
        first ? "" : ",", row.id, Quoted(GroupTitle(row.group)), Quoted(row.name),
        Quoted(row.Shown(r)), Quoted(row.section), Quoted(row.summary));
    if (row.group == Group::kQuestion) {
      out += fmt::format(", \"subject\": {}, \"type\": {}, \"unit\": {}, \"secrecy\": {}",
                         Quoted(ToText(row.subject)), Quoted(ToText(row.type)), Quoted(row.unit),
                         Quoted(ToText(row.secrecy)));
    }
    out += "}";
    first = false;
  }
  return out + "\n]}\n";
}

std::vector<std::string> CompletionWords() {
  std::vector<std::string> out;
  for (const Row& row : Table()) {
    for (std::string_view name : {row.name, row.in02, row.in15}) {
      // Completion splits words at white space, so titles of several words are left to the stored
      // name.
      if (!name.empty() && name.find_first_of(" ?") == name.npos) out.emplace_back(name);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace birthmark::vocab
