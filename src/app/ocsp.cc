// SPDX-License-Identifier: Apache-2.0
#include "app/ocsp.h"

#include <algorithm>
#include <set>

#include "app/grant.h"
#include "ledger/events.h"
#include "ledger/sqlite/registry_revocations.h"
#include "pki/issue.h"

namespace birthmark::app {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

constexpr size_t kMaxKept = 100'000;          // answers, and serial numbers that are known
constexpr size_t kMaxOcspAuthorities = 1024;  // whose responders are open at once
constexpr auto kResponderAhead = std::chrono::hours(24) * 7;
constexpr auto kFresh = std::chrono::seconds(1);

std::string TextOf(ByteView b) { return std::string(AsText(b)); }

}  // namespace

// Authority is one whose certificates are asked about.
struct OcspDesk::Authority {
  explicit Authority(const crypto::Certificate& c) : issuer(c) {}
  ledger::CaRow row;
  pki::OcspIssuer issuer;
  ResponderKey key;
  std::optional<pki::OcspResponder> responder;
  Time renew{};
  std::set<Bytes> others;  // certificates that it signed and that are no identities
  // Answers for questions without a nonce, by the whole CertID; and serial numbers that were
  // issued, with what became of them. Both are dropped when they grow too many.
  struct Kept {
    OcspAnswered answer;
    uint64_t epoch = 0;
  };
  std::unordered_map<std::string, Kept> kept;
  // What became of a certificate, as it was in an epoch.
  struct Known {
    uint64_t epoch = 0;
    pki::OcspState state = pki::OcspState::kGood;
    Time revoked_at{};
    pki::CrlReason reason = pki::CrlReason::kUnspecified;
  };
  std::unordered_map<std::string, Known> issued;
};

OcspDesk::OcspDesk(OcspServices services) : s_(std::move(services)) {}
OcspDesk::~OcspDesk() = default;

void OcspDesk::Forget() {
  std::lock_guard lock(mutex_);
  reader_.reset();
  authorities_.clear();
  serials_.reset();
  ++epoch_;
}

Status OcspDesk::Refresh() {
  const auto now = std::chrono::steady_clock::now();
  if (reader_ && now - refreshed_ < kFresh) return {};
  if (reader_) {
    BM_CHECK(reader_->Refresh());
  } else {
    BM_TRY(reader_, ledger::LogReader::Open(s_.log_dir));
  }
  refreshed_ = now;
  BM_TRY(uint64_t mark, ledger::RevocationMark(reader_->registry().db(), ""));
  if (mark != mark_) ++epoch_;
  mark_ = mark;
  return {};
}

Result<std::shared_ptr<OcspDesk::Authority>> OcspDesk::AuthorityOf(const std::string& ca) {
  if (auto it = authorities_.find(ca);
      it != authorities_.end() && s_.clock.Now() < it->second->renew)
    return it->second;
  BM_TRY(auto loaded, LoadAuthority(ca));
  if (authorities_.size() >= kMaxOcspAuthorities) authorities_.clear();
  authorities_[ca] = loaded;
  return loaded;
}

Result<std::shared_ptr<OcspDesk::Authority>> OcspDesk::LoadAuthority(const std::string& ca) {
  BM_TRY(std::optional<ledger::CaRow> row, reader_->registry().Ca(ca));
  if (!row) return Refused("ocsp.issuer", "there is no such authority here");
  BM_TRY(crypto::Certificate certificate, CertificateOf(*reader_, *row));
  auto a = std::make_shared<Authority>(certificate);
  BM_TRY(a->key, ResponderOf(*row, certificate));
  BM_TRY(a->responder, pki::OcspResponder::Make(a->key.certificate, *a->key.signer));
  a->renew = a->key.certificate.not_after() - kResponderAhead;
  BM_TRY(std::vector<uint64_t> seqs,
         reader_->registry().EventsOfType(ledger::SignerCertified::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader_->EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    if (body.chain.empty()) continue;
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.chain.front()));
    if (std::ranges::equal(c.issuer_der(), certificate.subject_der())) a->others.insert(c.serial());
  }
  a->row = std::move(*row);
  return a;
}

