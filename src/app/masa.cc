// SPDX-License-Identifier: Apache-2.0
#include "app/masa.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/digest.h"
#include "ledger/events.h"
#include "pki/profile.h"

namespace birthmark::app {
namespace {

constexpr auto kNoncelessLife = std::chrono::hours(24 * 14);
constexpr size_t kMaxDomainPath = 8;

const plan::Anchor* VoucherAnchor(const plan::Plan& plan) {
  auto a = std::ranges::find_if(plan.anchors, [](const plan::Anchor& anchor) {
    return anchor.verifies == "voucher" && anchor.pki.has_value();
  });
  return a == plan.anchors.end() ? nullptr : &*a;
}

bool ValidAt(const crypto::Certificate& c, Time at) {
  return c.not_before() <= at && at <= c.not_after();
}

// DomainId is how RFC 8995 section 5.8.2 names a domain.
Bytes DomainId(const crypto::Certificate& c) {
  if (c.ski()) return *c.ski();
  const auto id = c.public_key()->KeyIdentifier();
  return Bytes(id.begin(), id.end());
}

// DomainOf is the highest certificate above the registrar's that came along: what is pinned (RFC
// 8995 section 5.5.2). Where none came, the registrar's own.
crypto::Certificate DomainOf(const crypto::Certificate& registrar,
                             const std::vector<crypto::Certificate>& carried) {
  crypto::Certificate top = registrar;
  for (size_t depth = 0; depth < kMaxDomainPath && !top.IsSelfIssued(); ++depth) {
    auto above = std::ranges::find_if(carried, [&](const crypto::Certificate& c) {
      return c.is_ca() && c.public_key() && std::ranges::equal(c.subject_der(), top.issuer_der()) &&
             top.IsSignedBy(*c.public_key());
    });
    if (above == carried.end()) break;
    top = *above;
  }
  return top;
}

bool EndsWith(ByteView whole, ByteView end) {
  return whole.size() >= end.size() &&
         std::ranges::equal(whole.subspan(whole.size() - end.size()), end);
}

// ProximityAgrees tells whether the device saw this registrar; nothing when it did not say.
std::optional<bool> ProximityAgrees(const voucher::Statement& s,
                                    const crypto::Certificate& registrar) {
  if (!s.proximity_registrar_cert.empty())
    return std::ranges::equal(s.proximity_registrar_cert, registrar.der());
  const crypto::PublicKey& key = *registrar.public_key();
  if (!s.proximity_registrar_pubk.empty())
    return std::ranges::equal(s.proximity_registrar_pubk, key.spki());
  if (!s.proximity_registrar_pubk_sha256.empty())
    return std::ranges::equal(s.proximity_registrar_pubk_sha256, key.spki_digest());
  return std::nullopt;
}

// OwnerOf is the domain that claimed a unit last; empty: none did.
Bytes OwnerOf(const std::vector<OwnershipEntry>& entries) {
  Bytes owner;
  for (const OwnershipEntry& e : entries) {
    if (e.body.claim) {
      owner = e.body.domain;
    } else if (e.body.domain != owner) {
      owner.clear();  // it was handed over, and nobody claimed it since
    }
  }
  return owner;
}

Bytes ToOwned(ByteView b) { return Bytes(b.begin(), b.end()); }

}  // namespace

// Registrar is who asks: the certificate that signed the request, and what will be pinned.
struct Masa::Registrar {
  crypto::Certificate certificate, domain;
};

// Pledge is the device that a request is about, as the ledger knows it.
struct Masa::Pledge {
  std::string unit, product, serial;
  ledger::IdentityRow row;
  crypto::Certificate certificate;
};

Status ReadOwnership(ledger::LogReader& reader, uint64_t from,
                     std::map<std::string, std::vector<OwnershipEntry>>& out) {
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::VoucherIssued::kType));
  for (uint64_t seq : seqs) {
    if (seq < from) continue;
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::VoucherIssued body, ledger::BodyOf<ledger::VoucherIssued>(e));
    out[body.unit].push_back({e.at, std::move(body)});
  }
  return {};
}

