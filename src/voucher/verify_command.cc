// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "voucher/cms.h"
#include "voucher/verify.h"

namespace birthmark::voucher {
namespace {

using nlohmann::ordered_json;
constexpr size_t kMaxAnchorFile = size_t{1} << 20;

Result<std::vector<crypto::Certificate>> AnchorFiles(const std::string& list) {
  std::vector<crypto::Certificate> out;
  for (size_t at = 0; at < list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    const std::string file = list.substr(at, comma - at);
    at = comma + 1;
    if (file.empty()) continue;
    BM_TRY(Bytes bytes, ReadFile(file, kMaxAnchorFile));
    Result<std::vector<crypto::Certificate>> some;
    if (AsText(bytes).find("-----BEGIN ") != std::string_view::npos) {
      some = crypto::Certificate::ManyFromPem(AsText(bytes));
    } else if (auto one = crypto::Certificate::FromDer(bytes)) {
      some->push_back(std::move(*one));
    } else {
      some = std::unexpected(std::move(one).error());
    }
    if (!some) return std::unexpected(std::move(some).error().Context(file));
    out.insert(out.end(), some->begin(), some->end());
  }
  if (out.empty()) return Usage("voucher.usage", "no anchor is named", "say --anchor FILE");
  return out;
}

std::string_view SeverityWord(Severity s) {
  return s == Severity::kError ? "error" : s == Severity::kWarning ? "warning" : "note";
}

// CertificateName is who a certificate in a voucher is of, with its fingerprint.
std::string CertificateName(const Bytes& der) {
  auto c = crypto::Certificate::FromDer(der);
  return c ? fmt::format("{} (SHA-256 {})", c->subject(), ToHex(c->digest())) : "no certificate";
}

// Lines are the fields in words, in the order of the standard.
std::vector<std::pair<std::string, std::string>> Lines(const Message& m) {
  const Statement& s = m.statement;
  std::vector<std::pair<std::string, std::string>> out;
  auto put = [&](std::string_view name, std::string value) {
    if (!value.empty()) out.emplace_back(name, std::move(value));
  };
  auto date = [](const std::optional<Time>& t) { return t ? FormatTime(*t) : std::string(); };
  auto certificate = [](const Bytes& der) {
    return der.empty() ? std::string() : CertificateName(der);
  };
  put("kind", std::string(ToText(s.kind)));
  put("form", std::string(MediaType(m.form)));
  if (m.form == Form::kCms) {
    put("content-type", m.content_type == kAnimaVoucher ? m.content_type + " (animaJSONVoucher)"
                                                        : m.content_type + " (data)");
  }
  put("assertion", s.assertion ? std::string(ToText(*s.assertion)) : "");
  put("created-on", date(s.created_on));
  put("expires-on", date(s.expires_on));
  put("serial-number", s.serial_number);
  put("nonce", s.nonce.empty() ? "" : NonceText(s));
  put("idevid-issuer", ToHex(s.idevid_issuer));
  put("pinned-domain-cert", certificate(s.pinned_domain_cert));
  put("pinned-domain-pubk", ToHex(s.pinned_domain_pubk));
  put("pinned-domain-pubk-sha256", ToHex(s.pinned_domain_pubk_sha256));
  if (s.domain_cert_revocation_checks)
    put("domain-cert-revocation-checks", *s.domain_cert_revocation_checks ? "true" : "false");
  put("last-renewal-date", date(s.last_renewal_date));
  put("proximity-registrar-cert", certificate(s.proximity_registrar_cert));
  put("proximity-registrar-pubk", ToHex(s.proximity_registrar_pubk));
  put("proximity-registrar-pubk-sha256", ToHex(s.proximity_registrar_pubk_sha256));
  if (!s.prior_signed_request.empty())
    put("prior-signed-voucher-request", fmt::format("{} octets", s.prior_signed_request.size()));
  return out;
}

std::string InWords(const Message& m, const Judged& j) {
  std::string out;
  for (const auto& [name, value] : Lines(m)) out += fmt::format("{:<33}{}\n", name, value);
  if (j.signer)
    out += fmt::format("{:<33}{} (SHA-256 {})\n", "signer", j.signer->subject(),
                       ToHex(j.signer->digest()));
  if (!j.path.empty()) out += fmt::format("{:<33}{}\n", "level", j.path.size());
  for (const Finding& f : j.findings.all()) {
    out += fmt::format("{}[{}]: {}\n", SeverityWord(f.severity), f.code, f.message);
    if (!f.fix.empty()) out += "  fix: " + f.fix + "\n";
  }
  out += j.holds() ? "it holds under the anchor\n" : "it does not hold\n";
  return out;
}

std::string InJson(const Message& m, const Judged& j, Time at) {
  ordered_json fields = ordered_json::object(), path = ordered_json::array(),
               findings = ordered_json::array();
  for (auto& [name, value] : Lines(m)) fields[name] = value;
  fields["form"] = ToText(m.form);
  if (m.form == Form::kCms) fields["content-type"] = m.content_type;
  if (auto c = crypto::Certificate::FromDer(m.statement.pinned_domain_cert))
    fields["pinned-domain-cert"] = {
        {"subject", c->subject()}, {"sha256", ToHex(c->digest())}, {"der", ToBase64(c->der())}};
  for (const crypto::Certificate& c : j.path)
    path.push_back({{"subject", c.subject()}, {"sha256", ToHex(c.digest())}});
  for (const Finding& f : j.findings.all())
    findings.push_back(
        {{"severity", SeverityWord(f.severity)}, {"code", f.code}, {"message", f.message}});
  ordered_json out{{"verifies", j.holds()}, {"at", FormatTime(at)}, {"voucher", fields}};
  out["signer"] = j.signer ? ordered_json{{"subject", j.signer->subject()},
                                          {"sha256", ToHex(j.signer->digest())}}
                           : ordered_json();
  out["level"] = j.path.empty() ? ordered_json() : ordered_json(j.path.size());
  out["path"] = path;
  out["findings"] = findings;
  return out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<Verdict> RunVerify(const VerifyArgs& args) {
  Time at = SystemClock().Now();
  if (!args.at.empty()) {
    std::optional<Time> t = ParseTime(args.at);
    if (!t) return Usage("voucher.usage", args.at + " is no time", "write 2026-11-22T10:00:00Z");
    at = *t;
  }
  BM_TRY(auto anchors, AnchorFiles(args.anchors));
  BM_TRY(Bytes bytes, ReadFile(args.file, kMaxMessage));
  auto message = Open(bytes);
  if (!message) return std::unexpected(std::move(message).error().Context(args.file));
  const Judged judged =
      Judge(*message, anchors, {.at = at, .serial = args.serial, .nonce = args.nonce});
  return Verdict{.holds = judged.holds(),
                 .text = args.json ? InJson(*message, judged, at) : InWords(*message, judged)};
}

}  // namespace birthmark::voucher