// A responder's key is made when its authority is first asked about, and certified anew before the
// certificate ends: short-lived, because nobody can revoke it (id-pkix-ocsp-nocheck).
Result<ResponderKey> OcspDesk::ResponderOf(const ledger::CaRow& ca,
                                           const crypto::Certificate& above) {
  const std::string prefix = "ocsp-" + ca.id;
  const Time now = s_.clock.Now();
  BM_TRY(std::vector<uint64_t> seqs,
         reader_->registry().EventsOfType(ledger::SignerCertified::kType));
  std::set<std::string> numbers;
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader_->EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    if (body.pki != "ocsp" || !body.key.starts_with(prefix + "-") || body.chain.empty()) continue;
    numbers.insert(body.key);
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.chain.front()));
    if (c.not_after() <= now + kResponderAhead || c.not_before() > now) continue;
    auto signer = s_.open_key(body.key);
    if (!signer) continue;
    return ResponderKey{std::move(c), std::move(*signer)};
  }
  auto authority = s_.open_key(ca.id);
  if (!authority) {
    return Refused("ocsp.issuer",
                   fmt::format("the key of {} is not here, and no responder of it", ca.id),
                   "have it certify a responder, or publish its lists");
  }
  const std::string id = fmt::format("{}-{}", prefix, numbers.size() + 1);
  BM_TRY(ledger::KeyCreated created, s_.create_key(id, crypto::Algorithm::kEcdsaP256));
  BM_TRY(auto signer, s_.open_key(id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(above, **authority));
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", above.SubjectAttribute("2.5.4.10").value_or("Birthmark")},
                          {"CN", "OCSP " + ca.id}}));
  if (!serials_) {
    BM_TRY(ledger::Event last, reader_->EventAt(reader_->size() - 1));
    serials_ = std::make_unique<pki::SerialSource>(s_.clock, rng_, TimeFromMillis(last.recorded));
  }
  BM_TRY(pki::Stamp stamp, serials_->Next());
  const Time end = std::min(stamp.at + kResponderLife, above.not_after());
  BM_TRY(crypto::Certificate certificate,
         pki::Issue(issuer, pki::OcspResponderProfile(), s_.marks, stamp,
                    {.subject = subject, .key = signer->public_key(), .not_after = end}));
  ledger::SignerCertified body{.key = id, .pki = "ocsp", .chain = {}};
  for (const crypto::Certificate* c : {&std::as_const(certificate), &above})
    body.chain.emplace_back(c->der().begin(), c->der().end());
  ledger::Submission events;
  auto add = [&](const auto& b) -> Status {
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(s_.context, now, "key:" + id, b)));
    events.push_back(std::move(e));
    return {};
  };
  BM_CHECK(add(created));
  BM_CHECK(add(body));
  BM_CHECK(s_.append(std::move(events)));
  return ResponderKey{std::move(certificate), std::move(signer)};
}

