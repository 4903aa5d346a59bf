// SPDX-License-Identifier: Apache-2.0
// manifest new|import|list, reel list|show|quarantine|release.
#include <fmt/format.h>

#include <algorithm>

#include "app/manifests.h"
#include "app/reels.h"
#include "app/silicon_maker.h"
#include "app/view.h"
#include "base/progress.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/stop.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "ledger/events.h"

namespace birthmark::cli {
namespace {

Result<std::unique_ptr<app::Factory>> OpenFor(const Invocation& in, const Clock& clock) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  return app::Factory::Open(in.Arg("WS"), keys, false, in.Get("--product"), in.Get("--as"), clock);
}

Table UnitsTable(const std::vector<app::ReelUnit>& units) {
  Table table({"unit", "unit is", "element", "slot", "identity is"});
  for (const app::ReelUnit& u : units)
    table.Add({u.use.unit, u.state, u.use.uid, u.use.slot, u.identity});
  return table;
}

std::string Joined(const std::vector<std::string>& all) {
  return all.size() > 8 ? fmt::format("{} reels", all.size())
                        : fmt::format("{}", fmt::join(all, ", "));
}

Result<int> Change(const Invocation& in, app::ReelAct act) {
  SystemClock clock;
  // The reel says whose product it is.
  BM_TRY(auto view, app::View::Open(in.Arg("WS")));
  BM_TRY(ledger::ReelRow found,
         app::FindReel(view->registry(), in.Get("--product"), in.Arg("REEL")));
  view.reset();
  BM_TRY(app::KeySource keys, KeysFor(in));
  BM_TRY(auto f,
         app::Factory::Open(in.Arg("WS"), keys, false, found.product, in.Get("--as"), clock));
  BM_TRY(app::ReelDone r, app::ChangeReel(*f,
                                          {.product = found.product,
                                           .reel = found.reel,
                                           .reason = in.Get("--reason"),
                                           .act = act,
                                           .dry_run = in.dry_run()},
                                          clock));
  Table shipped = UnitsTable(r.shipped);
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"reel": {}, "changed": {}, "passed": {}, "not_ours": {}, "still_revoked": {}, )"
        R"("dry_run": {}, "shipped": )",
        JsonString(r.reel.reel), r.identities.rows.size(), r.identities.passed, r.not_ours,
        r.still_revoked, in.dry_run()));
    Print(shipped.Text(true));
    PrintLine("}");
    return 0;
  }
  std::string_view word = act == app::ReelAct::kRelease  ? "released"
                          : act == app::ReelAct::kRevoke ? "in quarantine, identities revoked"
                                                         : "in quarantine, identities on hold";
  PrintLine(fmt::format("{} {}{}: {} received, {} used", in.dry_run() ? "would be" : "is", word,
                        in.dry_run() ? " (dry run: nothing was changed)" : "", r.reel.received,
                        r.reel.used));
  PrintLine(fmt::format("{} identities changed, {} were so already", r.identities.rows.size(),
                        r.identities.passed));
  if (r.not_ours > 0) {
    PrintLine(
        fmt::format("{} parts in no unit have no certificate of ours: only their maker can "
                    "revoke what it issued",
                    r.not_ours));
  }
  if (r.still_revoked > 0)
    PrintLine(fmt::format("{} identities stay revoked: that is for good", r.still_revoked));
  if (!r.shipped.empty()) {
    PrintLine(fmt::format("{} shipped units hold parts of it:", r.shipped.size()));
    Print(shipped.Text(false));
  }
  return 0;
}

}  // namespace

Result<int> ManifestNew(const Invocation& in) {
  BM_TRY(uint64_t count, in.Number("--count", 20, 1, 1'000'000));
  SystemClock clock;
  BM_TRY(auto f, OpenFor(in, clock));
  if (in.dry_run()) {
    PrintLine(fmt::format("would make {} parts up", count));
    return 0;
  }
  BM_TRY(app::MadeParts made, app::MakeParts(*f,
                                             {.count = count,
                                              .reel = in.Get("--reel", "REHEARSAL-1"),
                                              .output = in.Get("--output")},
                                             clock));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"parts": {}, "manifest": {}, "signer": {}, "root": {}}})",
                          made.count, JsonString(made.manifest.string()),
                          JsonString(made.signer.string()), JsonString(made.root.string())));
    return 0;
  }
  PrintLine(fmt::format("{} parts made up, in the tray of the rehearsal's line", made.count));
  PrintLine(fmt::format("next: birthmark manifest import {} {} --signer {} --root {} --allow-test",
                        in.Arg("WS"), made.manifest.string(), made.signer.string(),
                        made.root.string()));
  return 0;
}

