// SPDX-License-Identifier: Apache-2.0
#include "line/desk.h"

#include <algorithm>

#include "ledger/events.h"
#include "line/succession.h"
#include "pki/issue.h"

namespace birthmark::line {
namespace {

// ProfileOf is what a slot's certificates hold.
const pki::Profile& ProfileOf(const std::string& slot) {
  using vocab::Identity;
  if (slot == vocab::ToText(Identity::kDecrypt)) return pki::DeviceDecryptProfile();
  if (slot == vocab::ToText(Identity::kAttestation) || slot == vocab::ToText(Identity::kGroup))
    return pki::DeviceAttestationProfile();
  return pki::IDevIdProfile();
}

}  // namespace

Result<std::vector<Bytes>> IssuingDesk::ChainOf(const std::string& id) {
  constexpr size_t kMaxDepth = 16;
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  std::vector<Bytes> chain;
  std::string at = id;
  while (chain.size() < kMaxDepth) {
    BM_TRY(std::optional<ledger::CaRow> ca, s_.log.registry().Ca(at));
    if (!ca || ca->level == 1) break;
    BM_TRY(ledger::Event event, reader->EventAt(ca->seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    chain.push_back(std::move(body.cert));
    at = ca->issuer;
  }
  return chain;
}

const plan::Pki& IssuingDesk::PkiOf(const std::string& slot) const {
  vocab::Identity word{};
  const plan::IdentitySlot* found = vocab::FromText(slot, word) ? s_.plan.FindSlot(word) : nullptr;
  const plan::Pki* pki = found == nullptr ? nullptr : s_.plan.PkiOf(*found);
  return pki == nullptr ? *s_.plan.IdentityPki() : *pki;
}

Result<IssuingDesk::Subordinate*> IssuingDesk::Current(const std::string& slot) {
  Time now = s_.clock.Now();
  std::optional<Subordinate>& open_ = open_for_[slot];
  if (open_ && !(open_->issues_until && Millis(now) >= *open_->issues_until) &&
      !(open_->max_count && signed_[open_->id] >= *open_->max_count)) {
    return &*open_;
  }
  open_.reset();
  const plan::Pki* pki = &PkiOf(slot);
  const pki::Profile& profile = ProfileOf(slot);
  const bool urls = &profile == &pki::IDevIdProfile();
  BM_TRY(std::vector<ledger::CaRow> all,
         s_.log.registry().CasOf(pki->id, static_cast<uint32_t>(pki->levels.size())));
  for (ledger::CaRow& ca : all) {
    if (auto it = signed_.find(ca.id); it != signed_.end())
      ca.issued = std::max(ca.issued, it->second);
  }
  // An island's authority is known here, and its key is not.
  auto mine = [&](const std::string& id) -> Result<bool> {
    auto facts = s_.keys.Facts(id);
    return facts.has_value() || facts.error().code != "keystore.missing";
  };
  bool any = false;
  BM_TRY(std::optional<Turn> turn, NextTurn(all, now, mine, &any));
  if (turn) {
    BM_TRY(ledger::Submission begins, TurnEvents(*turn, pki->levels.back(), s_.context, now));
    if (!begins.empty()) BM_CHECK(s_.log.Append(std::move(begins)));
    const ledger::CaRow& ca = turn->ca;
    Subordinate sub{.id = ca.id,
                    .certificate = {},
                    .above = {},
                    .signer = nullptr,
                    .prepared = nullptr,
                    .attested = {},
                    .prepare = nullptr,
                    .issues_until = ca.issues_until,
                    .max_count = ca.max_count,
                    .issued = ca.issued,
                    .encoder = nullptr,
                    .encodes = ""};
    BM_TRY(sub.above, ChainOf(ca.id));
    if (sub.above.empty()) {  // the root issues itself: a two-level PKI
      BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
      BM_TRY(ledger::Event event, reader->EventAt(ca.seq));
      BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
      BM_TRY(sub.certificate, crypto::Certificate::FromDer(body.cert));
    } else {
      BM_TRY(sub.certificate, crypto::Certificate::FromDer(sub.above.front()));
    }
    BM_TRY(sub.signer, s_.keys.Open(ca.id));
    BM_TRY(pki::Issuer made, pki::Issuer::Make(sub.certificate, *sub.signer));
    const pki::Issuer issuer = std::move(made).With(UrlsOf(pki->levels.back(), ca.id));
    BM_TRY(pki::Name subject, pki::Name::Make({{"O", s_.plan.product.manufacturer}}));
    const pki::IssuerTemplate::Fixed fixed{
        .subject = subject,
        .hardware_type = plan::HardwareTypeOid(s_.plan.product),
        .masa_url = urls ? s_.plan.product.masa_url.value_or("") : "",
        .mud_url = urls ? s_.plan.product.mud_url.value_or("") : "",
        .crl_urls = {}};
    sub.prepare = [issuer, &profile, fixed, marks = s_.marks](const auto& policies) {
      pki::Marks more = marks;
      more.policies.insert(more.policies.end(), policies.begin(), policies.end());
      return pki::IssuerTemplate::Make(issuer, profile, more, fixed);
    };
    BM_TRY(pki::IssuerTemplate prepared, sub.prepare({}));
    sub.prepared = std::make_unique<pki::IssuerTemplate>(std::move(prepared));
    signed_[sub.id] = sub.issued;
    open_ = std::move(sub);
    return &*open_;
  }
  if (!any) {
    return Refused("desk.no-authority", "the identity PKI has no authority that can issue yet",
                   "bring back the response of the level above: birthmark request import WS FILE");
  }
  return Refused("desk.retired", "every subordinate has reached the end of its window or its count",
                 "sign a successor: birthmark ca rotate WS");
}

Result<method::Certified> IssuingDesk::FromRow(const ledger::IdentityRow& row) {
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  BM_TRY(ledger::Event event, reader->EventAt(row.seq));
  Bytes cert;
  if (event.type == ledger::IdentityAdopted::kType) {  // a part's, issued in another factory
    BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(event));
    cert = std::move(body.cert);
  } else {
    BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(event));
    cert = std::move(body.cert);
  }
  method::Certified out{.certificate = {}, .chain = {cert}, .state = row.state, .existed = true};
  BM_TRY(out.certificate, crypto::Certificate::FromDer(cert));
  BM_TRY(std::vector<Bytes> above, ChainOf(row.ca));
  out.chain.insert(out.chain.end(), above.begin(), above.end());
  return out;
}

Result<std::optional<method::Certified>> IssuingDesk::Live(const std::string& unit,
                                                           const std::string& slot) {
  BM_TRY(std::vector<ledger::IdentityRow> rows, s_.log.registry().IdentitiesOf(unit));
  for (const ledger::IdentityRow& row : rows) {
    if (row.slot != slot || !ledger::IsLive(row.state)) continue;
    BM_TRY(method::Certified found, FromRow(row));
    return found;
  }
  return std::nullopt;
}

Result<method::Certified> IssuingDesk::Issue(const method::Order& order) {
  BM_TRY(std::vector<ledger::IdentityRow> rows,
         s_.log.registry().IdentitiesByKey(order.key.spki_digest()));
  for (const ledger::IdentityRow& row : rows) {
    if (row.unit == order.job.unit && row.slot == order.job.slot && ledger::IsLive(row.state))
      return FromRow(row);
  }
  BM_CHECK(CheckLot());
  if (auto hit = audit::CheckKey(order.key)) {
    BM_CHECK(Stop(order, *hit));
    return Refused(hit->code, "the unit's key fails its audit: " + hit->detail,
                   "the lot is stopped: find out how the key was made");
  }
  BM_TRY(ledger::IdentityIssued body, Certify(order));
  const std::string subject = "unit:" + order.job.unit;
  ledger::Submission events;
  BM_TRY(ledger::NewEvent issued,
         ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(), subject, body)));
  events.push_back(std::move(issued));
  if (order.evidence) {
    BM_TRY(ledger::NewEvent attested,
           ledger::Prepare(
               ledger::MakeEvent(s_.context, s_.clock.Now(), subject,
                                 ledger::KeyAttested{.kind = order.evidence->kind,
                                                     .slot = order.job.slot,
                                                     .spki = order.key.spki_digest(),
                                                     .unit = order.job.unit,
                                                     .facts = order.evidence->facts,
                                                     .nonce = order.evidence->nonce,
                                                     .root = order.evidence->root,
                                                     .statement = order.evidence->statement})));
    events.push_back(std::move(attested));
  }
  auto receipt = s_.log.Append(std::move(events));
  if (!receipt && receipt.error().code == "ledger.key-seen")
    BM_CHECK(Stop(order, KnownKey(order.key)));
  if (!receipt) return std::unexpected(std::move(receipt).error());
  method::Certified out{
      .certificate = {}, .chain = {body.cert}, .state = "issued", .existed = false};
  BM_TRY(out.certificate, crypto::Certificate::FromDer(body.cert));
  const std::optional<Subordinate>& by = open_for_[order.job.slot];
  out.chain.insert(out.chain.end(), by->above.begin(), by->above.end());
  return out;
}

