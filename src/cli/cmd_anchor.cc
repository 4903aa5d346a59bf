// SPDX-License-Identifier: Apache-2.0
// anchor list, show, export.
#include <fmt/format.h>

#include "app/anchor_export.h"
#include "cli/handlers_anchors.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> AnchorList(const Invocation& in) {
  BM_TRY(std::vector<app::AnchorListRow> rows, app::ListAnchors(in.Arg("WS"), in.Get("--product")));
  Table table({"anchor", "kinds", "form", "entries", "store", "verifies", "pki", "protected by"});
  for (const app::AnchorListRow& r : rows) {
    table.Add({r.id, r.kinds, r.form, std::to_string(r.entries), r.store, r.verifies, r.pki,
               r.protected_by});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> AnchorShow(const Invocation& in) {
  BM_TRY(auto lines, app::ShowAnchor(in.Arg("WS"), in.Get("--product"), in.Arg("ID")));
  Fields fields;
  for (auto& [name, value] : lines) fields.Add(name, value);
  Print(fields.Text(in.json()));
  return 0;
}

Result<int> AnchorExport(const Invocation& in) {
  app::AnchorExportOptions o{.workspace = in.Arg("WS"),
                             .product = in.Get("--product"),
                             .ids = in.All("ID"),
                             .format = trust::Format::kPem,
                             .output = in.Get("--output"),
                             .password_file = std::nullopt,
                             .keys = std::nullopt,
                             .sign_with = in.Get("--sign-with"),
                             .owner = in.Get("--owner"),
                             .required = trust::FitRequired::kConfiguration,
                             .valid_from = std::nullopt,
                             .dry_run = in.dry_run()};
  if (!trust::FromText(in.Get("--format"), o.format))
    return Usage("trust.format", in.Get("--format") + ": is no format", "--help lists them");
  if (in.Has("--password-file")) o.password_file = in.Get("--password-file");
  if (in.Get("--required") == "image") o.required = trust::FitRequired::kImage;
  if (in.Get("--required") == "nothing") o.required = trust::FitRequired::kNothing;
  if (in.Has("--valid-from")) {
    o.valid_from = ParseTime(in.Get("--valid-from"));
    if (!o.valid_from) {
      return Usage("anchor.valid-from", in.Get("--valid-from") + ": is no time",
                   "2026-11-21, or 2026-11-21T10:00:00Z");
    }
  }
  // Keys are opened for a signature, or when a passphrase was given: only bare keys of PKIs without
  // authorities are wanted from the store.
  if (!o.sign_with.empty() || in.Has("--passphrase-file") || in.Has("--passphrase-fd")) {
    BM_TRY(o.keys, KeysFor(in));
  }
  BM_TRY(app::AnchorExported done, app::ExportAnchors(o, SystemClock()));
  Table table({"anchor", "entries", "left out"});
  for (const app::ExportedAnchor& a : done.anchors)
    table.Add({a.id, std::to_string(a.entries), a.left_out});
  if (in.json()) {
    PrintLine(fmt::format(R"({{"format": "{}", "size": {}, "sha256": "{}", "dry_run": {}, )"
                          R"("anchors": )",
                          trust::ToText(o.format), done.size, ToHex(done.digest), in.dry_run()));
    Print(table.Text(true));
    PrintLine("}");
    return 0;
  }
  Print(table.Text(false));
  PrintLine(fmt::format("{} octets of {}, SHA-256 {}{}", done.size, trust::ToText(o.format),
                        ToHex(done.digest), in.dry_run() ? " (dry run: nothing was written)" : ""));
  return 0;
}

}  // namespace birthmark::cli