Result<pki::OcspAnswer> OcspDesk::StateOf(Authority& a, const pki::OcspCertId& id) {
  pki::OcspAnswer out{.cert_id = id.whole};
  if (!a.issuer.Matches(id)) return out;
  const std::string serial = TextOf(id.serial);
  auto before = a.issued.find(serial);
  if (before != a.issued.end() && before->second.epoch == epoch_) {
    out.state = before->second.state;
    out.revoked_at = before->second.revoked_at;
    out.reason = before->second.reason;
    return out;
  }
  const bool was_issued = before != a.issued.end();
  auto keep = [&] {
    if (a.issued.size() >= kMaxKept) a.issued.clear();
    a.issued[serial] = {epoch_, out.state, out.revoked_at, out.reason};
    return out;
  };
  BM_TRY(auto revoked, ledger::RevocationOf(reader_->registry().db(), a.row.id, id.serial));
  if (revoked) {
    out.state = pki::OcspState::kRevoked;
    out.revoked_at = TimeFromMillis(revoked->at);
    out.reason = pki::CrlReasonOf(revoked->reason).value_or(pki::CrlReason::kUnspecified);
    return keep();
  }
  if (was_issued) {  // and stays so
    out.state = pki::OcspState::kGood;
    return keep();
  }
  const Bytes octets(id.serial.begin(), id.serial.end());
  BM_TRY(std::optional<ledger::IdentityRow> row, s_.find(octets));
  bool known = row && row->ca == a.row.id;
  if (!known) known = a.others.contains(octets);
  if (!known) {
    BM_TRY(auto below, reader_->registry().CaBySerial(a.row.id, octets));
    known = below.has_value();
  }
  // RFC 6960 section 2.2: "good" says at least that it was issued.
  if (!known) return out;
  out.state = pki::OcspState::kGood;
  return keep();
}

Result<OcspAnswered> OcspDesk::Make(const std::string& ca, ByteView der) {
  BM_TRY(pki::OcspRequest request, pki::ReadOcspRequest(der));
  std::lock_guard lock(mutex_);
  BM_CHECK(Refresh());
  BM_TRY(std::shared_ptr<Authority> a, AuthorityOf(ca));
  const Time now = floor<seconds>(s_.clock.Now());
  const bool ahead = request.nonce.empty() && request.certs.size() == 1;
  std::string key;
  if (ahead) {
    key = TextOf(request.certs[0].whole);
    auto it = a->kept.find(key);
    if (it != a->kept.end() && it->second.epoch == epoch_ &&
        now < it->second.answer.this_update + s_.lifetime / 2) {
      ++made_ahead_;
      return it->second.answer;
    }
  }
  std::vector<pki::OcspAnswer> answers;
  answers.reserve(request.certs.size());
  bool known = true;
  // A question about another issuer's certificates cannot be answered by this responder.
  if (std::ranges::none_of(request.certs,
                           [&](const pki::OcspCertId& id) { return a->issuer.Matches(id); }))
    return Refused("ocsp.issuer", "the question is about another authority's certificates");
  for (const pki::OcspCertId& id : request.certs) {
    BM_TRY(pki::OcspAnswer answer, StateOf(*a, id));
    known = known && answer.state != pki::OcspState::kUnknown;
    answers.push_back(answer);
  }
  OcspAnswered out{.der = nullptr,
                   .cacheable = ahead && known,
                   .this_update = now,
                   .next_update = floor<seconds>(now + s_.lifetime)};
  BM_TRY(Bytes response,
         a->responder->Sign(answers, out.this_update, out.next_update, request.nonce));
  out.der = std::make_shared<const Bytes>(std::move(response));
  ++on_demand_;
  if (out.cacheable) {
    if (a->kept.size() >= kMaxKept) a->kept.clear();
    a->kept[key] = {out, epoch_};
  }
  return out;
}

OcspAnswered OcspDesk::Answer(const std::string& ca, ByteView request, std::string* why) {
  auto made = Make(ca, request);
  if (made) return *made;
  ++refused_;
  const Error& error = made.error();
  if (why != nullptr) *why = error.ToString();
  pki::OcspError code = pki::OcspError::kInternalError;
  if (error.code == "ocsp.issuer" || error.code == "ocsp.hash") {
    code = pki::OcspError::kUnauthorized;  // RFC 5019 section 2.2.3
  } else if (error.code.starts_with("ocsp.")) {
    code = pki::OcspError::kMalformedRequest;
  } else if (error.code == "ledger.closed" || error.code == "ledger.busy") {
    code = pki::OcspError::kTryLater;
  }
  return {.der = std::make_shared<const Bytes>(pki::EncodeOcspError(code)),
          .cacheable = false,
          .this_update = {},
          .next_update = {}};
}

}  // namespace birthmark::app
