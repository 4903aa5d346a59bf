// SPDX-License-Identifier: Apache-2.0
#include "app/unit_attest.h"

#include <algorithm>

#include "app/artifact_make.h"
#include "app/device_link.h"
#include "app/factory.h"
#include "app/record.h"
#include "app/units.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "disclose/signed.h"
#include "ledger/events.h"
#include "ledger/events_anchors.h"
#include "ledger/events_artifact.h"

namespace birthmark::app {
namespace {

using vocab::StageKind;
using vocab::StepKind;

// KeyOf is the key that an identity was issued for.
Result<std::optional<crypto::PublicKey>> KeyOf(ledger::LogReader& reader,
                                               const ledger::IdentityRow& row) {
  BM_TRY(ledger::Event event, reader.EventAt(row.seq));
  Bytes der;
  if (event.type == ledger::IdentityIssued::kType) {
    BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(event));
    der = std::move(body.cert);
  } else if (event.type == ledger::IdentityAdopted::kType) {
    BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(event));
    der = std::move(body.cert);
  }
  if (der.empty()) return std::nullopt;
  BM_TRY(crypto::Certificate certificate, crypto::Certificate::FromDer(der));
  BM_TRY(crypto::PublicKey key, certificate.public_key());
  return std::optional(std::move(key));
}

// NamedKey is the key that the token's header names, by which a stranger is looked up.
std::optional<Digest> NamedKey(const attest::Token& token) {
  const cbor::CoseHeaders& h = token.message.headers;
  if (!h.x5chain.empty()) {
    auto leaf = crypto::Certificate::FromDer(h.x5chain.front());
    if (!leaf) return std::nullopt;
    auto key = leaf->public_key();
    if (!key) return std::nullopt;
    return key->spki_digest();
  }
  for (const auto& [key, value] : h.other) {
    const Bytes* kid = key.AsInt() == 4 ? value.AsBytes() : nullptr;
    if (kid && kid->size() == 32) {
      Digest d{};
      std::ranges::copy(*kid, d.begin());
      return d;
    }
  }
  return std::nullopt;
}

// FindSigner asks the log alone: a certificate that came with the token proves nothing.
Status FindSigner(ledger::LogReader& reader, const attest::Token& token, attest::Records* r) {
  BM_TRY(std::vector<ledger::IdentityRow> own, reader.registry().IdentitiesOf(r->unit));
  for (const ledger::IdentityRow& row : own) {
    if (!ledger::IsLive(row.state)) continue;
    if (row.slot == "idevid") r->idevid = row.spki;
    BM_TRY(auto key, KeyOf(reader, row));
    if (!key || !cbor::VerifyCose(token.message, *key)) continue;
    r->signer = {.whose = attest::Signer::Whose::kThisUnit, .unit = row.unit, .slot = row.slot};
  }
  std::optional<Digest> named = NamedKey(token);
  if (r->signer.whose == attest::Signer::Whose::kThisUnit || !named) return {};
  BM_TRY(std::vector<ledger::IdentityRow> others, reader.registry().IdentitiesByKey(*named));
  for (const ledger::IdentityRow& row : others) {
    BM_TRY(auto key, KeyOf(reader, row));
    if (!key || !cbor::VerifyCose(token.message, *key)) continue;
    r->signer = {.whose = attest::Signer::Whose::kOtherUnit, .unit = row.unit, .slot = row.slot};
  }
  return {};
}

// FindReleased lists what was released under any plan of the product.
Status FindReleased(ledger::LogReader& reader, attest::Records* r) {
  BM_TRY(std::vector<ledger::PlanRow> plans, reader.registry().Plans());
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::ImageReleased::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    auto ours = [&](const ledger::PlanRow& p) {
      return event.plan == p.digest && p.product == r->product;
    };
    if (std::ranges::none_of(plans, ours)) continue;
    BM_TRY(ledger::ImageReleased body, ledger::BodyOf<ledger::ImageReleased>(event));
    r->released.push_back({.stage = body.stage, .digest = body.digest, .version = body.version});
  }
  return {};
}

// FindSigned adds the images that were signed since, for units in the field.
Status FindSigned(ledger::LogReader& reader, const plan::Plan& plan, attest::Records* r) {
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::ArtifactSigned::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::ArtifactSigned body, ledger::BodyOf<ledger::ArtifactSigned>(event));
    const plan::Anchor* anchor = plan.FindAnchor(body.anchor);
    if (body.kind != "device-image" || body.product != r->product || anchor == nullptr) continue;
    r->released.push_back({.stage = PartitionVerified(plan, *anchor),
                           .digest = body.artifact,
                           .version = std::to_string(body.version)});
  }
  return {};
}