Result<std::unique_ptr<Masa>> Masa::Make(MasaServices services) {
  std::unique_ptr<Masa> m(new Masa(std::move(services)));
  BM_TRY(m->reader_, OpenReader(m->s_.workspace));
  BM_CHECK(m->Refresh());
  const bool any = std::ranges::any_of(
      m->plans_, [](const auto& p) { return VoucherAnchor(p.second.plan) != nullptr; });
  if (!any) {
    return Refused(
        "voucher.no-anchor", "no plan has an anchor of ours that verifies vouchers",
        "add one: [[anchor]] with verifies = \"voucher\", file = \"generated\", pki = …");
  }
  return m;
}

Status Masa::Refresh() {
  BM_CHECK(reader_->Refresh());
  if (reader_->size() == read_upto_) return {};
  BM_TRY(std::vector<ledger::PlanRow> adopted, reader_->registry().Plans());
  if (adopted.size() != plan_rows_) {
    BM_TRY(plans_, PlansOf(*reader_));
    plan_rows_ = adopted.size();
  }
  BM_CHECK(ReadOwnership(*reader_, read_upto_, issued_));
  read_upto_ = reader_->size();
  return {};
}

Result<Masa::Registrar> Masa::CheckRegistrar(const voucher::Message& m) const {
  if (m.statement.kind != voucher::Kind::kRequest)
    return Refused("voucher.kind", "this is a voucher; a voucher request is due");
  auto signer = voucher::SignerOf(m);
  if (!signer) {
    return Refused("voucher.registrar", "the registrar's request: " + signer.error().message,
                   "send the registrar's certificate and its authority's with the signature");
  }
  if (!signer->public_key())
    return Refused("voucher.registrar", "the registrar's key is of a kind that is not used here");
  // RFC 8995 section 5.5.4: only a registration authority may hand a device to its domain.
  if (std::ranges::find(signer->eku(), pki::oid::kCmcRa) == signer->eku().end()) {
    return Refused("voucher.registrar-eku",
                   fmt::format("the certificate of {} is no registrar's: it lacks the extended key "
                               "usage id-kp-cmcRA (1.3.6.1.5.5.7.3.28)",
                               signer->subject()));
  }
  Registrar out{.certificate = *signer, .domain = DomainOf(*signer, m.certificates)};
  if (!out.domain.public_key())
    return Refused("voucher.registrar", "the domain's key is of a kind that is not used here");
  for (const crypto::Certificate* c : {&out.certificate, &out.domain}) {
    if (ValidAt(*c, s_.clock.Now())) continue;
    return Refused("voucher.registrar",
                   fmt::format("the certificate of {} holds from {} to {}", c->subject(),
                               FormatDate(c->not_before()), FormatDate(c->not_after())));
  }
  return out;
}

Result<std::vector<std::string>> Masa::UnitsWith(const std::string& serial) {
  std::vector<std::string> out;
  for (const auto& [product, adopted] : plans_) {
    if (VoucherAnchor(adopted.plan) == nullptr) continue;
    const std::string unit = product + "/" + serial;
    BM_TRY(auto row, reader_->registry().Unit(unit));
    if (row) out.push_back(unit);
  }
  return out;
}

Result<Masa::Pledge> Masa::CheckPledge(const voucher::Message& prior) {
  const std::string& serial = prior.statement.serial_number;
  std::vector<Pledge> known;
  std::vector<crypto::Certificate> certificates;
  BM_TRY(std::vector<std::string> units, UnitsWith(serial));
  for (const std::string& unit : units) {
    BM_TRY(auto rows, reader_->registry().IdentitiesOf(unit));
    for (ledger::IdentityRow& row : rows) {
      if (row.slot != "idevid") continue;
      BM_TRY(ledger::Event e, reader_->EventAt(row.seq));
      BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(e));
      BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
      certificates.push_back(c);
      known.push_back({.unit = unit,
                       .product = unit.substr(0, unit.find('/')),
                       .serial = serial,
                       .row = std::move(row),
                       .certificate = std::move(c)});
    }
  }
  auto signer = voucher::SignerOf(prior, certificates);
  if (!signer) {
    if (known.empty() && prior.certificates.empty())
      return Refused("voucher.unknown-serial", "no unit of ours has the serial number " + serial);
    return Refused("voucher.signature", "the device's request: " + signer.error().message);
  }
  for (Pledge& p : known) {
    if (p.certificate.digest() == signer->digest()) return std::move(p);
  }
  // It signed with a certificate that this ledger does not hold for this serial number.
  std::optional<ledger::CaRow> ca;
  if (signer->aki()) {
    BM_TRY(ca, reader_->registry().CaByKeyId(*signer->aki()));
  }
  bool ours = false;
  if (ca) {
    BM_TRY(ledger::Event e, reader_->EventAt(ca->seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(e));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    ours = c.public_key() && signer->IsSignedBy(*c.public_key());
  }
  if (!ours) {
    return Refused("voucher.other-maker",
                   fmt::format("{} issued the device's certificate, and is no authority of ours",
                               signer->issuer()));
  }
  return Refused("voucher.unknown-serial",
                 fmt::format("no unit with the serial number {} has this certificate", serial));
}