Status IssuingDesk::CheckLot() {
  if (!stopped_) {
    BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
    BM_TRY(auto lots, LotsOf(*reader));
    stopped_ = lots[s_.plan.product.id].state == "stopped";
  }
  if (!*stopped_) return {};
  return Refused("desk.lot-stopped",
                 "the lot of " + s_.plan.product.id + " is stopped: a key failed its audit",
                 "see birthmark lot list WS; birthmark lot release WS when it is understood");
}

Status IssuingDesk::Stop(const method::Order& order, const audit::Hit& hit) {
  BM_TRY(ledger::Submission events,
         StopLot(s_.context, s_.clock.Now(), s_.plan.product.id, order.job.unit, hit));
  BM_CHECK(s_.log.Append(std::move(events)));
  stopped_ = true;
  return {};
}

Result<IssuingDesk::Signed> IssuingDesk::SignFor(const method::Order& order) {
  BM_CHECK(CheckLot());
  BM_TRY(Subordinate * sub, Current(order.job.slot));
  BM_TRY(pki::Stamp stamp, s_.serials.Next());
  pki::Unit unit{.serial_number = order.job.serial,
                 .hardware_serial = AsBytes(order.job.serial),
                 .key = order.key,
                 .not_after = std::nullopt};
  const plan::Lifetime& life = PkiOf(order.job.slot).end_entity.lifetime;
  if (!life.never) unit.not_after = stamp.at + life.duration;
  const pki::IssuerTemplate* with = sub->prepared.get();
  if (order.evidence && !order.evidence->policies.empty()) {
    const std::vector<std::string>& policies = order.evidence->policies;
    auto it = sub->attested.find(policies);
    if (it == sub->attested.end()) {
      BM_TRY(pki::IssuerTemplate made, sub->prepare(policies));
      it = sub->attested.emplace(policies, std::move(made)).first;
    }
    with = &it->second;
  }
  BM_TRY(Bytes der, with->Issue(stamp, unit, *sub->signer));
  // Several slots may come from one authority: its count is one.
  ++signed_[sub->id];
  return Signed{sub, stamp, std::move(der)};
}

