// SPDX-License-Identifier: Apache-2.0
// cert revoke.
#include <fmt/format.h>

#include "app/revoke.h"
#include "cli/filters.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> CertRevoke(const Invocation& in) {
  if (in.Has("--hold") + in.Has("--unhold") + in.Has("--reason") != 1) {
    return Usage("cert.reason", "give one of --reason, --hold and --unhold",
                 "--hold is the first step that can be taken back");
  }
  app::RevokeOptions options{.certificates = in.All("CERT"),
                             .unit = in.Get("--unit"),
                             .filter = {},
                             .reason = in.Get("--reason"),
                             .as = in.Has("--hold")     ? app::RevokeAs::kHold
                                   : in.Has("--unhold") ? app::RevokeAs::kUnhold
                                                        : app::RevokeAs::kRevoke,
                             .dry_run = in.dry_run()};
  BM_TRY(options.filter, IdentityFilterOf(in));
  bool filtered = !options.unit.empty() || options.filter.ca || options.filter.station ||
                  options.filter.product || options.filter.since || options.filter.until;
  if (!options.certificates.empty() && filtered) {
    return Usage("cert.which", "certificates are named or picked, not both",
                 "drop the serial numbers, or the options that pick");
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  // The product says whose plan is acted under; with several any will do for this.
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(auto plans, app::PlansOf(*reader));
  reader.reset();
  std::string product = in.Get("--product");
  if (product.empty() && !plans.empty()) product = plans.begin()->first;
  BM_TRY(auto f, app::Factory::Open(in.Arg("WS"), keys, false, product, in.Get("--as"), clock));
  BM_TRY(app::Revoked r, app::Revoke(*f, options, clock));
  Table table({"serial", "unit", "unit is", "was", "becomes"});
  for (const app::RevokedRow& row : r.rows) {
    table.Add({ToHex(row.identity.serial), row.identity.unit, row.unit_state, row.identity.state,
               row.becomes});
  }
  if (in.json()) {
    PrintLine(
        fmt::format(R"({{"changed": {}, "shipped": {}, "passed": {}, "dry_run": {}, "rows": )",
                    r.rows.size(), r.shipped, r.passed, in.dry_run()));
    Print(table.Text(true));
    PrintLine("}");
    return 0;
  }
  Print(table.Text(false));
  PrintLine(fmt::format("{} {}, {} of them in shipped units; {} were so already{}", r.rows.size(),
                        options.as == app::RevokeAs::kRevoke ? "revoked"
                        : options.as == app::RevokeAs::kHold ? "put on hold"
                                                             : "taken off hold",
                        r.shipped, r.passed,
                        in.dry_run() ? " (dry run: nothing was changed)" : ""));
  return 0;
}

}  // namespace birthmark::cli
