// SPDX-License-Identifier: Apache-2.0
// mud export, discover: from a device's certificate to its maker's disclosure.
#include <fmt/format.h>

#include "app/discovery.h"
#include "app/onboard.h"
#include "cli/handlers_anchors.h"
#include "cli/keys.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

std::string ListInJson(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& s : all) out += (out.empty() ? "" : ", ") + JsonString(s);
  return "[" + out + "]";
}

std::string FindingsJson(const Findings& findings) {
  std::string out;
  for (const Finding& f : findings.all())
    out += fmt::format(R"({}{{"code": {}, "message": {}}})", out.empty() ? "" : ", ",
                       JsonString(f.code), JsonString(f.message));
  return "[" + out + "]";
}

}  // namespace

Result<int> MudExport(const Invocation& in) {
  SystemClock clock;
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::MudExport done, app::ExportMud({.workspace = in.Arg("WS"),
                                              .product = in.Get("--product"),
                                              .as = in.Get("--as"),
                                              .output = in.Get("--output"),
                                              .sbom_url = in.Get("--sbom-url"),
                                              .vuln_url = in.Get("--vuln-url"),
                                              .dry_run = in.dry_run()},
                                             keys, clock));
  std::vector<std::string> files;
  for (const fs::path& f : done.files) files.push_back(f.string());
  if (in.json()) {
    PrintLine(fmt::format(R"({{"mud_url": {}, "disclosure_url": {}, "files": {}, "dry_run": {}}})",
                          JsonString(done.mud_url), JsonString(done.disclosure_url),
                          ListInJson(files), in.dry_run()));
    return 0;
  }
  PrintLine(fmt::format("{} leads to {}{}", done.mud_url, done.disclosure_url,
                        in.dry_run() ? "  (dry run: nothing was written)" : ""));
  for (const std::string& f : files) PrintLine("  " + f);
  return 0;
}

Result<int> Discover(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto device, app::ReadCertificates(in.Arg("CERT")));
  if (device.empty()) return Usage("discovery.usage", "no certificate is named");
  BM_TRY(auto anchors, app::ReadCertificates(in.Get("--anchor")));
  BM_TRY(app::Discovered d,
         app::Discover(device.front(), in.Get("--from", "."), anchors, clock.Now()));
  const bool whole = d.wanted.empty() && !d.findings.HasErrors() && !anchors.empty();
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"holds": {}, "serial": {}, "mud_url": {}, "signature_url": {}, "disclosure_url": {}, )"
        R"("sbom_url": {}, "model": {}, "product": {}, "fetch": {}, "findings": {}}})",
        whole, JsonString(d.serial), JsonString(d.mud_url), JsonString(d.signature_url),
        JsonString(d.disclosure_url), JsonString(d.sbom_url), JsonString(d.model),
        JsonString(d.disclosed_product), ListInJson(d.wanted), FindingsJson(d.findings)));
    return whole ? 0 : 1;
  }
  auto line = [](std::string_view what, const std::string& value) {
    if (!value.empty()) PrintLine(fmt::format("{:<14}{}", what, value));
  };
  line("device", d.serial);
  line("MUD file", d.mud_url);
  line("signature", d.signature_url);
  line("model", d.model);
  line("SBOM", d.sbom_url);
  line("disclosure", d.disclosure_url);
  line("product", d.disclosed_product);
  for (const std::string& url : d.wanted) line("fetch", url);
  PrintFindings(d.findings, "", false);
  if (d.wanted.empty() && anchors.empty())
    Note("nothing was checked against an anchor: --anchor F");
  return whole ? 0 : 1;
}

}  // namespace birthmark::cli