Result<ledger::IdentityIssued> IssuingDesk::Certify(const method::Order& order) {
  BM_TRY(Signed s, SignFor(order));
  return ledger::IdentityIssued{
      .ca = s.by->id,
      .cert = std::move(s.der),
      .slot = order.job.slot,
      .spki = order.key.spki_digest(),
      .unit = order.job.unit,
      .proof = order.proof,
      .serial = Bytes(s.stamp.serial.bytes.begin(), s.stamp.serial.bytes.end()),
      .method = order.method};
}

Result<ledger::NewEvent> IssuingDesk::CertifyEvent(const method::Order& order) {
  BM_TRY(Signed s, SignFor(order));
  std::string encodes = order.job.slot + " " + order.proof + " " + order.method;
  if (s.by->encodes != encodes) {
    s.by->encoder = std::make_unique<ledger::IssuedEncoder>(
        s_.context,
        ledger::IssuedEncoder::Common{
            .ca = s.by->id, .slot = order.job.slot, .proof = order.proof, .method = order.method});
    s.by->encodes = std::move(encodes);
  }
  return s.by->encoder->Encode({.at = s_.clock.Now(),
                                .der = s.der,
                                .spki = order.key.spki_digest(),
                                .unit = order.job.unit,
                                .serial = s.stamp.serial.bytes});
}

Result<std::vector<Bytes>> IssuingDesk::CertifyGroup(const std::string& id, const std::string& slot,
                                                     const crypto::PublicKey& key) {
  method::Job job{.unit = "", .serial = id, .slot = slot, .subject = ""};
  BM_TRY(Signed s, SignFor({.job = job, .key = key, .method = "bamboo", .proof = "made-by-us"}));
  std::vector<Bytes> chain{std::move(s.der)};
  chain.insert(chain.end(), s.by->above.begin(), s.by->above.end());
  return chain;
}

Status IssuingDesk::SetState(const method::Job& job, const crypto::Certificate& certificate,
                             const std::string& state, const std::string& reason) {
  ledger::IdentityState body{.slot = job.slot,
                             .unit = job.unit,
                             .state = state,
                             .reason = reason,
                             .serial = certificate.serial()};
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + job.unit, body)));
  return {};
}

Status IssuingDesk::Record(const std::string& subject, const ledger::KeyOutside& body) {
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, s_.clock.Now(), subject, body)));
  return {};
}

}  // namespace birthmark::line
