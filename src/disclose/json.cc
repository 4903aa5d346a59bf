// SPDX-License-Identifier: Apache-2.0
#include "disclose/json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cbor/codec.h"

namespace birthmark::disclose {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& j) {
  // Texts of a disclosure are UTF-8; a file name need not be.
  return j.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json FromValue(const cbor::Value& v) {
  return std::visit(
      [&](const auto& x) -> Json {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, uint64_t> || std::is_same_v<T, bool> ||
                      std::is_same_v<T, std::string>) {
          return x;
        } else if constexpr (std::is_same_v<T, Bytes>) {
          return ToHex(x);
        } else if constexpr (std::is_same_v<T, cbor::Array>) {
          Json out = Json::array();
          for (const cbor::Value& e : x) out.push_back(FromValue(e));
          return out;
        } else if constexpr (std::is_same_v<T, cbor::Map>) {
          Json out = Json::object();
          for (const auto& [k, e] : x)
            out[k.AsText() ? *k.AsText() : cbor::Diagnose(k)] = FromValue(e);
          return out;
        } else if constexpr (std::is_same_v<T, cbor::Tagged>) {
          return {{"tag", x.tag}, {"value", FromValue(x.item.at(0))}};
        } else if constexpr (std::is_same_v<T, cbor::Negative>) {
          if (auto i = v.AsInt()) return *i;
          return cbor::Diagnose(v);
        } else {
          return nullptr;
        }
      },
      v.variant());
}

template <cbor::Reflected T>
Json Of(const T& x) {
  return FromValue(cbor::ToValue(x));
}

std::string_view SignerWord(SignerState s) {
  switch (s) {
    case SignerState::kNotChecked:
      return "not-checked";
    case SignerState::kAsNamed:
      return "as-named";
    case SignerState::kNotAsNamed:
      return "not-as-named";
  }
  return "";
}

Json SignerJson(const VerifyReport& r) {
  Json chain = Json::array();
  for (const crypto::Certificate& c : r.opened->chain) {
    chain.push_back({{"subject", c.subject()}, {"sha256", ToHex(c.digest())}});
  }
  Json out = {{"state", SignerWord(r.signer)}, {"chain", chain}};
  if (!r.signer_why.empty()) out["why"] = r.signer_why;
  return out;
}

Json FindingsJson(const Findings& findings) {
  Json out = Json::array();
  for (const Finding& f : findings.all()) {
    out.push_back({{"severity", f.severity == Severity::kError     ? "error"
                                : f.severity == Severity::kWarning ? "warning"
                                                                   : "note"},
                   {"code", f.code},
                   {"message", f.message},
                   {"fix", f.fix}});
  }
  return out;
}

}  // namespace

std::string ShowJson(const VerifyReport& report, std::string_view file_name) {
  const SignedDisclosure& s = *report.opened;
  return Dump({{"rehearsal", s.disclosure.rehearsal},
               {"marks", s.disclosure.marks},
               {"file", file_name},
               {"sha256", ToHex(s.digest)},
               {"newer_fields_not_shown", s.newer},
               {"signer", SignerJson(report)},
               {"disclosure", Of(s.disclosure)}});
}

std::string VerifyJson(const VerifyReport& report, std::string_view file_name) {
  Json out = {{"file", file_name}, {"intact", report.intact}};
  if (report.intact) {
    const SignedDisclosure& s = *report.opened;
    out["sha256"] = ToHex(s.digest);
    out["rehearsal"] = report.rehearsal;
    out["marks"] = s.disclosure.marks;
    out["signer"] = SignerJson(report);
    out["signed_at"] = FormatTime(s.signed_at);
    out["contradictions"] = report.findings.HasErrors();
    out["findings"] = FindingsJson(report.findings);
  } else {
    out["error"] = {{"code", report.broken.code},
                    {"message", report.broken.message},
                    {"fix", report.broken.fix}};
  }
  out["words"] = report.words;
  return Dump(out);
}

std::string CompareJson(std::span<const OpenedDisclosure> all) {
  const Comparison c = Compare(all);
  Json products = Json::array();
  for (const OpenedDisclosure& o : all) {
    const Disclosure& d = o.disclosure;
    products.push_back({{"rehearsal", d.rehearsal},
                        {"marks", d.marks},
                        {"file", o.file_name},
                        {"signer", {{"subject", o.signer_name}, {"as_named", o.signer_named}}},
                        {"product", Of(d.product)},
                        {"version", d.version},
                        {"revision", d.revision},
                        {"period_from", d.period_from},
                        {"period_to", d.period_to}});
  }
  Json anchors = Json::array();
  for (const ComparedAnchor& a : c.anchors) {
    Json cells = Json::array();
    for (const Anchor* x : a.anchors) cells.push_back(x == nullptr ? Json(nullptr) : Of(*x));
    anchors.push_back({{"kind", a.kind}, {"number", a.number}, {"cells", cells}});
  }
  Json rows = Json::array();
  for (const ComparedRow& r : c.rows) {
    Json cells = Json::array();
    for (const answer::Answer* a : r.cells) cells.push_back(a == nullptr ? Json(nullptr) : Of(*a));
    rows.push_back({{"group", r.group}, {"question", r.question}, {"cells", cells}});
  }
  return Dump({{"products", products}, {"anchors", anchors}, {"rows", rows}});
}

std::string RecomputeJson(const VerifyReport& report, std::string_view file_name,
                          std::span<const answer::Recomputed> all) {
  const SignedDisclosure& s = *report.opened;
  Json answers = Json::array();
  for (const answer::Recomputed& r : all) {
    answers.push_back({{"question", r.question},
                       {"subject", r.subject},
                       {"outcome", answer::ToText(r.outcome)},
                       {"what", r.what}});
  }
  return Dump({{"rehearsal", s.disclosure.rehearsal},
               {"marks", s.disclosure.marks},
               {"file", file_name},
               {"sha256", ToHex(s.digest)},
               {"answers", answers}});
}

}  // namespace birthmark::disclose
