// SPDX-License-Identifier: Apache-2.0
// anchor try.
#include "app/anchor_try.h"
#include "cli/handlers_anchors.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> AnchorTry(const Invocation& in) {
  const app::AnchorTryOptions options{.workspace = in.Arg("WS"),
                                      .product = in.Get("--product"),
                                      .as = in.Get("--as"),
                                      .anchors = in.All("ID")};
  if (in.dry_run()) {
    BM_TRY(std::vector<app::OfferRow> rows, app::PlannedTrials(options));
    Table table(
        {"anchor", "verifier objects", "held in", "changes by", "right key", "not offered"});
    for (const app::OfferRow& r : rows)
      table.Add({r.anchor, std::to_string(r.objects), r.place, r.ways, r.signer, r.why_not});
    Print(table.Text(in.json()));
    if (!in.json()) Note("dry run: nothing was offered");
    return 0;
  }
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::TriedAnchors tried, app::TryAnchorsNow(options, keys, SystemClock()));
  Table table({"anchor", "what", "graph says", "trial shows", "tries"});
  bool differs = false;
  for (const app::TriedRow& r : tried.rows) {
    table.Add({r.anchor, r.what, r.graph, r.differs ? r.trial + " (differs)" : r.trial, r.tries});
    differs = differs || r.differs;
  }
  Print(table.Text(in.json()));
  if (!tried.note.empty()) Note(tried.note);
  if (differs && !in.json()) Note("where graph and trial differ, answers tell both");
  return 0;
}

}  // namespace birthmark::cli
