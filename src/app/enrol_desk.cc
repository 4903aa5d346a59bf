// SPDX-License-Identifier: Apache-2.0
#include "app/enrol_desk.h"

#include <algorithm>

#include "app/authorities.h"
#include "app/enrol_desk_state.h"
#include "app/reels.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "line/lot.h"

namespace birthmark::app {
namespace {

using enroll::Caller;

// ProtocolError turns the ledger's refusals into what protocols tell apart.
Error ProtocolError(Error e) {
  if (e.code == "ledger.slot-live") {
    return Refused("enroll.locked", "the unit has an identity in this slot: " + e.message, e.fix)
        .error();
  }
  if (e.code == "ledger.key-seen") {
    return Refused("enroll.bad-request", "this public key belongs to another unit",
                   "make a new key; two devices must never share one")
        .error();
  }
  return e;
}

}  // namespace

EnrolDesk::EnrolDesk(Services services) : s_(std::move(services)) {}
EnrolDesk::~EnrolDesk() = default;

Result<std::unique_ptr<EnrolDesk>> EnrolDesk::Make(Services services) {
  std::unique_ptr<EnrolDesk> desk(new EnrolDesk(std::move(services)));
  BM_CHECK(desk->Reload());
  return desk;
}

std::shared_ptr<const EnrolDesk::State> EnrolDesk::Now() const {
  std::lock_guard lock(mutex_);
  return state_;
}

Result<std::shared_ptr<EnrolDesk::Product>> EnrolDesk::ProductOf(const std::string& label) const {
  auto state = Now();
  if (label.empty() && state->products.size() == 1) return state->products.begin()->second;
  auto it = state->products.find(label);
  if (it == state->products.end()) {
    return Refused("enroll.bad-request",
                   label.empty() ? "several products are made here; name one in the path"
                                 : "there is no such product here");
  }
  return it->second;
}

Status EnrolDesk::ReserveToken(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto it = tokens_.find(id);
  if (it == tokens_.end() || it->second.Spent(s_.clock.Now()))
    return NotAuthorised("the token cannot be used");
  ++it->second.used;
  return {};
}

void EnrolDesk::ReleaseToken(const std::string& id) {
  std::lock_guard lock(mutex_);
  if (auto it = tokens_.find(id); it != tokens_.end() && it->second.used > 0) --it->second.used;
}

Result<pki::Stamp> EnrolDesk::NextStamp() {
  std::lock_guard lock(mutex_);
  return serials_->Next();
}

Result<std::optional<ledger::IdentityRow>> EnrolDesk::LiveIdentity(const std::string& unit,
                                                                   const std::string& slot) {
  Result<std::vector<ledger::IdentityRow>> rows = Internal("ledger.closed", "the ledger is closed");
  s_.queue.Run([&](ledger::LogWriter& log) { rows = log.registry().IdentitiesOf(unit); });
  if (!rows) return std::unexpected(rows.error());
  for (const ledger::IdentityRow& row : *rows) {
    if (row.slot == slot && ledger::IsLive(row.state)) return row;
  }
  return std::nullopt;
}

Result<bool> EnrolDesk::IssuedBefore(const std::string& unit, const enroll::Enrolment& e) {
  if (e.key.spki_digest() == Digest{}) return false;  // a key that is to be made here
  BM_TRY(auto live, LiveIdentity(unit, e.slot));
  return live && live->spki == e.key.spki_digest();
}

Result<std::optional<ledger::IdentityRow>> EnrolDesk::IdentityBySerial(const Bytes& serial) {
  Result<std::optional<ledger::IdentityRow>> row =
      Internal("ledger.closed", "the ledger is closed");
  s_.queue.Run([&](ledger::LogWriter& log) { row = log.registry().IdentityBySerial(serial); });
  return row;
}

Result<Bytes> EnrolDesk::StoredCertificate(uint64_t seq) {
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  BM_TRY(ledger::Event event, reader->EventAt(seq));
  BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(event));
  return body.cert;
}

