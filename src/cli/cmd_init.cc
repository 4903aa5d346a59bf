// SPDX-License-Identifier: Apache-2.0
// init, request import, ceremony accept, credential issue.
#include <fmt/format.h>

#include "anchors/inspect.h"
#include "app/ceremony_accept.h"
#include "app/init.h"
#include "app/on_behalf.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"
#include "plan/parse.h"

namespace birthmark::cli {
namespace {

std::string Abbreviated(const std::string& hex) {
  return hex.size() == 64 ? hex.substr(0, 8) + "…" + hex.substr(56) : hex;
}

void PrintMade(const app::InitResult& r) {
  for (const auto& row : r.levels) {
    PrintLine(fmt::format("level {}  {:<28} {:<8} {}", row.level, row.name,
                          row.offline ? "offline" : "online", row.place));
  }
}

void PrintFingerprints(const app::InitResult& r) {
  if (!r.root_fingerprint.empty()) {
    PrintLine(fmt::format("root SHA-256        {}  (who trusts the devices pins this)",
                          Abbreviated(r.root_fingerprint)));
  }
  if (!r.boot_anchor.empty()) {
    PrintLine(fmt::format("boot anchor SHA-256 {}  (goes into the devices' fuses)",
                          Abbreviated(r.boot_anchor)));
  }
  if (!r.disclosure_fingerprint.empty()) {
    PrintLine(fmt::format("disclosure SHA-256  {}  (readers pin this)",
                          Abbreviated(r.disclosure_fingerprint)));
  }
}

std::string MadeJson(const app::InitResult& r) {
  std::string levels;
  for (const auto& row : r.levels) {
    levels += fmt::format(R"({}{{"level": {}, "name": {}, "offline": {}, "place": {}}})",
                          levels.empty() ? "" : ", ", row.level, JsonString(row.name), row.offline,
                          JsonString(row.place));
  }
  std::string ceremony, requests;
  for (const std::string& pki : r.ceremony)
    ceremony += (ceremony.empty() ? "" : ", ") + JsonString(pki);
  for (const fs::path& request : r.requests)
    requests += (requests.empty() ? "" : ", ") + JsonString(request.string());
  return fmt::format(
      R"({{"rehearsal": {}, "levels": [{}], "root_sha256": "{}", "disclosure_sha256": "{}", "boot_anchor_sha256": "{}", "credential": {}, "waiting": {}, "ceremony": [{}], "requests": [{}]}})",
      r.rehearsal, levels, r.root_fingerprint, r.disclosure_fingerprint, r.boot_anchor,
      JsonString(r.credential), r.waiting ? JsonString(r.waiting->string()) : "null", ceremony,
      requests);
}

}  // namespace

Result<int> Init(const Invocation& in) {
  std::string file = in.Get("--plan");
  anchors::Inspector inspector;
  BM_TRY(plan::Parsed parsed, plan::LoadPlan(file, &inspector));
  if (parsed.findings.HasErrors() || !parsed.plan) {
    PrintFindings(parsed.findings, file, in.json());
    return Refused("plan.findings", fmt::format("{}: the plan has errors", file),
                   "mend the lines named, then run it again");
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  app::InitOptions options{.workspace = in.Arg("WS"),
                           .plan_file = file,
                           .production = in.Has("--production"),
                           .root_cert = std::nullopt,
                           .ceremony = in.Has("--ceremony"),
                           .dry_run = in.dry_run()};
  if (in.Has("--root-cert")) options.root_cert = in.Get("--root-cert");
  if (in.Has("--keys")) options.keys_file = in.Get("--keys");
  if (!in.json() && !options.production)
    PrintLine(Bold("REHEARSAL workspace: it can never become production"));
  BM_TRY(app::InitResult r, app::Init(options, *parsed.plan, keys, SystemClock()));
  if (in.json()) {
    PrintLine(MadeJson(r));
    return 0;
  }
  PrintMade(r);
  if (in.dry_run()) {
    PrintLine("nothing was made (dry run)");
    return 0;
  }
  PrintFingerprints(r);
  if (!r.disclosure_fingerprint.empty()) {
    PrintLine(
        fmt::format("in full             openssl x509 -noout -fingerprint -sha256 -in "
                    "{}/public/disclosure-root.pem",
                    in.Arg("WS")));
  }
  if (r.waiting) {
    PrintLine(
        fmt::format("waiting             {} has to be signed by your root", r.waiting->string()));
    PrintLine(fmt::format("next: birthmark request import {} RESPONSE", in.Arg("WS")));
  } else if (!r.ceremony.empty()) {
    PrintLine(fmt::format("waiting             a ceremony has to make the roots of {}",
                          fmt::join(r.ceremony, ", ")));
    for (const fs::path& request : r.requests)
      PrintLine(fmt::format("                    and to sign {}", request.string()));
    PrintLine(fmt::format("next: birthmark ceremony new --plan {} --requests {}/requests -o F",
                          file, in.Arg("WS")));
  } else {
    PrintLine(fmt::format("next: birthmark line run {} --units 20", in.Arg("WS")));
  }
  return 0;
}

Result<int> RequestImport(const Invocation& in) {
  BM_TRY(std::optional<int> upkeep, ImportUpkeep(in));
  if (upkeep) return *upkeep;
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(std::string response, ReadTextFile(in.Arg("F"), 64 * 1024));
  BM_TRY(app::InitResult r,
         app::ImportResponse(in.Arg("WS"), response, keys, SystemClock(), in.dry_run()));
  if (in.json()) {
    PrintLine(MadeJson(r));
    return 0;
  }
  PrintMade(r);
  PrintLine(fmt::format("next: birthmark line run {} --units 20", in.Arg("WS")));
  return 0;
}

Result<int> CeremonyAccept(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::Accepted a, app::AcceptCeremony(in.Arg("WS"), in.Arg("RECORD"), in.Get("--product"),
                                              in.Get("--as"), keys, SystemClock(), in.dry_run()));
  if (in.json()) {
    std::string attested, responses;
    for (const std::string& key : a.attested)
      attested += (attested.empty() ? "" : ", ") + JsonString(key);
    for (const fs::path& f : a.responses)
      responses += (responses.empty() ? "" : ", ") + JsonString(f.string());
    PrintLine(fmt::format(
        R"({{"ceremony": {}, "kind": {}, "made": {}, "attested": [{}], "responses": [{}]}})",
        JsonString(a.id), JsonString(a.kind), MadeJson(a.made), attested, responses));
    return 0;
  }
  if (in.dry_run()) {
    PrintLine("the record fits this workspace; nothing was changed (dry run)");
    return 0;
  }
  PrintMade(a.made);
  PrintFingerprints(a.made);
  for (const std::string& key : a.attested)
    PrintLine(fmt::format("attested  {}  (birthmark answer {} tells what)", key, in.Arg("WS")));
  for (const fs::path& f : a.responses) PrintLine(fmt::format("wrote {}", f.string()));
  if (!a.made.levels.empty())
    PrintLine(fmt::format("next: birthmark line run {} --units 20", in.Arg("WS")));
  return 0;
}

Result<int> CredentialIssue(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  const std::string role = in.Get("--role");
  BM_TRY(uint64_t days,
         in.Number("--days", static_cast<uint64_t>(app::CredentialDays(role)), 1, 366));
  if (in.Has("--request") != in.Has("--output")) {
    return Usage("credential.request", "--request and --output go together",
                 "the certificate for a key of the holder's own goes into a file");
  }
  std::string pseudonym;
  if (in.Has("--request")) {
    BM_TRY(pseudonym,
           app::CertifyCredential(in.Arg("WS"), role, in.Get("--request"), in.Get("--output"), keys,
                                  SystemClock(), in.dry_run(), static_cast<int>(days)));
  } else {
    BM_TRY(pseudonym, app::IssueCredential(in.Arg("WS"), role, keys, SystemClock(), in.dry_run(),
                                           static_cast<int>(days)));
  }
  if (in.json()) {
    PrintLine(fmt::format(R"({{"pseudonym": {}, "role": {}}})", JsonString(pseudonym),
                          JsonString(in.Get("--role"))));
  } else {
    PrintLine(fmt::format("{}  {}  valid for {} days", pseudonym, role, days));
    PrintLine(
        fmt::format("next: birthmark line run {} --units 20 --as {}", in.Arg("WS"), pseudonym));
  }
  return 0;
}

}  // namespace birthmark::cli
