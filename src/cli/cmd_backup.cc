// SPDX-License-Identifier: Apache-2.0
// backup create|check|restore.
#include <fmt/format.h>

#include <thread>

#include "app/backup.h"
#include "app/backup_fence.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

Result<std::optional<ledger::NoteKey>> KeptKey(const Invocation& in) {
  if (!in.Has("--key")) return std::nullopt;
  BM_TRY(std::string text, ReadTextFile(in.Get("--key"), 8192));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  BM_TRY(ledger::NoteKey key, ledger::NoteKey::FromText(text));
  return key;
}

void Tell(const Invocation& in, const app::BackupContents& c, std::string_view where) {
  if (in.json()) {
    PrintLine(
        fmt::format(R"({{"origin": {}, "made": {}, "program": {}, "events": {}, "files": {}, )"
                    R"("octets": {}, "offline": {}, "manifest": "{}", "workspace": {}}})",
                    JsonString(c.seal.origin), JsonString(c.seal.made), JsonString(c.seal.program),
                    c.seal.events, c.files, c.seal.octets, c.seal.offline, ToHex(c.seal.manifest),
                    JsonString(where)));
    return;
  }
  PrintLine(fmt::format("{} events, {} files, {} octets, made {} by {}", c.seal.events, c.files,
                        c.seal.octets, c.seal.made, c.seal.program));
  PrintLine("log " + c.seal.origin + (c.seal.offline ? "; with the offline side" : ""));
  PrintLine("manifest " + ToHex(c.seal.manifest));
}

Result<int> Unfence(const Invocation& in) {
  app::UnfenceOptions o{.workspace = in.Arg("F"),
                        .none_kept = in.Has("--none-kept"),
                        .as = in.Get("--as"),
                        .dry_run = in.dry_run()};
  for (const std::string& file : in.All("WS")) o.checkpoints.emplace_back(file);
  if (in.Has("--since")) o.checkpoints.emplace_back(in.Get("--since"));
  if (in.Has("--skip-units")) {
    BM_TRY(o.skip, in.Number("--skip-units", 0, 0, 1'000'000'000));
  }
  SystemClock clock;
  o.wait = [&](Time until) {
    if (clock.Now() >= until) return;
    Note(fmt::format("waiting until {}: certificates of this copy come in minutes of their own",
                     FormatTime(until)));
    std::this_thread::sleep_until(until);
  };
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::Unfenced r, app::LiftFence(o, keys, clock));
  if (in.json()) {
    std::string numbers;
    for (const ledger::LostNumbers& n : r.event.numbers) {
      numbers += fmt::format(R"({}{{"product": {}, "first": {}, "last": {}}})",
                             numbers.empty() ? "" : ", ", JsonString(n.product), n.first, n.last);
    }
    PrintLine(fmt::format(
        R"({{"events": {}, "newest_seen": {}, "lost": {}, "prefix_from": "{:08x}", )"
        R"("prefix_to": "{:08x}", "pooled": {}, "tokens": {}, "numbers": [{}], )"
        R"("dry_run": {}, "checkpoint": {}}})",
        r.event.events, r.newest_seen, r.event.lost, r.event.prefix_from, r.event.prefix_to,
        r.event.pooled, r.event.tokens, numbers, in.dry_run(), JsonString(r.checkpoint)));
    return 0;
  }
  if (r.event.lost > 0) {
    PrintLine(fmt::format("the backup has {} events, the world saw {}: {} are lost", r.event.events,
                          r.newest_seen, r.event.lost));
  } else {
    PrintLine(
        fmt::format("the backup has {} events; nobody showed a later checkpoint", r.event.events));
  }
  PrintLine(
      fmt::format("certificates of the lost machine may begin with {:08x} to {:08x}; new ones "
                  "come after",
                  r.event.prefix_from, r.event.prefix_to));
  for (const ledger::LostNumbers& n : r.event.numbers)
    PrintLine(fmt::format("{}: unit numbers {} to {} are left out", n.product, n.first, n.last));
  if (r.event.pooled > 0) {
    PrintLine(
        fmt::format("{} identities made ahead may be in units of the lost machine: no longer "
                    "handed out; `birthmark reconcile` names them",
                    r.event.pooled));
  }
  if (r.event.tokens > 0) PrintLine(fmt::format("{} one-time tokens end here", r.event.tokens));
  PrintLine(in.dry_run() ? "dry run: the fence stands" : "the fence is lifted; this log goes on");
  return 0;
}

}  // namespace

Result<int> BackupCreate(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(app::BackupMadeResult r, app::CreateBackup({.workspace = in.Arg("WS"),
                                                     .file = in.Get("--output"),
                                                     .offline = in.Has("--with-offline"),
                                                     .as = in.Get("--as"),
                                                     .dry_run = in.dry_run()},
                                                    keys, SystemClock()));
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"file": {}, "events": {}, "files": {}, "size": {}, "offline": {}, "manifest": "{}", )"
        R"("dry_run": {}, "checkpoint": {}}})",
        JsonString(in.Get("--output")), r.seal.events, r.files, r.size, r.seal.offline,
        ToHex(r.seal.manifest), in.dry_run(), JsonString(r.checkpoint)));
    return 0;
  }
  if (in.dry_run()) {
    PrintLine(fmt::format("would write {} files, about {} octets, {} events", r.files, r.size,
                          r.seal.events));
    return 0;
  }
  PrintLine(fmt::format("wrote {}  {} events, {} files, {} octets", in.Get("--output"),
                        r.seal.events, r.files, r.size));
  PrintLine("manifest " + ToHex(r.seal.manifest));
  if (!r.seal.offline) PrintLine("the offline keys are not in it: back them up where they are");
  return 0;
}

Result<int> BackupCheck(const Invocation& in) {
  BM_TRY(auto key, KeptKey(in));
  BM_TRY(app::BackupContents c, app::CheckBackup(in.Arg("F"), key));
  Tell(in, c, "");
  if (!in.json()) {
    PrintLine(key ? "intact, sealed by the key you named"
                  : "intact, sealed by the key inside; whose that is, only --key can say");
  }
  return 0;
}

Result<int> BackupRestore(const Invocation& in) {
  if (in.Has("--unfence")) return Unfence(in);
  std::vector<std::string> to = in.All("WS");
  if (to.size() != 1)
    return Usage("restore.where", "a restore makes one folder", "birthmark backup restore F WS");
  BM_TRY(auto key, KeptKey(in));
  SystemClock clock;
  if (in.dry_run()) {
    BM_TRY(app::BackupContents c, app::CheckBackup(in.Arg("F"), key));
    Tell(in, c, to.front());
    return 0;
  }
  BM_TRY(app::BackupContents c, app::RestoreBackup(in.Arg("F"), to.front(), key, clock));
  Tell(in, c, to.front());
  if (!in.json()) {
    PrintLine(fmt::format("{} is FENCED: it can be read, nothing is issued", to.front()));
    PrintLine(
        "next: turn the lost machine off for good, collect checkpoints that others kept, then");
    PrintLine(fmt::format("  birthmark backup restore --unfence {} CHECKPOINT", to.front()));
  }
  return 0;
}

}  // namespace birthmark::cli