Status EnrolDesk::CheckMaker(const enroll::Enrolment& e, const plan::IdentitySlot& slot) const {
  auto state = Now();
  auto it = state->credentials.find(e.caller.id);
  if (it == state->credentials.end() || it->second.role != "silicon-maker") return {};
  if (slot.ca_option != plan::CaOption::kConnected)
    return NotAuthorised("a silicon maker enrols parts whose plan says ca-option connected");
  if (e.renewal) return NotAuthorised("a silicon maker certifies a part once");
  return {};
}

Status EnrolDesk::CheckReel(const enroll::Enrolment& e) {
  Result<std::optional<std::string>> reel = Internal("ledger.closed", "the ledger is closed");
  s_.queue.Run(
      [&](ledger::LogWriter& log) { reel = StoppedReelOf(log.registry(), e.key.spki_digest()); });
  if (!reel) return std::unexpected(reel.error());
  if (!*reel) return {};
  return NotAuthorised("the part is of reel " + **reel + ", which is in quarantine");
}

Result<EnrolDesk::Permit> EnrolDesk::Decide(const enroll::Enrolment& e, Product& product) {
  const plan::Product& p = product.plan.product;
  Permit permit{.serial = e.serial};
  switch (e.caller.kind) {
    case Caller::Kind::kNobody:
      return NotAuthorised("no certificate and no token was shown");
    case Caller::Kind::kToken: {
      std::lock_guard lock(mutex_);
      auto it = tokens_.find(e.caller.id);
      if (it == tokens_.end() || it->second.issued.product != p.id)
        return NotAuthorised("the token cannot be used here");
      if (it->second.issued.unit) {
        std::string bound = it->second.issued.unit->substr(p.id.size() + 1);
        if (!e.serial.empty() && e.serial != bound)
          return NotAuthorised("the token is for another unit");
        permit.serial = bound;
      }
      permit.by = "token:" + e.caller.id;
      break;
    }
    case Caller::Kind::kStation:
      permit.by = e.caller.id;
      break;
    case Caller::Kind::kPerson: {
      auto state = Now();
      auto it = state->credentials.find(e.caller.id);
      if (it == state->credentials.end() || it->second.role == "release")
        return NotAuthorised("this role does not enrol units");
      permit.by = e.caller.id;
      break;
    }
    case Caller::Kind::kDevice:
      // A device renews its own identity and nothing else.
      if (e.caller.id != p.id + "/" + e.serial)
        return NotAuthorised("a device enrols for itself alone");
      if (!e.renewal) return NotAuthorised("a device that has an identity renews it");
      permit.by = "self";
      break;
  }
  if (permit.serial.empty()) {
    return Refused("enroll.bad-request", "the request names no serial number",
                   "put the unit's serial number into the subject's serialNumber attribute");
  }
  if (p.serial_list || !plan::NumberOf(p.serial_pattern, permit.serial)) {
    return Refused("enroll.bad-request", "the serial number is not one of this product's",
                   "the plan's pattern is " + p.serial_pattern);
  }
  permit.unit = p.id + "/" + permit.serial;
  const plan::IdentitySlot* slot = SlotNamed(product.plan, e.slot);
  if (slot == nullptr) return Refused("enroll.bad-request", "the plan has no slot " + e.slot);
  if (e.caller.kind == Caller::Kind::kPerson) BM_CHECK(CheckMaker(e, *slot));
  if (slot->method == vocab::Method::kSapodilla) BM_CHECK(CheckReel(e));
  // Whoever is not at a station comes over a network, and the plan says whether identities may.
  bool over_network =
      e.caller.kind == Caller::Kind::kToken || e.caller.kind == Caller::Kind::kDevice;
  if (over_network && slot->transfer != vocab::Transfer::kNetworkTransferred) {
    return NotAuthorised(fmt::format("the plan has this identity {}, not network-transferred",
                                     vocab::ToText(slot->transfer)));
  }
  if (product.stopped)
    return Refused("enroll.wait", "the lot of " + p.id + " is stopped",
                   "look at the audit's findings, then release the lot");
  if (product.ca.empty()) return Refused("enroll.wait", product.why_not, "sign a successor");
  if (e.renewal) {
    BM_TRY(permit.replaced, LiveIdentity(permit.unit, e.slot));
    if (!permit.replaced)
      return Refused("enroll.unknown", "the unit has no identity in this slot to renew");
    // From the identity lock on there is no second key; an override exists only where the lock is
    // software, and a named maintainer makes it.
    if (permit.replaced->state == "confirmed-locked") {
      auto state = Now();
      auto who = state->credentials.find(e.caller.id);
      bool maintainer = e.caller.kind == Caller::Kind::kPerson && who != state->credentials.end() &&
                        who->second.role == "maintainer";
      if (slot->identity_lock == plan::Lock::kFuse || !maintainer) {
        return Refused("enroll.locked", "the unit's identity is locked",
                       slot->identity_lock == plan::Lock::kFuse
                           ? "a fuse cannot be undone: scrap the unit"
                           : "a maintainer can override it, by name");
      }
    }
    if (e.caller.kind == Caller::Kind::kDevice && e.caller.certificate &&
        e.caller.certificate->serial() != permit.replaced->serial)
      return NotAuthorised("this certificate was replaced already");
  }
  if (e.caller.kind == Caller::Kind::kToken) {
    // A client that lost the reply asks again with the same key; that is no second use.
    BM_TRY(bool again, IssuedBefore(permit.unit, e));
    if (!again) {
      BM_CHECK(ReserveToken(e.caller.id));
      permit.token = e.caller.id;
    }
  }
  return permit;
}

