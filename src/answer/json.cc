// SPDX-License-Identifier: Apache-2.0
#include "answer/json.h"

#include <nlohmann/json.hpp>

#include "answer/text.h"
#include "base/clock.h"

namespace birthmark::answer {
namespace {

using Json = nlohmann::ordered_json;

Json Optional(const std::optional<std::string>& s) { return s ? Json(*s) : Json(nullptr); }

Json ItemToJson(const cbor::Value& v) {
  if (v.AsText() != nullptr) return *v.AsText();
  if (v.AsBool() != nullptr) return *v.AsBool();
  if (v.AsUint() != nullptr) return *v.AsUint();
  if (auto i = v.AsInt()) return *i;
  if (v.AsBytes() != nullptr) return ToHex(*v.AsBytes());
  if (v.AsArray() != nullptr) {
    Json out = Json::array();
    for (const cbor::Value& e : *v.AsArray()) out.push_back(ItemToJson(e));
    return out;
  }
  if (v.AsMap() != nullptr) {
    Json out = Json::object();
    for (const auto& [key, value] : *v.AsMap()) {
      out[key.AsText() != nullptr ? *key.AsText() : cbor::Diagnose(key)] = ItemToJson(value);
    }
    return out;
  }
  return nullptr;
}

Json DeclaredToJson(const std::optional<Declared>& d) {
  if (!d) return nullptr;
  Json out = {{"value", ItemToJson(d->value)}, {"role", d->role}, {"date", d->date}};
  if (d->note) out["note"] = *d->note;
  return out;
}

Json MeasuredToJson(const std::optional<Measured>& m) {
  if (!m) return nullptr;
  Json out = {{"value", ItemToJson(m->value)}, {"basis", m->basis}, {"method", m->method}};
  out["evidence"] = {{"origin", m->evidence.origin},
                     {"size", m->evidence.size},
                     {"root", ToHex(m->evidence.root)},
                     {"events", ToHex(m->evidence.events)}};
  auto time = [](const std::optional<int64_t>& t) {
    return t ? Json(FormatTime(TimeFromMillis(*t))) : Json(nullptr);
  };
  out["period"] = {{"from", time(m->from)}, {"to", time(m->to)}};
  out["population"] = m->population
                          ? Json{{"counted", m->population->counted}, {"of", m->population->of}}
                          : Json(nullptr);
  out["exclusions"] = m->exclusions;
  out["leans-on"] = m->leans_on;
  out["notes"] = m->notes;
  out["verifier"] = Optional(m->verifier);
  return out;
}

}  // namespace

std::string ToJson(const std::vector<Answer>& answers, vocab::Revision revision) {
  Json list = Json::array();
  for (const Answer& a : answers) {
    Json one = {
        {"question", ShownName(a.question, revision)}, {"subject", a.subject}, {"state", a.state}};
    one["why"] = Optional(a.why);
    one["declared"] = DeclaredToJson(a.declared);
    one["measured"] = MeasuredToJson(a.measured);
    one["differs"] = a.differs;
    one["rounding"] = a.rounding;
    list.push_back(std::move(one));
  }
  const Json out = {{"revision", vocab::ToText(revision)}, {"answers", std::move(list)}};
  // Hostile texts of a file may not be UTF-8; they are shown with replacement characters, not
  // refused.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace birthmark::answer
