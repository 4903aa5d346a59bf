// SPDX-License-Identifier: Apache-2.0
#include "enroll/test_desk.h"

#include <openssl/pem.h>

#include <cstdlib>
#include <fstream>

#include "pki/path.h"

namespace birthmark::enroll {
namespace {

using crypto::Algorithm;
using crypto::Certificate;
using crypto::SoftwareSigner;

constexpr char kHardwareType[] = "1.3.6.1.4.1.32473.2.7";
constexpr char kMasa[] = "masa.acme.example";
constexpr char kMud[] = "https://acme.example/mud/bulb.json";

// A registration authority's certificate: it signs replies, SCEP messages are encrypted to the RSA
// one. The uses are those of CMC's RA (RFC 6402 section 2.10) and of CMP's key generation authority
// (RFC 9480 section 2.2).
constexpr std::array<std::string_view, 2> kRaUses = {"1.3.6.1.5.5.7.3.28", "1.3.6.1.5.5.7.3.32"};
constexpr pki::Profile kEcRa{
    .id = "test-ra-ec", .title = "registration authority", .extended_key_usages = kRaUses};
constexpr pki::Profile kRsaRa{.id = "test-ra-rsa",
                              .title = "registration authority",
                              .key_usage = pki::kDigitalSignature | pki::kKeyEncipherment,
                              .extended_key_usages = kRaUses};

// A test without its PKI can say nothing.
template <class T>
T Must(Result<T> r) {
  if (!r) {
    std::fprintf(stderr, "test desk: %s\n", r.error().ToString().c_str());
    std::abort();
  }
  return std::move(*r);
}

pki::Name AcmeName(std::string cn) {
  return Must(pki::Name::Make({{"O", "Acme Light"}, {"CN", std::move(cn)}}));
}

std::unexpected<Error> NotAuthorised(std::string why) {
  return Refused("enroll.not-authorised", std::move(why));
}

}  // namespace

std::string TestDesk::Credential::CertificatePem() const {
  std::string out = certificate.ToPem();
  for (const Certificate& c : above) out += c.ToPem();
  return out;
}

std::string TestDesk::Credential::KeyPem() const {
  crypto::BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* p = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &p);
  return std::string(p, static_cast<size_t>(n));
}

void TestDesk::Credential::Write(const std::filesystem::path& dir, const std::string& name) const {
  std::ofstream(dir / (name + ".pem")) << CertificatePem();
  std::ofstream(dir / (name + ".key")) << KeyPem();
}

// The authorities began yesterday, so that certificates whose time is over fit below them.
TestDesk::TestDesk()
    : serials_(clock_, rng_, clock_.Now() - std::chrono::hours(48)),
      root_key_(Must(SoftwareSigner::Generate(Algorithm::kEcdsaP256))),
      sub_key_(Must(SoftwareSigner::Generate(Algorithm::kEcdsaP256))) {
  pki::Stamp first = Stamp(), second = Stamp();
  first.at -= std::chrono::hours(24);
  second.at -= std::chrono::hours(24);
  root_ = Must(pki::SelfSign(*root_key_, pki::RootProfile(), marks_, first,
                             {.subject = AcmeName("Acme Root R1"), .path_len = 1}));
  root_issuer_ = std::make_unique<pki::Issuer>(Must(pki::Issuer::Make(root_, *root_key_)));
  sub_ = Must(pki::Issue(
      *root_issuer_, pki::SubordinateProfile(), marks_, second,
      {.subject = AcmeName("Acme Site CA 1"), .key = sub_key_->public_key(), .path_len = 0}));
  sub_issuer_ = std::make_unique<pki::Issuer>(Must(pki::Issuer::Make(sub_, *sub_key_)));
  template_ =
      Must(pki::IssuerTemplate::Make(*sub_issuer_, pki::IDevIdProfile(), marks_,
                                     {.subject = Must(pki::Name::Make({{"O", "Acme Light"}})),
                                      .hardware_type = kHardwareType,
                                      .masa_url = kMasa,
                                      .mud_url = kMud}));
}