void EnrolDesk::Issue(const enroll::Enrolment& e, std::shared_ptr<Product> product, Permit permit,
                      std::optional<ledger::KeyOutside> outside,
                      std::function<void(Result<enroll::Granted>)> done) {
  auto fail = [this, token = permit.token, done](Error error) {
    if (token) ReleaseToken(*token);
    ++(error.code == "enroll.wait" ? counters_.waiting : counters_.refused);
    done(std::unexpected(std::move(error)));
  };
  Time now = s_.clock.Now();
  uint64_t count = ++product->issued;
  auto give_up = [&](Error error) {
    --product->issued;
    fail(std::move(error));
  };
  if ((product->max_count && count > *product->max_count) ||
      (product->issues_until && Millis(now) >= *product->issues_until)) {
    --product->issued;
    auto next = Succeed(product);
    if (!next) return fail(next.error());
    if ((*next)->ca.empty())
      return fail(Refused("enroll.wait", (*next)->why_not, "sign a successor").error());
    return Issue(e, std::move(*next), std::move(permit), std::move(outside), std::move(done));
  }
  auto stamp = NextStamp();
  if (!stamp) return give_up(stamp.error());
  pki::Unit unit{.serial_number = permit.serial,
                 .hardware_serial = AsBytes(permit.serial),
                 .key = e.key,
                 .not_after = std::nullopt};
  const plan::Lifetime& life = product->plan.IdentityPki()->end_entity.lifetime;
  if (!life.never) unit.not_after = stamp->at + life.duration;
  auto der = product->Sign(*stamp, unit, permit.policies);
  if (!der) return give_up(der.error());

  const plan::IdentitySlot* slot = SlotNamed(product->plan, e.slot);
  ledger::EventContext context = s_.context;
  context.plan = product->plan.digest;
  ledger::Submission events;
  auto add = [&](const auto& body) -> Status {
    BM_TRY(ledger::NewEvent prepared,
           ledger::Prepare(ledger::MakeEvent(context, now, "unit:" + permit.unit, body)));
    events.push_back(std::move(prepared));
    return {};
  };
  Status status = [&]() -> Status {
    if (permit.replaced) {
      BM_CHECK(add(ledger::IdentityState{.slot = e.slot,
                                         .unit = permit.unit,
                                         .state = "superseded",
                                         .reason = "renewed over " + e.via,
                                         .serial = permit.replaced->serial}));
    }
    if (permit.token) {
      BM_CHECK(add(ledger::TokenUsed{.id = *permit.token, .via = e.via, .unit = permit.unit}));
    }
    if (outside) BM_CHECK(add(*outside));
    if (permit.attested) BM_CHECK(add(*permit.attested));
    return add(ledger::IdentityIssued{
        .by = permit.by,
        .ca = product->ca,
        .via = e.via,
        .cert = *der,
        .slot = e.slot,
        .spki = e.key.spki_digest(),
        .unit = permit.unit,
        .proof = outside ? "made-by-us" : e.proof,
        .serial = Bytes(stamp->serial.bytes.begin(), stamp->serial.bytes.end()),
        .method = std::string(vocab::ToText(slot->method))});
  }();
  if (!status) return give_up(status.error());
  size_t place = events.size() - 1;
  auto submitted = std::chrono::steady_clock::now();
  s_.queue.Submit(std::move(events), [this, place, submitted, product, fail, done,
                                      token = permit.token, der = std::move(*der),
                                      asked = e](Result<ledger::Receipt> receipt) mutable {
    if (s_.commits != nullptr) s_.commits->Observe(std::chrono::steady_clock::now() - submitted);
    if (!receipt) {
      --product->issued;
      Error error = ProtocolError(receipt.error());
      if (receipt.error().code != "ledger.key-seen") return fail(std::move(error));
      return StopLot(*product, asked, line::KnownKey(asked.key), [fail, error] { fail(error); });
    }
    enroll::Granted granted{.certificate = std::move(der), .above = product->above};
    if (receipt->Existing(place)) {
      // A retry: the same key for the same unit gets the certificate it got before.
      --product->issued;
      auto stored = StoredCertificate(receipt->seqs[place]);
      if (!stored) return fail(stored.error());
      granted.certificate = std::move(*stored);
      granted.existed = true;
      ++counters_.existed;
    } else {
      ++counters_.granted;
    }
    done(std::move(granted));
  });
}

