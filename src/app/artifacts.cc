// SPDX-License-Identifier: Apache-2.0
#include "app/artifacts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "app/artifact_chosen.h"
#include "app/artifact_make.h"
#include "app/making.h"
#include "artifact/mcuboot.h"
#include "artifact/open.h"
#include "crypto/digest.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

using artifact::Kind;

Result<uint64_t> NumberOfVersion(const ArtifactOptions& o) {
  if (o.version.empty()) {
    if (o.kind == Kind::kFit || o.kind == Kind::kCms || o.kind == Kind::kTlsServer ||
        o.kind == Kind::kDebugUnlock)
      return 0;
    return Usage("artifact.version", "a device tells old from new by the version",
                 "--version N, above the last one");
  }
  if (o.kind == Kind::kMcuboot) {
    BM_TRY(const artifact::McubootVersion v, artifact::ParseMcubootVersion(o.version));
    return v.Number();
  }
  uint64_t n = 0;
  const char* end = o.version.data() + o.version.size();
  const auto [at, error] = std::from_chars(o.version.data(), end, n);
  if (error != std::errc() || at != end || n > INT64_MAX)
    return Usage("artifact.version", fmt::format("\"{}\" is no version", o.version),
                 "a whole number");
  return n;
}

Status CheckVersion(ledger::LogReader& reader, const ArtifactOptions& o, const std::string& product,
                    const std::string& name, uint64_t version) {
  if (o.again || o.version.empty()) return {};
  BM_TRY(const std::vector<uint64_t> seqs,
         reader.registry().EventsOfType(ledger::ArtifactSigned::kType));
  std::optional<uint64_t> last;
  for (uint64_t seq : seqs) {
    BM_TRY(const ledger::Event event, reader.EventAt(seq));
    BM_TRY(const ledger::ArtifactSigned was, ledger::BodyOf<ledger::ArtifactSigned>(event));
    if (was.anchor == o.anchor && was.product == product && was.name == name &&
        was.kind == artifact::ToText(o.kind))
      last = std::max(last.value_or(0), was.version);
  }
  if (!last || version > *last) return {};
  return Refused("artifact.version",
                 fmt::format("version {} of {} is not above {}, which was signed before", version,
                             name, *last),
                 "count up, or say --again: a device may take the older one back");
}

// CheckLock judges what was made as the device would.
Result<artifact::Verdict> CheckOwnLock(Factory& f, ledger::LogReader& reader,
                                       const plan::Anchor& anchor, const artifact::Opened& made,
                                       Time at) {
  BM_TRY(const std::vector<artifact::Trusted> trusted, TrustedFor(f, reader, anchor));
  BM_TRY(artifact::Verdict verdict, artifact::Judge(made, trusted, artifact::LockOf(anchor), at));
  if (verdict.Accepted()) return verdict;
  std::string why;
  for (const artifact::Refusal& r : verdict.refused)
    why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", r.code, r.message);
  return Refused("artifact.lock",
                 fmt::format("the lock around anchor \"{}\" would refuse it: {}", anchor.id, why),
                 "sign with another signer, or correct the plan");
}

// IssuerOfServers is the authority that certifies them; no signer of code is needed.
Result<Chosen> IssuerOfServers(ledger::LogReader& reader, const plan::Pki& pki) {
  BM_TRY(const std::vector<Authority> authorities, AuthoritiesInLog(reader, pki));
  Chosen out;
  if (!authorities.empty()) out.id = authorities.back().id;
  return out;
}

// CarriedEvents tell of a request to an offline anchor.
void CarriedEvents(const Chosen& by, const ledger::EventContext& context, Time at, bool done,
                   std::vector<ledger::Event>& out) {
  if (by.round == nullptr || !by.round->asked()) return;
  ledger::RequestCarried body{.ca = by.id,
                              .request = *by.round->asked(),
                              .action = done ? "imported" : "exported",
                              .response = by.round->answered()};
  out.push_back(ledger::MakeEvent(context, at, "ca:" + by.id, body));
}

}  // namespace

Result<SignedArtifact> SignArtifact(const ArtifactOptions& o, const KeySource& keys,
                                    const Clock& clock) {
  BM_TRY(const uint64_t version, NumberOfVersion(o));
  BM_TRY(auto f, Factory::Open(o.workspace, keys, false, o.product, o.as, clock));
  const plan::Plan& plan = f->adopted.plan;
  const plan::Anchor* anchor = plan.FindAnchor(o.anchor);
  if (anchor == nullptr) {
    return Refused("artifact.anchor", fmt::format("the plan has no anchor \"{}\"", o.anchor),
                   "birthmark plan show lists them");
  }
  BM_TRY(const Prepared what, PrepareArtifact(*f, *anchor, o, version, keys, clock));
  BM_TRY(auto reader, f->NewReader());
  BM_CHECK(CheckVersion(*reader, o, plan.product.id, what.name, version));
  BM_TRY(Chosen by,
         o.kind == Kind::kTlsServer && anchor->pki && !plan.FindPki(*anchor->pki)->levels.empty()
             ? IssuerOfServers(*reader, *plan.FindPki(*anchor->pki))
             : ChooseSigner(*f, *reader, *anchor, o, what.words));
  SignedArtifact out;
  auto bytes = what.make(by);
  std::vector<ledger::Event> events;
  if (!bytes && bytes.error().code == kWaits) {
    out.waits = bytes.error().message;
    CarriedEvents(by, f->context, clock.Now(), false, events);
    if (!events.empty() && !o.dry_run) BM_CHECK(AppendAll(*f->log, std::move(events)));
    return out;
  }
  if (!bytes) return std::unexpected(std::move(bytes).error());
  BM_TRY(const artifact::OpenedFile opened, artifact::OpenOctets(*bytes));
  BM_TRY(const artifact::Verdict verdict,
         CheckOwnLock(*f, *reader, *anchor, opened.opened, clock.Now()));
  out.event = {.how = by.how,
               .kind = std::string(artifact::ToText(o.kind)),
               .name = what.name,
               .spki = verdict.signer->spki_digest(),
               .level = static_cast<uint32_t>(verdict.level),
               .anchor = anchor->id,
               .signer = by.id,
               .content = what.content,
               .product = plan.product.id,
               .version = version,
               .artifact = crypto::Sha256(*bytes),
               .algorithm = std::string(crypto::ToText(verdict.signer->algorithm()))};
  if (o.dry_run) return out;
  CarriedEvents(by, f->context, clock.Now(), true, events);
  events.push_back(ledger::MakeEvent(f->context, clock.Now(), "anchor:" + anchor->id, out.event));
  BM_CHECK(AppendAll(*f->log, std::move(events)));
  BM_CHECK(WriteFileAtomic(o.out, *bytes));
  return out;
}

Result<std::vector<ArtifactRow>> ArtifactsOf(const fs::path& workspace) {
  BM_TRY(auto reader, OpenReader(workspace));
  BM_TRY(const std::vector<uint64_t> seqs,
         reader->registry().EventsOfType(ledger::ArtifactSigned::kType));
  std::vector<ArtifactRow> out;
  for (uint64_t seq : seqs) {
    BM_TRY(const ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::ArtifactSigned body, ledger::BodyOf<ledger::ArtifactSigned>(event));
    out.push_back({event.at, std::move(body)});
  }
  return out;
}

}  // namespace birthmark::app
