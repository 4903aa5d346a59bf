// SPDX-License-Identifier: Apache-2.0
// upgrade.
#include <fmt/format.h>

#include "app/upgrade.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> Upgrade(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::Upgraded r, app::UpgradeWorkspace({.workspace = in.Arg("WS"),
                                                 .backup = in.Get("--backup"),
                                                 .as = in.Get("--as"),
                                                 .dry_run = in.dry_run()},
                                                keys, SystemClock()));
  const bool bad = r.findings.HasErrors();
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"from": {}, "to": {}, "events": {}, "needed": {}, "derived_old": {}, )"
        R"("backup": {}, "dry_run": {}, "intact": {}}})",
        JsonString(r.from), JsonString(r.to), r.events, r.needed, r.derived_old,
        r.needed && !in.dry_run() ? JsonString(r.backup.string()) : "null", in.dry_run(), !bad));
    return bad ? 1 : 0;
  }
  PrintFindings(r.findings, "", false);
  if (!r.needed) {
    PrintLine(fmt::format("of this release already ({}); nothing was done", r.to));
  } else if (in.dry_run()) {
    PrintLine(fmt::format("would take {} events over from {} to {}", r.events, r.from, r.to));
    PrintLine("a backup would come first: " + r.backup.string());
  } else {
    PrintLine("backup " + r.backup.string());
    PrintLine(bad ? "the log is NOT intact: nothing was recorded, restore from a copy that verifies"
                  : fmt::format("{} events taken over from {} to {}", r.events, r.from, r.to));
  }
  return bad ? 1 : 0;
}

}  // namespace birthmark::cli