void EnrolDesk::StopLot(Product& product, const enroll::Enrolment& e, const audit::Hit& hit,
                        std::function<void()> then) {
  const std::string& id = product.plan.product.id;
  product.stopped = true;
  ledger::EventContext context = s_.context;
  context.plan = product.plan.digest;
  auto events = line::StopLot(context, s_.clock.Now(), id, id + "/" + e.serial, hit);
  // A stop that cannot be written still stops this server.
  if (!events) return then();
  s_.queue.Submit(std::move(*events),
                  [then = std::move(then)](Result<ledger::Receipt>) { then(); });
}

void EnrolDesk::Enrol(enroll::Enrolment e, std::function<void(Result<enroll::Granted>)> done) {
  auto product = ProductOf(e.product);
  if (!product) {
    ++counters_.refused;
    return done(std::unexpected(product.error()));
  }
  const plan::IdentitySlot* slot = SlotNamed((*product)->plan, e.slot);
  if (slot != nullptr && vocab::ToText(slot->algorithm) != crypto::ToText(e.key.algorithm())) {
    ++counters_.refused;
    return done(Refused("enroll.bad-request",
                        fmt::format("the plan wants a key of {}", vocab::ToText(slot->algorithm))));
  }
  if (auto hit = audit::CheckKey(e.key)) {
    ++counters_.refused;
    return StopLot(**product, e, *hit, [done, code = hit->code] {
      done(Refused("enroll.bad-request", "the key fails its audit: " + code,
                   "this key was made badly; make another with a good random source"));
    });
  }
  auto permit = Decide(e, **product);
  if (!permit) {
    ++(permit.error().code == "enroll.wait" ? counters_.waiting : counters_.refused);
    return done(std::unexpected(permit.error()));
  }
  if (auto ok = CheckAttestation(e, **product, *permit); !ok) {
    if (permit->token) ReleaseToken(*permit->token);
    ++counters_.refused;
    return done(std::unexpected(ok.error()));
  }
  Issue(e, *product, std::move(*permit), std::nullopt, std::move(done));
}

