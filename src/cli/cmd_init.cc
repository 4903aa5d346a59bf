// SPDX-License-Identifier: Apache-2.0
// init, request import, credential issue.
#include <fmt/format.h>

#include "anchors/inspect.h"
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

std::string MadeJson(const app::InitResult& r) {
  std::string levels;
  for (const auto& row : r.levels) {
    levels += fmt::format(R"({}{{"level": {}, "name": {}, "offline": {}, "place": {}}})",
                          levels.empty() ? "" : ", ", row.level, JsonString(row.name), row.offline,
                          JsonString(row.place));
  }
  return fmt::format(
      R"({{"rehearsal": {}, "levels": [{}], "root_sha256": "{}", "disclosure_sha256": "{}", "boot_anchor_sha256": "{}", "credential": {}, "waiting": {}}})",
      r.rehearsal, levels, r.root_fingerprint, r.disclosure_fingerprint, r.boot_anchor,
      JsonString(r.credential), r.waiting ? JsonString(r.waiting->string()) : "null");
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
                           .dry_run = in.dry_run()};
  if (in.Has("--root-cert")) options.root_cert = in.Get("--root-cert");
  if (!in.json()) PrintLine(Bold("REHEARSAL workspace: it can never become production"));
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
  PrintLine(fmt::format("root SHA-256        {}  (who trusts the devices pins this)",
                        Abbreviated(r.root_fingerprint)));
  if (!r.boot_anchor.empty()) {
    PrintLine(fmt::format("boot anchor SHA-256 {}  (goes into the devices' fuses)",
                          Abbreviated(r.boot_anchor)));
  }
  PrintLine(fmt::format("disclosure SHA-256  {}  (readers pin this)",
                        Abbreviated(r.disclosure_fingerprint)));
  PrintLine(
      fmt::format("in full             openssl x509 -noout -fingerprint -sha256 -in "
                  "{}/public/disclosure-root.pem",
                  in.Arg("WS")));
  if (r.waiting) {
    PrintLine(
        fmt::format("waiting             {} has to be signed by your root", r.waiting->string()));
    PrintLine(fmt::format("next: birthmark request import {} RESPONSE", in.Arg("WS")));
  } else {
    PrintLine(fmt::format("next: birthmark line run {} --units 20", in.Arg("WS")));
  }
  return 0;
}

Result<int> RequestImport(const Invocation& in) {
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
