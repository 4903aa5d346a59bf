// SPDX-License-Identifier: Apache-2.0
#include "app/publish.h"

#include <fstream>

#include "answer/evaluate.h"
#include "crypto/digest.h"
#include "disclose/build.h"
#include "disclose/leak_guard.h"
#include "disclose/signed.h"
#include "ledger/bundle.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

// Published gives every disclosure of this workspace that is still kept.
Result<std::vector<disclose::Disclosure>> Published(const Layout& layout) {
  std::vector<disclose::Disclosure> out;
  if (!fs::exists(layout.disclosures())) return out;
  for (const auto& entry : fs::directory_iterator(layout.disclosures())) {
    if (entry.path().extension() != ".birthmark") continue;
    BM_TRY(Bytes bytes, ReadFile(entry.path(), disclose::kMaxFileBytes));
    BM_TRY(disclose::SignedDisclosure opened, disclose::OpenDisclosure(bytes));
    out.push_back(std::move(opened.disclosure));
  }
  return out;
}

Result<std::string> CheckpointThatFits(Factory& f) {
  // The event disclosure.signed follows the checkpoint that the disclosure speaks of; a bundle made
  // right after it is wanted up to that checkpoint.
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::optional<ledger::KeptCheckpoint> last, reader->LastCheckpoint());
  if (last && last->size + 1 == f.log->size()) {
    BM_TRY(ledger::Event tail, reader->EventAt(last->size));
    if (tail.type == ledger::DisclosureSigned::kType) return last->note;
  }
  return CheckpointNow(f);
}

}  // namespace

Result<std::string> CheckpointNow(Factory& f) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::optional<ledger::KeptCheckpoint> last, reader->LastCheckpoint());
  if (last && last->size == f.log->size()) return last->note;
  BM_TRY(auto signer, f.keys.online->Open("log"));
  BM_TRY(std::string note, f.log->MakeCheckpoint(*signer));
  BM_CHECK(MakeDirs(f.layout.public_dir() / "checkpoints"));
  BM_CHECK(WriteFileAtomic(
      f.layout.public_dir() / "checkpoints" / fmt::format("{:010}.checkpoint", f.log->size()),
      note));
  return note;
}

Result<std::string> SignCheckpoint(const fs::path& workspace, const KeySource& keys,
                                   const Clock& clock, const fs::path& file) {
  BM_TRY(auto f, Factory::Open(workspace, keys, false, "", "", clock));
  BM_TRY(std::string note, CheckpointNow(*f));
  if (!file.empty()) BM_CHECK(WriteFileAtomic(file, note));
  return note;
}

Result<BundleResult> WriteBundle(const fs::path& workspace, const KeySource& keys,
                                 const Clock& clock, const fs::path& file) {
  BM_TRY(auto f, Factory::Open(workspace, keys, false, "", "", clock));
  BundleResult result;
  BM_TRY(result.checkpoint, CheckpointThatFits(*f));
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(ledger::NoteKey key, reader->Key());
  BM_TRY(ledger::Checkpoint checkpoint, ledger::OpenCheckpoint(result.checkpoint, key));
  fs::path tmp = file;
  tmp += ".tmp";
  {
    std::ofstream out(tmp, std::ios::binary | std::ios::trunc);
    if (!out) return std::unexpected(FromErrno("file.write", file.string(), errno));
    BM_TRY(ledger::BundleWriter writer,
           ledger::BundleWriter::Start(out, {.to = checkpoint.size,
                                             .from = 0,
                                             .left = {},
                                             .vkey = key.ToText(),
                                             .origin = checkpoint.origin,
                                             .checkpoint = result.checkpoint}));
    Status added = reader->ForEachRaw(0, checkpoint.size, [&](uint64_t, ByteView raw) {
      ++result.events;
      return writer.Add(raw);
    });
    if (added) added = writer.Finish();
    if (!added) {
      std::error_code ec;
      fs::remove(tmp, ec);
      return std::unexpected(added.error());
    }
  }
  std::error_code ec;
  fs::rename(tmp, file, ec);
  if (ec) return std::unexpected(FromErrno("file.write", file.string(), ec.value()));
  BM_CHECK(SyncDir(file.has_parent_path() ? file.parent_path() : fs::path(".")));
  return result;
}

Result<DiscloseResult> DiscloseProduct(const DiscloseOptions& options, const KeySource& keys,
                                       const Clock& clock) {
  BM_TRY(auto f, Factory::Open(options.workspace, keys, false, options.product, options.as, clock));
  BM_TRY(std::string note, CheckpointNow(*f));
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(ledger::NoteKey log_key, reader->Key());
  BM_TRY(ledger::Checkpoint checkpoint, ledger::OpenCheckpoint(note, log_key));
  EventsUpTo events(*reader, checkpoint.size);
  const std::string& product = f->adopted.plan.product.id;
  BM_TRY(answer::Evaluation evaluation, answer::EvaluateAll(events, {.product = product,
                                                                     .period = std::nullopt,
                                                                     .size = checkpoint.size,
                                                                     .head = std::nullopt}));

  DiscloseResult result;
  result.rehearsal = f->genesis.rehearsal;
  BM_TRY(std::vector<disclose::Disclosure> published, Published(f->layout));
  for (const disclose::Disclosure& d : published) {
    if (d.product.id == product) result.version = std::max(result.version, d.version + 1);
  }
  BM_TRY(disclose::Built built, disclose::Build({.evaluation = evaluation,
                                                 .checkpoint = note,
                                                 .version = result.version,
                                                 .issued = clock.Now(),
                                                 .program = "birthmark " BIRTHMARK_VERSION,
                                                 .stated_model = std::nullopt},
                                                events));
  disclose::GuardResult guard =
      disclose::GuardDisclosure(built.disclosure, published, disclose::SplitModel::kSingleSet);
  result.guard = guard.words;
  result.findings = built.findings;
  result.findings.Append(guard.findings);
  result.refused = guard.refused() || built.findings.HasErrors();
  if (result.refused || options.dry_run) return result;

  BM_TRY(auto signers, SignersOf(*reader));
  const plan::Pki* pki = f->adopted.plan.DisclosurePki();
  auto chain = signers.find(pki->id);
  if (chain == signers.end() || !chain->second.root) {
    return Internal("disclose.signer", "this workspace has no disclosure signer");
  }
  std::vector<crypto::Certificate> certificates = chain->second.chain;
  certificates.push_back(*chain->second.root);
  BM_TRY(auto signer, f->keys.online->Open(chain->second.key_id));
  BM_TRY(Bytes file, disclose::SignDisclosure(built.disclosure, certificates, *signer));
  BM_TRY(disclose::SignedDisclosure check, disclose::OpenDisclosure(file));
  BM_CHECK(f->log->Append(ledger::MakeEvent(
      f->context, clock.Now(), "product:" + product,
      ledger::DisclosureSigned{
          .digest = check.digest, .product = product, .version = result.version})));
  BM_CHECK(MakeDirs(f->layout.disclosures(), 0700));
  BM_CHECK(WriteFileAtomic(
      f->layout.disclosures() / fmt::format("{}-{:04}.birthmark", product, result.version), file));
  BM_CHECK(WriteFileAtomic(options.file, file));
  return result;
}

}  // namespace birthmark::app