void EnrolDesk::EnrolServerKey(enroll::Enrolment e,
                               std::function<void(Result<enroll::GrantedKey>)> done) {
  auto refuse = [&](Error error) {
    ++(error.code == "enroll.wait" ? counters_.waiting : counters_.refused);
    done(std::unexpected(std::move(error)));
  };
  auto product = ProductOf(e.product);
  if (!product) return refuse(product.error());
  const plan::IdentitySlot* slot = SlotNamed((*product)->plan, e.slot);
  if (slot == nullptr || slot->method != vocab::Method::kBamboo) {
    return refuse(Refused("enroll.not-authorised", "the plan has devices make this key themselves",
                          "keys made here are method bamboo in the plan")
                      .error());
  }
  auto algorithm = ToCrypto(slot->algorithm);
  if (!algorithm) return refuse(algorithm.error());
  auto permit = Decide(e, **product);
  if (!permit) return refuse(permit.error());
  auto key = crypto::SoftwareSigner::Generate(*algorithm);
  auto pkcs8 = key ? (*key)->ToPkcs8() : Result<SecretBytes>(std::unexpected(key.error()));
  if (!pkcs8) {
    if (permit->token) ReleaseToken(*permit->token);
    return refuse(pkcs8.error());
  }
  e.key = (*key)->public_key();
  // Issued with the key still in memory; that it is gone is recorded when it is.
  const int64_t made = Millis(s_.clock.Now());
  ledger::KeyOutside outside{
      .spki = e.key.spki_digest(),
      .slot = e.slot,
      .unit = permit->unit,
      .places = {{.to = 0, .from = made, .form = "plain memory", .place = "server process"}},
      .destroyed = ""};
  auto secret = std::make_shared<SecretBytes>(std::move(*pkcs8));
  Issue(e, *product, std::move(*permit), outside,
        [this, outside, secret, via = e.via,
         done = std::move(done)](Result<enroll::Granted> granted) mutable {
          if (!granted) return done(std::unexpected(granted.error()));
          done(enroll::GrantedKey{std::move(*granted), CopyOf(std::move(outside), via),
                                  std::move(*secret)});
        });
}

std::shared_ptr<const void> EnrolDesk::CopyOf(ledger::KeyOutside life, std::string via) {
  const int64_t sent = Millis(s_.clock.Now());
  auto end = [this, life = std::move(life), via = std::move(via), sent](const int*) mutable {
    const Time now = s_.clock.Now();
    life.places.front().to = Millis(now);
    life.places.push_back(
        {.to = Millis(now), .from = sent, .form = "in transfer over " + via, .place = "wire"});
    life.destroyed = "memory wiped when the reply was sent; the TLS library's buffers are its own";
    auto event = ledger::Prepare(ledger::MakeEvent(s_.context, now, "unit:" + life.unit, life));
    if (!event) return;  // then the log says still that the key is there
    ledger::Submission events;
    events.push_back(std::move(*event));
    s_.queue.Submit(std::move(events), [](Result<ledger::Receipt>) {});
  };
  return std::shared_ptr<const int>(nullptr, std::move(end));
}

