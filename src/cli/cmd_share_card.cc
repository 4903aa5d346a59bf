// SPDX-License-Identifier: Apache-2.0
// birthmark share store|sheet, and shares on smartcards for the other commands of shares.
#include "app/share_card.h"
#include "cli/handlers_share_rounds.h"
#include "cli/keys.h"
#include "cli/terminal.h"

namespace birthmark::cli {

app::ReadCard CardsFor(const Invocation& in) {
  return [in](const std::string& uri) -> Result<std::string> {
    BM_TRY(app::KeySource keys, KeysFor(in));
    return app::CardReader({.source = keys.pin, .last_try = keys.pin_last_try})(uri);
  };
}

Result<int> ShareStore(const Invocation& in) {
  const std::string uri = in.Get("--token");
  if (in.dry_run()) {
    PrintLine("would store it on the card (dry run)");
    return 0;
  }
  BM_TRY(const app::KeySource keys, KeysFor(in));
  BM_CHECK(app::StoreOnCard(in.Arg("F"), uri, {.source = keys.pin, .last_try = keys.pin_last_try}));
  if (in.json()) {
    PrintLine(R"({"stored": true})");
  } else {
    PrintLine("stored, and read back; it stays sealed with its passphrase");
    Note(
        "note it where its keeping is noted: birthmark custody note DIR --holder WHO --event "
        "on-card");
  }
  return 0;
}

Result<int> ShareSheet(const Invocation& in) {
  BM_TRY(const app::HeldShare held, OpenNamed(in));
  const bool words = in.Has("--words");
  if (words) Note("The page will hold the plain share as words: keep it in a sealed envelope.");
  if (!in.dry_run())
    BM_CHECK(app::WriteSheet(held.sealed, words ? &held.share : nullptr, in.Get("--output")));
  return WroteOf(in, held.share, in.Get("--output"));
}

}  // namespace birthmark::cli