Status FindPlan(ledger::LogReader& reader, attest::Records* r) {
  BM_TRY(AdoptedPlan adopted, PlanOf(reader, r->unit.substr(0, r->unit.find('/'))));
  const plan::Plan& p = adopted.plan;
  r->product = p.product.id;
  r->hardware = p.product.hardware_variant;
  r->oem = p.product.enterprise_number;
  r->secure_boot = p.FindStep(StepKind::kBootAnchorWrite) != nullptr;
  r->debug_closed = p.FindStep(StepKind::kPortLock) || p.FindStep(StepKind::kTamperProof);
  for (StageKind kind : {StageKind::kFirstStage, StageKind::kSecondStage, StageKind::kTamStage,
                         StageKind::kApplication}) {
    if (p.FindStageKind(kind)) r->stages.emplace_back(vocab::ToText(kind));
  }
  BM_CHECK(FindReleased(reader, r));
  return FindSigned(reader, p, r);
}

// SeenBefore reads the whole log: only a token from a file without a nonce needs it.
Result<bool> SeenBefore(ledger::LogReader& reader, const Digest& token) {
  bool seen = false;
  BM_CHECK(reader.ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (e.type != ledger::UnitAttested::kType) return {};
    BM_TRY(ledger::UnitAttested body, ledger::BodyOf<ledger::UnitAttested>(e));
    seen = seen || body.token == token;
    return {};
  }));
  return seen;
}

Status FindDisclosed(ledger::LogReader& reader, const std::string& file, attest::Records* r) {
  BM_TRY(Bytes bytes, ReadFile(file, disclose::kMaxFileBytes));
  BM_TRY(disclose::SignedDisclosure d, disclose::OpenDisclosure(bytes));
  BM_TRY(crypto::PublicKey key, d.chain.front().public_key());
  BM_TRY(std::optional<ledger::KeyRow> known, reader.registry().KeyBySpki(key.spki_digest()));
  r->disclosed = {.signer = d.chain.front().subject(),
                  .ours = known.has_value(),
                  .product = d.disclosure.product.id,
                  .hardware = d.disclosure.product.hardware,
                  .application = d.disclosure.product.firmware_digest};
  return {};
}

Result<Bytes> TokenOf(const AttestOptions& o, const std::optional<Bytes>& nonce) {
  if (!o.token.empty()) return ReadFile(o.token, attest::kMaxToken);
  BM_TRY(DeviceLink device, DeviceLink::Open(o.link, o.workspace));
  return device.console().Token(*nonce);
}

}  // namespace

bool Attested::Differs() const {
  return std::ranges::any_of(
      rows, [](const attest::Row& r) { return r.is == attest::Row::Is::kDiffers; });
}

Result<Attested> AttestUnit(const AttestOptions& o, const Clock& clock, Rng& rng) {
  if (o.link.empty() == o.token.empty()) {
    return Usage("eat.usage", "a token comes from a device or from a file",
                 "say --link URI or --token FILE");
  }
  attest::Records records;
  if (!o.nonce.empty()) {
    records.nonce = FromHex(o.nonce);
    if (!records.nonce || records.nonce->size() < 8 || records.nonce->size() > 64) {
      return Usage("eat.usage", "the nonce is no 8 to 64 bytes in hexadecimal",
                   "say --nonce with 16 to 128 digits, or leave it to birthmark");
    }
  } else if (!o.link.empty()) {
    records.nonce = Bytes(32);
    rng.Fill(*records.nonce);
  }
  BM_TRY(auto reader, OpenReader(o.workspace));
  BM_TRY(records.unit, ResolveUnit(reader->registry(), o.unit));
  BM_TRY(Bytes bytes, TokenOf(o, records.nonce));
  BM_TRY(attest::Token token, attest::ReadToken(bytes));
  Attested out{.unit = records.unit, .token = crypto::Sha256(bytes), .rows = {}};
  BM_CHECK(FindSigner(*reader, token, &records));
  BM_CHECK(FindPlan(*reader, &records));
  if (!records.nonce) {
    BM_TRY(records.seen_before, SeenBefore(*reader, out.token));
  }
  if (!o.disclosure.empty()) BM_CHECK(FindDisclosed(*reader, o.disclosure, &records));
  reader.reset();
  out.rows = attest::Compare(token, records);
  if (!o.keep.empty()) BM_CHECK(WriteFileAtomic(o.keep, bytes));
  if (o.dry_run) return out;
  ledger::UnitAttested body{.unit = out.unit, .token = out.token, .differs = {}};
  for (const attest::Row& row : out.rows) {
    if (row.is == attest::Row::Is::kDiffers) body.differs.push_back(row.claim);
  }
  const Layout layout{o.workspace};
  ledger::EventContext context;
  BM_TRY(context.actor, ActorHere(layout, o.as));
  BM_CHECK(
      AppendHere(layout, ledger::MakeEvent(context, clock.Now(), "unit:" + out.unit, body), clock));
  return out;
}

}  // namespace birthmark::app