TestDesk::~TestDesk() = default;

pki::Stamp TestDesk::Stamp() {
  std::lock_guard lock(mutex_);
  return Must(serials_.Next());
}

void TestDesk::Run(std::function<void()> f) {
  if (later) {
    later(std::move(f));
  } else {
    f();
  }
}

void TestDesk::AddToken(const std::string& id, const std::string& secret,
                        const std::string& serial) {
  std::lock_guard lock(mutex_);
  tokens_[id] = {ToBytes(secret), serial};
}

TestDesk::Credential TestDesk::Make(const pki::Profile& profile, pki::Contents contents,
                                    pki::Stamp stamp) {
  auto key = Must(SoftwareSigner::Generate(Algorithm::kEcdsaP256));
  contents.key = key->public_key();
  EVP_PKEY_up_ref(key->evp());
  return {Must(pki::Issue(*sub_issuer_, profile, marks_, stamp, contents)),
          crypto::EvpKeyPtr(key->evp()),
          {sub_}};
}

TestDesk::Credential TestDesk::Named(const pki::Profile& profile, const std::string& pseudonym,
                                     Caller::Kind kind) {
  Credential c = Make(profile, {.subject = AcmeName(pseudonym)}, Stamp());
  std::lock_guard lock(mutex_);
  known_[c.certificate.serial()] = {kind, pseudonym, std::nullopt};
  return c;
}

TestDesk::Credential TestDesk::Station(const std::string& pseudonym) {
  return Named(pki::StationProfile(), pseudonym, Caller::Kind::kStation);
}

TestDesk::Credential TestDesk::Agreeing(const std::string& pseudonym) {
  pki::Profile profile = pki::StationProfile();
  profile.key_usage |= pki::kKeyAgreement;
  return Named(profile, pseudonym, Caller::Kind::kStation);
}

TestDesk::Credential TestDesk::Person(const std::string& pseudonym) {
  return Named(pki::PersonProfile(), pseudonym, Caller::Kind::kPerson);
}

TestDesk::Credential TestDesk::Expired(const std::string& pseudonym) {
  pki::Stamp stamp = Stamp();
  stamp.at -= std::chrono::hours(2);
  Credential c =
      Make(pki::StationProfile(),
           {.subject = AcmeName(pseudonym), .not_after = stamp.at + std::chrono::hours(1)}, stamp);
  std::lock_guard lock(mutex_);
  known_[c.certificate.serial()] = {Caller::Kind::kStation, pseudonym, std::nullopt};
  return c;
}

TestDesk::Credential TestDesk::Foreign(const std::string& pseudonym) {
  if (!foreign_) foreign_ = std::make_unique<TestDesk>();
  return foreign_->Station(pseudonym);
}

TestDesk::Credential TestDesk::TlsServer(const std::string& dns) {
  return Make(pki::TlsServerProfile(),
              {.subject = AcmeName("Acme enrolment"), .dns_names = {"localhost", dns}}, Stamp());
}

TestDesk::Credential TestDesk::Device(const std::string& serial) {
  auto key = Must(SoftwareSigner::Generate(Algorithm::kEcdsaP256));
  EVP_PKEY_up_ref(key->evp());
  Enrolment e;
  e.product = products.front();
  e.caller = {Caller::Kind::kStation, "test", std::nullopt};
  e.serial = serial;
  e.key = key->public_key();
  return {Must(Certificate::FromDer(Must(Issue(e)).certificate)),
          crypto::EvpKeyPtr(key->evp()),
          {sub_}};
}

Result<std::string> TestDesk::Product(const std::string& label) const {
  if (label.empty() && products.size() == 1) return products.front();
  for (const std::string& p : products) {
    if (p == label) return p;
  }
  return Refused("enroll.bad-request", "there is no product \"" + label + "\"");
}

