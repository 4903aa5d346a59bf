// SPDX-License-Identifier: Apache-2.0
#include "app/upgrade.h"

#include "app/factory.h"
#include "ledger/events_continuity.h"
#include "ledger/sqlite/verify.h"

namespace birthmark::app {

Result<Upgraded> UpgradeWorkspace(const UpgradeOptions& o, const KeySource& keys,
                                  const Clock& clock) {
  Layout layout(o.workspace);
  std::string product;  // any will do
  Upgraded out{.from = "", .to = "birthmark " BIRTHMARK_VERSION, .backup = o.backup};
  {
    BM_TRY(auto reader, OpenReader(o.workspace));
    out.from = reader->genesis().program;
    out.events = reader->size();
    BM_TRY(std::vector<uint64_t> seqs,
           reader->registry().EventsOfType(ledger::WorkspaceUpgraded::kType));
    if (!seqs.empty()) {
      BM_TRY(ledger::Event e, reader->EventAt(seqs.back()));
      BM_TRY(ledger::WorkspaceUpgraded body, ledger::BodyOf<ledger::WorkspaceUpgraded>(e));
      out.from = body.to;
    }
    BM_TRY(out.derived_old, ledger::Registry::IsOld(reader->db()));
    // Every plan in force must be readable before anything is touched.
    BM_TRY(auto plans, PlansOf(*reader));
    if (!plans.empty()) product = plans.begin()->first;
  }
  out.needed = out.derived_old || out.from != out.to;
  if (out.backup.empty()) {
    std::string at = FormatTime(clock.Now()).substr(0, 19);
    std::erase_if(at, [](char c) { return c == '-' || c == ':'; });
    out.backup = layout.root.string() + ".before-" BIRTHMARK_VERSION "-" + at + ".backup";
  }
  if (o.dry_run || !out.needed) return out;
  BM_TRY(BackupMadeResult backup,
         CreateBackup({.workspace = o.workspace, .file = out.backup, .as = o.as}, keys, clock));
  BM_TRY(auto f, Factory::Open(o.workspace, keys, false, product, o.as, clock));
  BM_CHECK(f->log->Rebuild(o.progress));
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(ledger::VerifyReport report, ledger::VerifyLog(*reader));
  reader.reset();
  out.findings = std::move(report.findings);
  if (out.findings.HasErrors()) return out;
  BM_CHECK(f->log->Append(ledger::MakeEvent(
      f->context, clock.Now(), "",
      ledger::WorkspaceUpgraded{.to = out.to, .from = out.from, .backup = backup.seal.manifest})));
  out.events = f->log->size();
  return out;
}

}  // namespace birthmark::app