Result<Masa::Pledge> Masa::PledgeByName(const std::string& serial) {
  BM_TRY(std::vector<std::string> units, UnitsWith(serial));
  for (const std::string& unit : units) {
    BM_TRY(auto rows, reader_->registry().IdentitiesOf(unit));
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      if (row->slot != "idevid") continue;
      BM_TRY(ledger::Event e, reader_->EventAt(row->seq));
      BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(e));
      BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
      return Pledge{.unit = unit,
                    .product = unit.substr(0, unit.find('/')),
                    .serial = serial,
                    .row = *row,
                    .certificate = std::move(c)};
    }
  }
  return Refused("voucher.unknown-serial", "no unit of ours has the serial number " + serial);
}

Status Masa::CheckIdentity(const Pledge& p, const voucher::Statement& request) {
  if (p.certificate.subject_serial_number() != p.serial) {
    return Refused(
        "voucher.serial",
        fmt::format("the device's certificate is for serial number {}, its request for {}",
                    p.certificate.subject_serial_number().value_or("(none)"), p.serial));
  }
  if (request.serial_number != p.serial) {
    return Refused("voucher.serial",
                   fmt::format("the registrar asks for serial number {}, the device is {}",
                               request.serial_number, p.serial));
  }
  // Whether its extension or the key identifier alone was sent, it ends in the identifier.
  if (!request.idevid_issuer.empty() && p.certificate.aki() &&
      !EndsWith(request.idevid_issuer, *p.certificate.aki())) {
    return Refused("voucher.idevid-issuer",
                   "idevid-issuer names another authority than the device's certificate");
  }
  if (!ledger::IsLive(p.row.state) || p.row.state == "held") {
    return Refused("voucher.revoked", fmt::format("the identity of {} is {}", p.unit, p.row.state));
  }
  BM_TRY(auto unit, reader_->registry().Unit(p.unit));
  if (!unit) return Refused("voucher.unknown-serial", p.unit + " is on no line of ours");
  if (unit->state == "scrapped" || unit->state == "corrected")
    return Refused("voucher.unit-state", fmt::format("{} is {}", p.unit, unit->state));
  return {};
}