void EnrolDesk::Confirm(const std::string& via, const Caller&, const Bytes& serial, bool accepted,
                        std::function<void(Status)> done) {
  auto row = IdentityBySerial(serial);
  if (!row) return done(std::unexpected(row.error()));
  if (!*row) return done(Refused("enroll.unknown", "this certificate was not issued here"));
  // Only what was just issued moves; a confirmation that comes twice changes nothing.
  if ((*row)->state != "issued") return done({});
  ledger::IdentityState body{.slot = (*row)->slot,
                             .unit = (*row)->unit,
                             .state = accepted ? "installed" : "void",
                             .reason = accepted ? "confirmed over " + via : "refused over " + via,
                             .serial = (*row)->serial};
  auto event =
      ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + (*row)->unit, body));
  if (!event) return done(std::unexpected(event.error()));
  ledger::Submission events;
  events.push_back(std::move(*event));
  s_.queue.Submit(std::move(events), [this, done = std::move(done)](Result<ledger::Receipt> r) {
    if (!r) return done(std::unexpected(r.error()));
    ++counters_.confirmed;
    done({});
  });
}

void EnrolDesk::Revoke(enroll::Revocation r, std::function<void(Status)> done) {
  auto row = IdentityBySerial(r.serial);
  if (!row) return done(std::unexpected(row.error()));
  if (!*row) return done(Refused("enroll.unknown", "no such certificate was issued here"));
  auto refuse = [&](std::string why) {
    ++counters_.refused;
    done(NotAuthorised(std::move(why)));
  };
  switch (r.caller.kind) {
    case Caller::Kind::kDevice:
      if (!r.caller.certificate || r.caller.certificate->serial() != (*row)->serial)
        return refuse("a device revokes its own certificate alone");
      break;
    case Caller::Kind::kPerson: {
      auto state = Now();
      auto it = state->credentials.find(r.caller.id);
      if (it == state->credentials.end() ||
          (it->second.role != "administrator" && it->second.role != "maintainer"))
        return refuse("this role does not revoke");
      break;
    }
    default:
      return refuse("this caller may not revoke");
  }
  if (!ledger::IsLive((*row)->state))
    return done(Refused("enroll.unknown", "the certificate has ended already"));
  static constexpr const char* kReasons[] = {
      "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
      "superseded",    "cessationOfOperation", "certificateHold", "",
      "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
  bool known = r.reason >= 0 && r.reason < 11 && r.reason != 7;
  ledger::IdentityState body{
      .slot = (*row)->slot,
      .unit = (*row)->unit,
      .state = r.reason == 6 ? "held" : "revoked",
      .reason = fmt::format("{} over {} by {}", known ? kReasons[r.reason] : "unspecified", r.via,
                            r.caller.kind == Caller::Kind::kDevice ? "self" : r.caller.id),
      .serial = (*row)->serial};
  auto event =
      ledger::Prepare(ledger::MakeEvent(s_.context, s_.clock.Now(), "unit:" + (*row)->unit, body));
  if (!event) return done(std::unexpected(event.error()));
  ledger::Submission events;
  events.push_back(std::move(*event));
  s_.queue.Submit(std::move(events), [this, done = std::move(done)](Result<ledger::Receipt> x) {
    if (!x) return done(std::unexpected(x.error()));
    ++counters_.revoked;
    done({});
  });
}

std::vector<crypto::Certificate> EnrolDesk::Anchors() const {
  auto state = Now();
  std::vector<crypto::Certificate> all = state->device_roots;
  all.insert(all.end(), state->operations_roots.begin(), state->operations_roots.end());
  return all;
}

Result<std::unique_ptr<crypto::Signer>> EnrolDesk::OpenKey(const std::string& id) {
  std::lock_guard lock(keys_mutex_);
  return s_.keys.Open(id);
}

bool EnrolDesk::HasKey(const std::string& id) {
  std::lock_guard lock(keys_mutex_);
  return s_.keys.Facts(id).has_value();
}

Result<keystore::KeyFacts> EnrolDesk::CreateKey(const std::string& id, crypto::Algorithm a) {
  std::lock_guard lock(keys_mutex_);
  if (s_.keys.Facts(id)) BM_CHECK(s_.keys.Destroy(id));
  BM_TRY(auto made, s_.keys.Create(id, a));
  return s_.keys.Facts(id);
}

}  // namespace birthmark::app
