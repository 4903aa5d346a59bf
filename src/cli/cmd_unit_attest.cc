// SPDX-License-Identifier: Apache-2.0
// unit attest.
#include <fmt/format.h>

#include "app/unit_attest.h"
#include "cli/handlers_anchors.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> UnitAttest(const Invocation& in) {
  SystemRng rng;
  BM_TRY(app::Attested done, app::AttestUnit({.workspace = in.Arg("WS"),
                                              .unit = in.Arg("UNIT"),
                                              .link = in.Get("--link"),
                                              .token = in.Get("--token"),
                                              .nonce = in.Get("--nonce"),
                                              .disclosure = in.Get("--disclosure"),
                                              .keep = in.Get("--output"),
                                              .as = in.Get("--as"),
                                              .dry_run = in.dry_run()},
                                             SystemClock(), rng));
  Table table({"claim", "", "the device says", "the records have"});
  Table rows({"claim", "result", "said", "recorded", "code"});
  for (const attest::Row& r : done.rows) {
    std::string is(attest::ToText(r.is));
    if (!r.code.empty()) is += " (" + r.code + ")";
    table.Add({r.claim, is, r.said, r.meant});
    rows.Add({r.claim, std::string(attest::ToText(r.is)), r.said, r.meant, r.code});
  }
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"unit": {}, "token": "{}", "differs": {}, "dry_run": {}, "claims": {}}})",
        JsonString(done.unit), ToHex(done.token), done.Differs(), in.dry_run(), rows.Text(true)));
  } else {
    Print(table.Text(false));
    PrintLine(fmt::format("{}: {}{}", done.unit,
                          done.Differs() ? "something differs" : "nothing differs",
                          in.dry_run() ? " (dry run: nothing was written)" : ""));
  }
  return done.Differs() ? 1 : 0;
}

}  // namespace birthmark::cli