Result<MasaGrant> Masa::Decide(const voucher::Message& request, const Registrar& registrar,
                               const std::optional<voucher::Message>& prior, const Pledge& pledge,
                               const MasaOrder& order) {
  const voucher::Statement& asked = request.statement;
  BM_CHECK(CheckIdentity(pledge, asked));
  if (prior && prior->statement.nonce != asked.nonce) {
    return Refused("voucher.nonce", "the device's nonce and the registrar's differ");
  }
  if (asked.nonce.empty() && !order.nonceless) {
    return Refused("voucher.nonceless",
                   "the request has no nonce, so its voucher could be replayed",
                   "ask the device for a nonce, or have the voucher issued by hand");
  }
  const std::vector<OwnershipEntry>& before = issued_[pledge.unit];
  if (!asked.nonce.empty() && std::ranges::any_of(before, [&](const OwnershipEntry& e) {
        return e.body.nonce == asked.nonce;
      })) {
    return Refused("voucher.replayed", "a voucher with this nonce was issued before",
                   "the device makes a new request, with a new nonce, for each try");
  }
  std::optional<bool> near;
  if (prior) near = ProximityAgrees(prior->statement, registrar.certificate);
  if (near == false) {
    return Refused("voucher.proximity",
                   "the device says that it is connected to another registrar than the one that "
                   "signed the request");
  }
  if (prior && prior->statement.assertion == voucher::Assertion::kProximity && !near) {
    return Refused("voucher.proximity", "the device asserts proximity and names no registrar");
  }
  MasaGrant grant;
  grant.event = {.form = "",
                 .unit = pledge.unit,
                 .claim = order.claim,
                 .nonce = asked.nonce,
                 .domain = DomainId(registrar.domain),
                 .pinned = registrar.domain.digest(),
                 .expires = std::nullopt,
                 .request = crypto::Sha256(request.bytes),
                 .voucher = {},
                 .assertion = "",
                 .registrar = registrar.certificate.digest()};
  const Bytes owner = OwnerOf(before);
  if (!owner.empty() && owner != grant.event.domain && !order.transfer) {
    return Refused("voucher.owned", pledge.unit + " was claimed by another domain",
                   "its owner's permission is needed: birthmark voucher issue --transfer");
  }
  const bool verified = order.claim || (!owner.empty() && owner == grant.event.domain);
  // A claim stays with whom it was made for.
  if (verified) grant.event.claim = true;
  const voucher::Assertion word = verified       ? voucher::Assertion::kVerified
                                  : near == true ? voucher::Assertion::kProximity
                                                 : voucher::Assertion::kLogged;
  grant.event.assertion = voucher::ToText(word);
  if (asked.nonce.empty()) {
    const Time end = std::min(s_.clock.Now() + kNoncelessLife, Time(registrar.domain.not_after()));
    grant.event.expires = Millis(end);
  }
  return grant;
}

Result<Bytes> Masa::SignVoucher(const MasaGrant& grant, const voucher::Statement& s,
                                const std::string& product) {
  const plan::Anchor* anchor = VoucherAnchor(plans_.at(product).plan);
  BM_TRY(auto signers, SignersOf(*reader_));
  auto signer = signers.find(*anchor->pki);
  if (signer == signers.end() || signer->second.key_id.empty())
    return Refused("voucher.no-key", "nobody can sign for anchor \"" + anchor->id + "\" yet");
  BM_TRY(auto key, s_.open_key(signer->second.key_id));
  return voucher::Sign(s, grant.form, signer->second.chain, s_.clock.Now(), *key);
}

Result<MasaGrant> Masa::Issue(ByteView bytes, const MasaOrder& order,
                              std::optional<voucher::Form> form) {
  // One at a time: two requests with one nonce must not both be the first.
  std::lock_guard lock(mutex_);
  BM_CHECK(Refresh());
  BM_TRY(voucher::Message request, voucher::Open(bytes));
  BM_TRY(Registrar registrar, CheckRegistrar(request));
  std::optional<voucher::Message> prior;
  Pledge pledge;
  if (!request.statement.prior_signed_request.empty()) {
    auto opened = voucher::Open(request.statement.prior_signed_request);
    if (!opened)
      return std::unexpected(std::move(opened).error().Context("prior-signed-voucher-request"));
    prior = std::move(*opened);
    if (prior->statement.kind != voucher::Kind::kRequest ||
        !prior->statement.prior_signed_request.empty())
      return Refused("voucher.kind", "what the registrar passes on is no device's request");
    BM_TRY(pledge, CheckPledge(*prior));
  } else if (order.nonceless) {
    BM_TRY(pledge, PledgeByName(request.statement.serial_number));
  } else {
    return Refused("voucher.no-pledge", "prior-signed-voucher-request is missing",
                   "pass the device's own request on, or have the voucher issued by hand");
  }
  auto decided = Decide(request, registrar, prior, pledge, order);
  if (!decided) {
    const bool refusal = decided.error().kind == ErrorKind::kNegative;
    if (refusal && prior && !order.dry_run) {
      BM_TRY(ledger::NewEvent e,
             ledger::Prepare(ledger::MakeEvent(
                 s_.context, s_.clock.Now(), "unit:" + pledge.unit,
                 ledger::VoucherRefused{.why = decided.error().code,
                                        .unit = pledge.unit,
                                        .domain = DomainId(registrar.domain),
                                        .request = crypto::Sha256(request.bytes)})));
      ledger::Submission all;
      all.push_back(std::move(e));
      BM_CHECK(s_.append(std::move(all)));
    }
    return std::unexpected(std::move(decided).error());
  }
  MasaGrant grant = std::move(*decided);
  grant.form = form.value_or(request.form);
  grant.event.form = voucher::ToText(grant.form);
  if (order.dry_run) return grant;

  voucher::Statement s;
  voucher::Assertion word{};
  if (voucher::FromText(grant.event.assertion, word)) s.assertion = word;
  s.created_on = s_.clock.Now();
  if (grant.event.expires) s.expires_on = TimeFromMillis(*grant.event.expires);
  s.serial_number = pledge.serial;
  s.idevid_issuer = request.statement.idevid_issuer;
  s.nonce = request.statement.nonce;
  // The text of the nonce is given back as the device wrote it.
  s.nonce_text = prior ? prior->statement.nonce_text : request.statement.nonce_text;
  s.pinned_domain_cert = ToOwned(registrar.domain.der());
  BM_TRY(grant.voucher, SignVoucher(grant, s, pledge.product));
  grant.event.voucher = crypto::Sha256(grant.voucher);
  BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(
                                 s_.context, s_.clock.Now(), "unit:" + pledge.unit, grant.event)));
  ledger::Submission all;
  all.push_back(std::move(e));
  BM_CHECK(s_.append(std::move(all)));
  return grant;
}