// Who may have what; gives the unit's serial number. The caller holds the mutex.
Result<std::string> TestDesk::Decide(const Enrolment& e, const std::string& product) {
  std::string serial = e.serial;
  switch (e.caller.kind) {
    case Caller::Kind::kNobody:
    case Caller::Kind::kPerson:
      return NotAuthorised("this caller may not enrol a unit");
    case Caller::Kind::kStation:
      break;
    case Caller::Kind::kToken: {
      auto token = tokens_.find(e.caller.id);
      if (token == tokens_.end()) return NotAuthorised("the token is not valid");
      const std::string& bound = token->second.second;
      if (!bound.empty() && !serial.empty() && bound != serial) {
        return NotAuthorised("the token is of another unit");
      }
      if (!bound.empty()) serial = bound;
      break;
    }
    case Caller::Kind::kDevice:
      if (e.caller.id != product + "/" + serial) {
        return NotAuthorised("a device enrols for itself alone");
      }
      if (!e.renewal) return Refused("enroll.locked", "this unit has its identity");
      break;
  }
  if (serial.empty()) return Refused("enroll.bad-request", "the request names no serial number");
  BM_CHECK(pki::CheckSerialAttribute(serial));
  return serial;
}

Result<Granted> TestDesk::Issue(const Enrolment& e) {
  std::unique_lock lock(mutex_);
  if (remember) enrolments.push_back(e);
  BM_TRY(std::string product, Product(e.product));
  BM_TRY(std::string serial, Decide(e, product));
  if (refusal) return std::unexpected(*refusal);
  const std::string slot = product + "/" + serial + "/" + e.slot;
  auto unit = units_.find(slot);
  if (unit != units_.end()) {
    if (unit->second.key == e.key.spki_digest()) {
      return Granted{unit->second.certificate, {Bytes(sub_.der().begin(), sub_.der().end())}, true};
    }
    if (!e.renewal) return Refused("enroll.locked", "this unit has another key already");
  }
  if (wait > 0) {
    --wait;
    return Refused("enroll.wait", "come again later");
  }
  BM_TRY(pki::Stamp stamp, serials_.Next());
  lock.unlock();
  BM_TRY(Bytes der, template_->Issue(stamp, {serial, AsBytes(serial), e.key, {}}, *sub_key_));
  if (remember) {
    lock.lock();
    const Bytes number(stamp.serial.bytes.begin(), stamp.serial.bytes.end());
    units_[slot] = {e.key.spki_digest(), number, der};
    known_[number] = {Caller::Kind::kDevice, product + "/" + serial, std::nullopt};
  }
  return Granted{std::move(der), {Bytes(sub_.der().begin(), sub_.der().end())}, false};
}

void TestDesk::Enrol(Enrolment e, std::function<void(Result<Granted>)> done) {
  Run([this, e = std::move(e), done = std::move(done)] { done(Issue(e)); });
}

void TestDesk::EnrolServerKey(Enrolment e, std::function<void(Result<GrantedKey>)> done) {
  Run([this, e = std::move(e), done = std::move(done)]() mutable {
    auto make = [&]() -> Result<GrantedKey> {
      BM_TRY(auto key, SoftwareSigner::Generate(Algorithm::kEcdsaP256));
      e.key = key->public_key();
      BM_TRY(Granted granted, Issue(e));
      BM_TRY(SecretBytes pkcs8, key->ToPkcs8());
      return GrantedKey{std::move(granted), nullptr, std::move(pkcs8)};
    };
    done(make());
  });
}

void TestDesk::Confirm(const std::string&, const Caller&, const Bytes& serial, bool accepted,
                       std::function<void(Status)> done) {
  Run([this, serial, accepted, done = std::move(done)] {
    std::unique_lock lock(mutex_);
    auto who = known_.find(serial);
    if (who == known_.end()) {
      lock.unlock();
      return done(Refused("enroll.unknown", "no such certificate"));
    }
    (accepted ? confirmed : declined).push_back(serial);
    if (!accepted) {
      std::erase_if(units_, [&](const auto& u) { return u.second.serial == serial; });
      known_.erase(who);
      revoked_.insert(serial);
    }
    lock.unlock();
    done({});
  });
}

