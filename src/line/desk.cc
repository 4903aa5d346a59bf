// SPDX-License-Identifier: Apache-2.0
#include "line/desk.h"

#include <algorithm>

#include "ledger/events.h"
#include "pki/issue.h"

namespace birthmark::line {
namespace {

bool Retired(const ledger::CaRow& ca, Time now) {
  return (ca.issues_until && Millis(now) >= *ca.issues_until) ||
         (ca.max_count && ca.issued >= *ca.max_count);
}

}  // namespace

Result<std::vector<Bytes>> IssuingDesk::ChainOf(const std::string& id) {
  BM_TRY(std::vector<ledger::CaRow> all, s_.log.registry().Cas());
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  std::vector<Bytes> chain;
  std::string at = id;
  for (size_t depth = 0; depth < all.size(); ++depth) {
    auto ca = std::ranges::find(all, at, &ledger::CaRow::id);
    if (ca == all.end() || ca->level == 1) break;
    BM_TRY(ledger::Event event, reader->EventAt(ca->seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    chain.push_back(std::move(body.cert));
    at = ca->issuer;
  }
  return chain;
}

Result<IssuingDesk::Subordinate*> IssuingDesk::Current() {
  Time now = s_.clock.Now();
  if (open_ && !(open_->issues_until && Millis(now) >= *open_->issues_until) &&
      !(open_->max_count && open_->issued >= *open_->max_count)) {
    return &*open_;
  }
  open_.reset();
  const plan::Pki* pki = s_.plan.IdentityPki();
  BM_TRY(std::vector<ledger::CaRow> all, s_.log.registry().Cas());
  bool any = false;
  for (ledger::CaRow& ca : all) {
    ca.issued = std::max(ca.issued, signed_[ca.id]);
    if (ca.pki != pki->id || ca.level != pki->levels.size()) continue;
    // An island's authority is known here, and its key is not.
    if (auto facts = s_.keys.Facts(ca.id); !facts && facts.error().code == "keystore.missing")
      continue;
    any = true;
    if (Retired(ca, now)) continue;
    Subordinate sub{.id = ca.id,
                    .certificate = {},
                    .above = {},
                    .signer = nullptr,
                    .prepared = nullptr,
                    .issues_until = ca.issues_until,
                    .max_count = ca.max_count,
                    .issued = ca.issued};
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
    BM_TRY(pki::Issuer issuer, pki::Issuer::Make(sub.certificate, *sub.signer));
    BM_TRY(pki::Name subject, pki::Name::Make({{"O", s_.plan.product.manufacturer}}));
    BM_TRY(pki::IssuerTemplate prepared,
           pki::IssuerTemplate::Make(issuer, pki::IDevIdProfile(), s_.marks,
                                     {.subject = subject,
                                      .hardware_type = plan::HardwareTypeOid(s_.plan.product),
                                      .masa_url = s_.plan.product.masa_url.value_or(""),
                                      .mud_url = s_.plan.product.mud_url.value_or(""),
                                      .crl_urls = {}}));
    sub.prepared = std::make_unique<pki::IssuerTemplate>(std::move(prepared));
    open_ = std::move(sub);
    return &*open_;
  }
  if (!any) {
    return Refused("desk.no-authority", "the identity PKI has no authority that can issue yet",
                   "bring back the response of the level above: birthmark request import WS FILE");
  }
  return Refused("desk.retired", "every subordinate has reached the end of its window or its count",
                 "sign a successor");
}

Result<method::Certified> IssuingDesk::FromRow(const ledger::IdentityRow& row) {
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  BM_TRY(ledger::Event event, reader->EventAt(row.seq));
  BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(event));
  method::Certified out{
      .certificate = {}, .chain = {body.cert}, .state = row.state, .existed = true};
  BM_TRY(out.certificate, crypto::Certificate::FromDer(body.cert));
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
  auto receipt =
      s_.log.Append(ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + order.job.unit, body));
  if (!receipt && receipt.error().code == "ledger.key-seen")
    BM_CHECK(Stop(order, KnownKey(order.key)));
  if (!receipt) return std::unexpected(std::move(receipt).error());
  method::Certified out{
      .certificate = {}, .chain = {body.cert}, .state = "issued", .existed = false};
  BM_TRY(out.certificate, crypto::Certificate::FromDer(body.cert));
  out.chain.insert(out.chain.end(), open_->above.begin(), open_->above.end());
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

Result<ledger::IdentityIssued> IssuingDesk::Certify(const method::Order& order) {
  BM_CHECK(CheckLot());
  BM_TRY(Subordinate * sub, Current());
  BM_TRY(pki::Stamp stamp, s_.serials.Next());
  pki::Unit unit{.serial_number = order.job.serial,
                 .hardware_serial = AsBytes(order.job.serial),
                 .key = order.key,
                 .not_after = std::nullopt};
  const plan::Lifetime& life = s_.plan.IdentityPki()->end_entity.lifetime;
  if (!life.never) unit.not_after = stamp.at + life.duration;
  BM_TRY(Bytes der, sub->prepared->Issue(stamp, unit, *sub->signer));
  ledger::IdentityIssued body{.ca = sub->id,
                              .cert = der,
                              .slot = order.job.slot,
                              .spki = order.key.spki_digest(),
                              .unit = order.job.unit,
                              .proof = order.proof,
                              .serial = Bytes(stamp.serial.bytes.begin(), stamp.serial.bytes.end()),
                              .method = order.method};
  signed_[sub->id] = ++sub->issued;
  return body;
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
