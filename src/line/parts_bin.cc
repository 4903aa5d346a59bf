// SPDX-License-Identifier: Apache-2.0
#include "line/parts_bin.h"

#include <algorithm>

#include "audit/audit.h"
#include "ledger/events.h"

namespace birthmark::line {

Result<std::optional<method::KnownElement>> PartsBin::Find(const std::string& uid) {
  ledger::Registry& registry = log_.registry();
  BM_TRY(std::optional<ledger::ElementRow> row, registry.Element(uid));
  if (!row || row->product != plan_.product.id) return std::nullopt;
  BM_TRY(auto reader, ledger::LogReader::Open(log_dir_));
  BM_TRY(ledger::Event event, reader->EventAt(row->seq));
  BM_TRY(ledger::ElementsListed listed, ledger::BodyOf<ledger::ElementsListed>(event));
  if (row->pos >= listed.elements.size())
    return Internal("ledger.registry", "an element's place is not in its event");
  ledger::ListedElement& part = listed.elements[row->pos];
  method::KnownElement out{.uid = uid,
                           .reel = row->reel,
                           .manifest = row->manifest,
                           .quarantined = false,
                           .cert = std::move(part.cert),
                           .key = part.key.value_or(Bytes()),
                           .used_in = std::nullopt};
  if (out.key.empty() && !out.cert.empty()) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(out.cert));
    BM_TRY(crypto::PublicKey key, c.public_key());
    out.key.assign(key.spki().begin(), key.spki().end());
  }
  BM_TRY(auto reel, ledger::ReelOf(registry.db(), row->product, row->reel));
  out.quarantined = reel && reel->state == "quarantined";
  BM_TRY(auto use, ledger::ElementUseOf(registry.db(), uid));
  if (use) out.used_in = use->unit;
  return out;
}

Result<std::string> PartsBin::AuthorityOf(const crypto::Certificate& c) {
  BM_TRY(std::vector<ledger::CaRow> cas, log_.registry().Cas());
  BM_TRY(auto reader, ledger::LogReader::Open(log_dir_));
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != plan_.IdentityPki()->id) continue;
    BM_TRY(ledger::Event event, reader->EventAt(ca.seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    BM_TRY(crypto::Certificate issuer, crypto::Certificate::FromDer(body.cert));
    if (std::ranges::equal(issuer.subject_der(), c.issuer_der()) && issuer.public_key() &&
        c.IsSignedBy(*issuer.public_key()))
      return ca.id;
  }
  return Refused("sapodilla.certificate",
                 "the element's certificate was issued by no authority of ours: " + c.issuer(),
                 "with ca-option on-behalf its issuer is signed by `request sign --on-behalf`");
}

Status PartsBin::Matched(const method::Job& job, const method::KnownElement& element,
                         ByteView certificate, bool our_pki) {
  BM_CHECK(desk_.CheckLot());
  Time now = clock_.Now();
  const ledger::EventContext& context = desk_.context();
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(element.key));
  if (auto hit = audit::CheckKey(key)) {
    BM_TRY(ledger::Submission stop, StopLot(context, now, plan_.product.id, job.unit, *hit));
    BM_CHECK(log_.Append(std::move(stop)));
    return Refused(hit->code, "the element's key fails its audit: " + hit->detail,
                   "the lot is stopped: ask the element's maker how the key was made");
  }
  ledger::Submission all;
  auto add = [&](const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(context, now, "unit:" + job.unit, body)));
    all.push_back(std::move(e));
    return {};
  };
  BM_CHECK(add(ledger::ElementMatched{.uid = element.uid,
                                      .slot = job.slot,
                                      .unit = job.unit,
                                      .reel = element.reel,
                                      .proof = "challenge-signed"}));
  if (!certificate.empty()) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(certificate));
    std::string ca = c.issuer();
    if (our_pki) {
      BM_TRY(ca, AuthorityOf(c));
    }
    BM_CHECK(add(ledger::IdentityAdopted{.ca = ca,
                                         .cert = Bytes(certificate.begin(), certificate.end()),
                                         .slot = job.slot,
                                         .spki = key.spki_digest(),
                                         .unit = job.unit,
                                         .state = "installed",
                                         .method = "sapodilla",
                                         .serial = c.serial(),
                                         .source = element.manifest}));
  }
  BM_CHECK(log_.Append(std::move(all)));
  return {};
}

}  // namespace birthmark::line