Result<std::string> Masa::AuditLog(ByteView bytes) {
  std::lock_guard lock(mutex_);
  BM_CHECK(Refresh());
  BM_TRY(voucher::Message request, voucher::Open(bytes));
  BM_TRY(Registrar registrar, CheckRegistrar(request));
  BM_TRY(std::vector<std::string> units, UnitsWith(request.statement.serial_number));
  if (units.empty()) {
    return Refused("voucher.unknown-serial",
                   "no unit of ours has the serial number " + request.statement.serial_number);
  }
  const Bytes domain = DomainId(registrar.domain);
  for (const std::string& unit : units) {
    const std::vector<OwnershipEntry>& entries = issued_[unit];
    if (std::ranges::none_of(entries,
                             [&](const OwnershipEntry& e) { return e.body.domain == domain; })) {
      continue;
    }
    using nlohmann::ordered_json;
    ordered_json events = ordered_json::array();
    for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
      events.push_back({{"date", FormatTime(TimeFromMillis(e->at))},
                        {"domainID", ToBase64(e->body.domain)},
                        {"nonce", e->body.nonce.empty() ? ordered_json()
                                                        : ordered_json(ToBase64(e->body.nonce))},
                        {"assertion", e->body.assertion}});
    }
    // Nothing is ever left out: the log is the ledger.
    return ordered_json{
        {"version", 1},
        {"events", events},
        {"truncation", {{"nonced duplicates", 0}, {"nonceless duplicates", 0}, {"arbitrary", 0}}}}
        .dump();
  }
  return Refused("voucher.not-owner", "this domain never had a voucher for that unit");
}

Result<MasaGrant> IssueVoucher(const VoucherIssueOptions& options, const KeySource& keys,
                               const Clock& clock) {
  BM_TRY(Bytes request, ReadFile(options.request, voucher::kMaxMessage));
  // Any product's plan will do to open the log: which one it is shows in the request.
  BM_TRY(auto reader, OpenReader(options.workspace));
  BM_TRY(auto plans, PlansOf(*reader));
  reader.reset();
  if (plans.empty()) return Usage("product.which", "this workspace has no product");
  BM_TRY(auto f,
         Factory::Open(options.workspace, keys, false, plans.begin()->first, options.as, clock));
  BM_TRY(auto masa,
         Masa::Make({.workspace = options.workspace,
                     .clock = clock,
                     .context = f->context,
                     .open_key = [&](const std::string& id) { return f->keys.online->Open(id); },
                     .append = [&](ledger::Submission s) -> Status {
                       BM_CHECK(f->log->Append(std::move(s)));
                       return {};
                     }}));
  return masa->Issue(request, options.order, options.form);
}

}  // namespace birthmark::app
