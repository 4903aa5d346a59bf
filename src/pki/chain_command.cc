// SPDX-License-Identifier: Apache-2.0
#include "pki/chain_command.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/lists.h"
#include "crypto/pem.h"
#include "pki/validate.h"

namespace birthmark::pki {
namespace {

constexpr size_t kMaxCertificateFile = 4 * 1024 * 1024;
constexpr size_t kMaxCrlFile = 128 * 1024 * 1024;  // a million entries have about 40 MB
constexpr size_t kMaxOcspFile = 1024 * 1024;

bool IsPem(ByteView bytes) { return AsText(bytes).find("-----BEGIN ") != std::string_view::npos; }

Result<std::vector<crypto::Certificate>> CertificatesOf(const std::string& file) {
  BM_TRY(Bytes bytes, ReadFile(file, kMaxCertificateFile));
  auto named = [&](Error e) { return std::unexpected(std::move(e).Context(file)); };
  if (IsPem(bytes)) {
    auto many = crypto::Certificate::ManyFromPem(AsText(bytes));
    if (!many) return named(std::move(many).error());
    return many;
  }
  auto one = crypto::Certificate::FromDer(bytes);
  if (!one) return named(std::move(one).error());
  return std::vector<crypto::Certificate>{std::move(*one)};
}

Result<std::vector<crypto::Certificate>> AllCertificates(const std::string& files) {
  std::vector<crypto::Certificate> out;
  for (const std::string& file : CommaParts(files)) {
    BM_TRY(auto some, CertificatesOf(file));
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

Result<std::vector<Bytes>> Crls(const std::string& files) {
  std::vector<Bytes> out;
  for (const std::string& file : CommaParts(files)) {
    BM_TRY(Bytes bytes, ReadFile(file, kMaxCrlFile));
    if (!IsPem(bytes)) {
      out.push_back(std::move(bytes));
      continue;
    }
    BM_TRY(auto blocks, crypto::ReadPem(AsText(bytes)));
    for (crypto::PemBlock& b : blocks) {
      if (b.label == "X509 CRL") out.push_back(std::move(b.der));
    }
  }
  return out;
}

Result<std::vector<Bytes>> Responses(const std::string& files) {
  std::vector<Bytes> out;
  for (const std::string& file : CommaParts(files)) {
    BM_TRY(Bytes der, ReadFile(file, kMaxOcspFile));
    out.push_back(std::move(der));
  }
  return out;
}

std::string_view Word(Severity s) {
  return s == Severity::kError ? "error" : s == Severity::kWarning ? "warning" : "note";
}

std::string Named(const crypto::Certificate& c) {
  return c.subject().empty() ? "serial number " + c.serial_hex() : c.subject();
}

nlohmann::ordered_json ToJson(const Validated& v, Time at) {
  using nlohmann::ordered_json;
  ordered_json path = ordered_json::array(), findings = ordered_json::array();
  for (const crypto::Certificate& c : v.path) {
    path.push_back({{"subject", c.subject()},
                    {"issuer", c.issuer()},
                    {"serial", c.serial_hex()},
                    {"not_before", FormatTime(c.not_before())},
                    {"not_after", FormatTime(c.not_after())},
                    {"sha256", ToHex(c.digest())}});
  }
  for (const RuleFinding& f : v.findings) {
    findings.push_back({{"severity", Word(f.severity)},
                        {"code", f.code},
                        {"certificate", f.place ? ordered_json(*f.place) : ordered_json()},
                        {"subject", f.subject},
                        {"rule", f.rule},
                        {"section", f.section},
                        {"detail", f.detail}});
  }
  return {{"verifies", v.holds},
          {"at", FormatTime(at)},
          {"path", path},
          {"policies", v.policies},
          {"findings", findings}};
}

std::string ToWords(const Validated& v, Time at) {
  std::string out;
  for (const RuleFinding& f : v.findings) {
    out += fmt::format("{}[{}]: ", Word(f.severity), f.code);
    if (f.place) out += fmt::format("certificate {}, {}: ", *f.place, Named(v.path[*f.place]));
    out += f.detail.empty() ? f.rule : f.detail;
    out += fmt::format("\n  rule: {} ({})\n", f.rule, f.section);
  }
  for (size_t i = 0; i < v.path.size(); ++i) {
    const crypto::Certificate& c = v.path[i];
    out += fmt::format("{}  {}\n   {} to {}\n", i, Named(c), FormatTime(c.not_before()),
                       FormatTime(c.not_after()));
  }
  if (!v.policies.empty()) out += fmt::format("policies: {}\n", fmt::join(v.policies, " "));
  out += fmt::format("{} at {}\n", v.holds ? "verifies" : "does not verify", FormatTime(at));
  return out;
}

}  // namespace

Result<ChainVerdict> RunChainVerify(const ChainArgs& args) {
  Validation ask;
  BM_TRY(std::vector<crypto::Certificate> named, CertificatesOf(args.certificate));
  BM_TRY(std::vector<crypto::Certificate> anchors, AllCertificates(args.anchors));
  BM_TRY(std::vector<crypto::Certificate> untrusted, AllCertificates(args.untrusted));
  // A file with a whole chain offers the rest of it.
  untrusted.insert(untrusted.end(), named.begin() + 1, named.end());
  BM_TRY(std::vector<Bytes> crls, Crls(args.crls));
  BM_TRY(std::vector<Bytes> ocsp, Responses(args.ocsp));
  if (anchors.empty()) {
    return Usage("chain.usage", "no anchor is named, so there is nobody to trust",
                 "--anchor FILE with the root that you have from its owner");
  }
  if (!args.crls.empty() && crls.empty())
    return Refused("chain.input", args.crls + ": holds no X509 CRL");
  if (!args.purpose.empty() && !FromText(args.purpose, ask.use)) {
    return Usage(
        "chain.usage", args.purpose + ": is no purpose",
        "any, device, client, server, code-signing, update-signing, disclosure, authority");
  }
  ask.at = SystemClock().Now();
  if (!args.at.empty()) {
    auto at = ParseTime(args.at);
    if (!at) {
      return Usage("chain.usage", args.at + ": is no time", "2026-11-21, or 2026-11-21T10:00:00Z");
    }
    ask.at = *at;
  }
  if (!args.depth.empty()) {
    int depth = 0;
    const char* last = args.depth.data() + args.depth.size();
    auto [end, ec] = std::from_chars(args.depth.data(), last, depth);
    if (ec != std::errc() || end != last || depth < 0 || depth > 100)
      return Usage("chain.usage", args.depth + ": is no number from 0 to 100");
    ask.max_between = depth;
  }
  ask.anchors = anchors;
  ask.untrusted = untrusted;
  ask.crls = crls;
  ask.ocsp = ocsp;
  ask.policies = CommaParts(args.policies);
  ask.host = args.host;
  ask.partial = args.partial;
  BM_TRY(Validated v, Validate(named.front(), ask));
  return ChainVerdict{v.holds, args.json ? ToJson(v, ask.at).dump(2) + "\n" : ToWords(v, ask.at)};
}

}  // namespace birthmark::pki
