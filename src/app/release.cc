// SPDX-License-Identifier: Apache-2.0
#include "app/release.h"

#include "app/trials.h"
#include "crypto/digest.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

// Released gives the images that the log says were released under this plan; their files must be
// those.
Result<std::vector<line::Image>> Released(ledger::LogReader& reader, const Digest& plan,
                                          const fs::path& folder) {
  std::vector<line::Image> out;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::ImageReleased::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    if (event.plan != plan) continue;
    BM_TRY(ledger::ImageReleased body, ledger::BodyOf<ledger::ImageReleased>(event));
    line::Image image{.partition = body.stage,
                      .bytes = {},
                      .digest = body.digest,
                      .version = body.version,
                      .anchors = body.anchors,
                      .signer = body.signer.value_or(Digest{}),
                      .signer_level = body.signer_level};
    BM_TRY(image.bytes, ReadFile(folder / body.stage, kMaxImage));
    if (crypto::Sha256(image.bytes) != body.digest) {
      return Refused("shift.image",
                     (folder / body.stage).string() + ": is not the image that was released",
                     "put the released file back, or adopt a plan with a new version");
    }
    out.push_back(std::move(image));
  }
  return out;
}

// BootAnchor is the digest that goes into the devices' fuses. A station without the anchor's key
// knows it from the log.
Result<Digest> BootAnchor(ledger::LogReader& reader, const line::Materials& m,
                          const plan::Anchor& boot) {
  auto it = boot.pki ? m.signers.find(*boot.pki) : m.signers.end();
  if (it != m.signers.end() && !it->second.root) {
    BM_TRY(std::vector<ledger::KeyRow> keys, reader.registry().Keys());
    for (const ledger::KeyRow& key : keys)
      if (key.id == it->second.key_id) return key.spki;
  }
  BM_TRY(crypto::PublicKey key, line::AnchorKey(m, boot));
  return key.spki_digest();
}

}  // namespace

fs::path ImageFolder(const Layout& layout, const plan::Plan& plan) {
  return layout.images() / ToHex(plan.digest).substr(0, 16);
}

Result<line::Firmware> ReleaseImages(Factory& f, const Clock& clock) {
  BM_TRY(auto reader, f.NewReader());
  const plan::Plan& plan = f.adopted.plan;
  line::Materials m{plan, *f.keys.online, {}, {}};
  BM_TRY(m.signers, SignersOf(*reader));
  for (const plan::Anchor& a : plan.anchors) {
    fs::path file = f.layout.anchors() / a.id;
    if (!fs::exists(file)) continue;
    BM_TRY(m.files[a.id], ReadFile(file, kMaxImage));
  }
  const plan::Anchor* boot = plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
  if (boot == nullptr) return line::Firmware::Make(m);
  BM_TRY(Digest boot_anchor, BootAnchor(*reader, m, *boot));
  fs::path folder = ImageFolder(f.layout, plan);
  BM_TRY(std::vector<line::Image> released, Released(*reader, plan.digest, folder));
  if (!released.empty()) return line::Firmware::FromImages(std::move(released), boot_anchor);
  BM_TRY(line::Firmware firmware, line::Firmware::Make(m));
  BM_CHECK(MakeDirs(folder, 0700));
  ledger::Submission events;
  for (const line::Image& image : firmware.images()) {
    BM_CHECK(WriteFileAtomic(folder / image.partition, image.bytes));
    ledger::ImageReleased body{.stage = image.partition,
                               .digest = image.digest,
                               .version = image.version,
                               .anchors = image.anchors,
                               .signer = image.signer,
                               .signer_level = image.signer_level};
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(
                                   f.context, clock.Now(), "image:" + image.partition, body)));
    events.push_back(std::move(e));
  }
  BM_CHECK(f.log->Append(std::move(events)));
  return firmware;
}

Status TryAnchorsOnce(Factory& f, const line::Firmware& firmware, const Clock& clock) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(std::vector<uint64_t> seqs, reader->registry().EventsOfType(ledger::TrialsRun::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    if (event.plan == f.adopted.plan.digest) return {};
  }
  BM_TRY(Tried tried, TryAnchors(f, firmware, {}, clock));
  return {};
}

Result<Tried> TryAnchors(Factory& f, const line::Firmware& firmware,
                         const std::vector<std::string>& anchors, const Clock& clock) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(auto signers, SignersOf(*reader));
  BM_TRY(Tried tried, RunTrials(f.layout, {.plan = f.adopted.plan,
                                           .firmware = firmware,
                                           .keys = *f.keys.online,
                                           .signers = signers,
                                           .changing = f.genesis.rehearsal,
                                           .anchors = anchors}));
  ledger::Submission events;
  auto add = [&](const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(f.context, clock.Now(),
                                                                 "anchor:" + body.anchor, body)));
    events.push_back(std::move(e));
    return {};
  };
  for (const ledger::TrialsRun& run : tried.runs) BM_CHECK(add(run));
  for (const ledger::ChangesTried& one : tried.changes) BM_CHECK(add(one));
  if (!events.empty()) BM_CHECK(f.log->Append(std::move(events)));
  return tried;
}

}  // namespace birthmark::app