void TestDesk::Revoke(Revocation r, std::function<void(Status)> done) {
  Run([this, r = std::move(r), done = std::move(done)] {
    auto decide = [&]() -> Status {
      std::lock_guard lock(mutex_);
      auto owner = known_.find(r.serial);
      if (owner == known_.end()) return Refused("enroll.unknown", "no such certificate");
      const bool own = r.caller.kind == Caller::Kind::kDevice && r.caller.id == owner->second.id;
      if (!own && r.caller.kind != Caller::Kind::kPerson) {
        return NotAuthorised("this caller may not revoke that certificate");
      }
      revoked_.insert(r.serial);
      revocations.push_back(r);
      return {};
    };
    done(decide());
  });
}

Result<Authorities> TestDesk::AuthoritiesOf(const std::string& product) {
  BM_CHECK(Product(product));
  return Authorities{
      sub_,
      {Bytes(sub_.der().begin(), sub_.der().end()), Bytes(root_.der().begin(), root_.der().end())}};
}

Result<RequestTemplate> TestDesk::TemplateOf(const std::string& product, const Caller& caller) {
  BM_TRY(std::string id, Product(product));
  RequestTemplate t{"ecdsa-p256", "Acme Light", "", kHardwareType, kMasa, kMud};
  if (caller.kind == Caller::Kind::kDevice) t.serial_number = caller.id.substr(id.size() + 1);
  if (caller.kind == Caller::Kind::kToken) {
    std::lock_guard lock(mutex_);
    auto token = tokens_.find(caller.id);
    if (token != tokens_.end()) t.serial_number = token->second.second;
  }
  return t;
}

Result<SecretBytes> TestDesk::TokenSecret(const std::string& id) {
  std::lock_guard lock(mutex_);
  auto token = tokens_.find(id);
  if (token == tokens_.end()) return NotAuthorised("the token is not valid");
  return SecretBytes::Take(Bytes(token->second.first));
}

Result<Caller> TestDesk::CallerOf(const Certificate& c, const std::vector<Certificate>& others) {
  ++callers;
  std::vector<Certificate> between = others;
  between.push_back(sub_);
  auto path = pki::BuildPath(c, between, std::array{root_}, clock_.Now(), pki::Purpose::kDevice);
  if (!path) return NotAuthorised(path.error().message);
  std::lock_guard lock(mutex_);
  if (revoked_.contains(c.serial())) return NotAuthorised("the certificate is revoked");
  auto who = known_.find(c.serial());
  if (who == known_.end()) return NotAuthorised("the certificate is nobody's we know");
  Caller caller = who->second;
  caller.certificate = c;
  return caller;
}

Result<Ra> TestDesk::EcRa(const std::string& product) {
  BM_CHECK(Product(product));
  if (!ec_ra_) ec_ra_ = Make(kEcRa, {.subject = AcmeName("Acme RA")}, Stamp());
  return Ra{ec_ra_->certificate, ec_ra_->key.get()};
}

Result<Ra> TestDesk::RsaRa(const std::string& product) {
  BM_CHECK(Product(product));
  if (!rsa_ra_) {
    auto key = Must(SoftwareSigner::Generate(Algorithm::kRsa2048));
    EVP_PKEY_up_ref(key->evp());
    rsa_ra_ = Credential{
        Must(pki::Issue(*sub_issuer_, kRsaRa, marks_, Stamp(),
                        {.subject = AcmeName("Acme SCEP RA"), .key = key->public_key()})),
        crypto::EvpKeyPtr(key->evp()),
        {sub_}};
  }
  return Ra{rsa_ra_->certificate, rsa_ra_->key.get()};
}

std::optional<Certificate> TestDesk::Live(const std::string& serial, const std::string& slot) {
  std::lock_guard lock(mutex_);
  auto unit = units_.find(products.front() + "/" + serial + "/" + slot);
  if (unit == units_.end()) return std::nullopt;
  return Must(Certificate::FromDer(unit->second.certificate));
}

}  // namespace birthmark::enroll