Result<int> ManifestImport(const Invocation& in) {
  SystemClock clock;
  BM_TRY(auto f, OpenFor(in, clock));
  Progress progress("parts", 0, StderrIsTerminal() && !in.json());
  CatchStop(true);
  BM_TRY(app::ImportedManifest r,
         app::ImportManifest(*f,
                             {.file = in.Arg("FILE"),
                              .signer = in.Get("--signer"),
                              .root = in.Get("--root"),
                              .wanted = {.group = in.Get("--reel"),
                                         .part_number = in.Get("--part-number"),
                                         .provisioner = in.Get("--provisioner")},
                              .allow_test = in.Has("--allow-test"),
                              .dry_run = in.dry_run(),
                              .tell = [&](uint64_t n) { progress.Advance(n); },
                              .stop = Stopped},
                             clock));
  progress.Clear();
  if (in.json()) {
    std::string reels;
    for (const std::string& reel : r.reels) reels += (reels.empty() ? "" : ", ") + JsonString(reel);
    PrintLine(fmt::format(R"({{"id": {}, "kind": {}, "test": {}, "elements": {}, "known": {}, )"
                          R"("refused": {}, "sealed_secrets": {}, "stopped": {}, "dry_run": {}, )"
                          R"("reels": [{}], "findings": )",
                          JsonString(r.id), JsonString(r.kind), r.test, r.elements, r.known,
                          r.refused, r.sealed_secrets, r.stopped, in.dry_run(), reels));
    PrintFindings(r.findings, "", true);
    PrintLine("}");
    return r.refused > 0 ? 1 : 0;
  }
  PrintFindings(r.findings, in.Arg("FILE"), false);
  if (r.refused > r.findings.all().size())
    Note(fmt::format("and {} more", r.refused - r.findings.all().size()));
  PrintLine(fmt::format("{} parts {}, {} were here already, {} refused{}{}", r.elements,
                        in.dry_run() ? "would be taken in" : "taken in", r.known, r.refused,
                        r.reels.empty() ? "" : "; reels: " + Joined(r.reels),
                        r.test ? "; TEST: prototypes, never for production" : ""));
  if (r.sealed_secrets > 0)
    PrintLine(
        fmt::format("{} encrypted secrets came with them; none was opened", r.sealed_secrets));
  if (r.stopped) Note("stopped: the same command goes on where it was");
  return r.refused > 0 ? 1 : 0;
}

Result<int> ManifestList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(std::vector<uint64_t> seqs,
         view->registry().EventsOfType(ledger::ManifestImported::kType));
  Table table(
      {"manifest", "kind", "product", "imported", "parts", "refused", "reels", "maker", "test"});
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, view->EventAt(seq));
    BM_TRY(ledger::ManifestImported m, ledger::BodyOf<ledger::ManifestImported>(e));
    if (in.Has("--product") && m.product != in.Get("--product")) continue;
    table.Add({m.id, m.kind, m.product, FormatTime(TimeFromMillis(e.at)),
               std::to_string(m.elements), std::to_string(m.refused), Joined(m.reels), m.maker,
               m.test ? "test" : ""});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> ReelList(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(auto reels, ledger::Reels(view->registry().db(), in.Get("--product")));
  Table table({"reel", "product", "state", "received", "used", "left", "since", "why"});
  for (const ledger::ReelRow& r : reels) {
    table.Add({r.reel, r.product, r.state, std::to_string(r.received), std::to_string(r.used),
               std::to_string(r.received - std::min(r.used, r.received)),
               FormatTime(TimeFromMillis(r.at)), r.reason});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> ReelShow(const Invocation& in) {
  BM_TRY(auto view, app::View::Open(in.Arg("WS|B")));
  BM_TRY(ledger::ReelRow r, app::FindReel(view->registry(), in.Get("--product"), in.Arg("REEL")));
  BM_TRY(auto units, app::UnitsOfReel(view->registry(), r));
  Table table = UnitsTable(units);
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"reel": {}, "product": {}, "state": {}, "received": {}, "used": {}, )"
        R"("units": )",
        JsonString(r.reel), JsonString(r.product), JsonString(r.state), r.received, r.used));
    Print(table.Text(true));
    PrintLine("}");
    return 0;
  }
  PrintLine(fmt::format("{}  {}  {}  {} received, {} used, {} left{}", Bold(r.reel), r.product,
                        r.state, r.received, r.used, r.received - std::min(r.used, r.received),
                        r.reason.empty() ? "" : ": " + r.reason));
  Print(table.Text(false));
  return 0;
}

Result<int> ReelQuarantine(const Invocation& in) {
  return Change(in, in.Has("--revoke") ? app::ReelAct::kRevoke : app::ReelAct::kHold);
}
Result<int> ReelRelease(const Invocation& in) { return Change(in, app::ReelAct::kRelease); }

}  // namespace birthmark::cli
