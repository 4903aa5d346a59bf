// SPDX-License-Identifier: Apache-2.0
// A small factory's log in memory, with real keys, certificates and proofs, for the tests of this
// room. Tests only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "answer/evaluate.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "ledger/event_codec.h"
#include "ledger/events.h"
#include "pki/issue.h"

namespace birthmark::answer::test {

using crypto::SoftwareSigner;

inline const Time kStart = *ParseTime("2026-11-01T08:00:00Z");
inline constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                         kDay = 24 * kHour;
inline constexpr const char* kWorkspace = "0193-test-workspace";

// PlanText is a plan of two sites; `more` is appended to it.
inline std::string PlanText(const std::string& more = "") {
  return R"(schema = 1
[product]
id = "bulb"
name = "Bulb"
manufacturer = "Acme"
hardware-variant = "a"
firmware = "1"
enterprise-number = 32473
serial-pattern = "B-{:04}"
[line]
steps = [
  { name = "first-stage-write", station = "burner", via = "mechanically-installed" },
  { name = "ship", station = "burner", to = "brno" },
  { name = "boot-anchor-write", station = "bench" },
  { name = "identity-provision", station = "bench" },
  { name = "identity-lock", station = "bench" },
  { name = "first-stage-lock", station = "bench" },
]
[[site]]
id = "taoyuan"
name = "Taoyuan"
country = "TW"
continent = "AS"
latitude = 24.9937
longitude = 121.3010
[[site]]
id = "brno"
name = "Brno"
country = "CZ"
continent = "EU"
latitude = 49.1951
longitude = 16.6068
[[station]]
id = "burner"
site = "taoyuan"
automated = true
link = "emulator"
[[station]]
id = "bench"
site = "brno"
automated = true
link = "emulator"
[[processor]]
id = "soc"
name = "SoC"
role = "main"
[[store]]
id = "mask-rom"
kind = "rom"
processor = "soc"
[[store]]
id = "fuses"
kind = "otp-fuse"
processor = "soc"
[[store]]
id = "private"
kind = "private-memory"
processor = "soc"
[[store]]
id = "nor-first"
kind = "spi-nor"
processor = "soc"
protected-by = "boot"
[[store]]
id = "nor-app"
kind = "spi-nor"
processor = "soc"
protected-by = "update"
[[stage]]
id = "boot-rom"
kind = "rom"
processor = "soc"
store = "mask-rom"
[[stage]]
id = "first"
kind = "first-stage"
processor = "soc"
store = "nor-first"
verified-by = "boot"
lock = "fuse"
[[stage]]
id = "app"
kind = "application"
processor = "soc"
store = "nor-app"
verified-by = "update"
[[anchor]]
id = "boot"
kinds = ["first-boot"]
file = "generated"
pki = "boot-pki"
form = "key-digest"
store = "fuses"
verifies = "first-stage"
levels = [2]
algorithms = ["ecdsa-p256"]
keeper = "boot desk"
[[anchor]]
id = "update"
kinds = ["software-update"]
file = "generated"
pki = "boot-pki"
form = "certificate"
store = "nor-first"
verifies = "application"
levels = [2]
[[anchor]]
id = "webpki"
kinds = ["webpki"]
file = "bundle.pem"
form = "pem-bundle"
store = "nor-app"
verifies = "tls-server"
keeper = "others"
third-party = true
practice-statement = "https://cps.example/"
[[identity]]
slot = "idevid"
method = "avocado"
transfer = "mechanically-transferred"
store = "private"
algorithm = "ecdsa-p256"
identity-lock = "fuse"
[[pki]]
id = "identity"
purpose = "identity"
end-entity = { lifetime = "never" }
[[pki.level]]
level = 1
name = "Root"
algorithm = "ecdsa-p256"
offline = true
lifetime = "never"
[[pki.level]]
level = 2
name = "Site CA {}"
algorithm = "ecdsa-p256"
lifetime = "never"
issuing-window = "P30D"
max-count = 50000
[[pki]]
id = "disclosure"
purpose = "disclosure"
end-entity = { name = "Disclosures", algorithm = "ecdsa-p256", lifetime = "P10Y" }
[[pki.level]]
level = 1
name = "Disclosure Root"
algorithm = "ecdsa-p256"
lifetime = "P30Y"
[[pki]]
id = "boot-pki"
purpose = "anchor"
end-entity = { name = "Boot Signer", algorithm = "ecdsa-p256", lifetime = "P3Y" }
[[pki.level]]
level = 1
name = "Boot Root"
algorithm = "ecdsa-p256"
offline = true
lifetime = "never"
)" + more;
}

// Ca is an authority with its key.
struct Ca {
  std::string id;
  std::unique_ptr<SoftwareSigner> key;
  crypto::Certificate certificate;
  std::unique_ptr<pki::Issuer> issuer;
};

// Person is somebody, or a station, with a credential.
struct Person {
  std::string pseudonym;
  std::unique_ptr<SoftwareSigner> key;
  crypto::Certificate certificate;
};

class TestLog : public ledger::EventSource {
 public:
  // A log with genesis and plan; `plan` empty: PlanText().
  explicit TestLog(std::string plan = "")
      : plan_text_(plan.empty() ? PlanText() : std::move(plan)) {
    Add(ledger::Genesis{.origin = "acme/factory",
                        .program = "test",
                        .workspace = kWorkspace,
                        .manufacturer = "Acme"});
    Add(ledger::PlanAdopted{.text = ToBytes(plan_text_),
                            .digest = crypto::Sha256(AsBytes(plan_text_)),
                            .product = "bulb"});
  }

  Status ForEach(const ledger::EventFn& fn) override {
    for (size_t i = 0; i < raw_.size(); ++i) {
      if (hidden_.contains(i)) continue;
      BM_TRY(ledger::Event e, ledger::ReadEvent(raw_[i]));
      BM_CHECK(fn(i, e, raw_[i]));
    }
    return {};
  }

  template <class B>
  size_t Add(const B& body, const std::string& actor = "birthmark") {
    ledger::EventContext context;
    context.actor = actor;
    ledger::Event e = ledger::MakeEvent(context, now_, "", body);
    e.recorded = Millis(now_);
    if (!island_.empty()) {
      ledger::EntryImported entry{
          .seq = raw_.size(), .entry = ledger::EncodeEvent(std::move(e)), .origin = island_};
      e = ledger::MakeEvent({}, now_, "", entry);
      e.recorded = Millis(now_);
    }
    raw_.push_back(ledger::EncodeEvent(std::move(e)));
    return raw_.size() - 1;
  }
  // From makes all that follows come from another log, by import; "" ends that.
  void From(std::string island) { island_ = std::move(island); }
  void At(int64_t ms_after_start) { now_ = kStart + std::chrono::milliseconds(ms_after_start); }
  Time now() const { return now_; }
  size_t size() const { return raw_.size(); }
  void Hide(size_t seq) { hidden_.insert(seq); }

  Ca MakeRoot(const std::string& id, const std::string& pki, std::string store = "file") {
    Ca ca{id, Key(), {}, nullptr};
    Add(ledger::KeyCreated{.id = id,
                           .spki = ca.key->public_key().spki_digest(),
                           .facts = {.local = true},
                           .store = std::move(store),
                           .offline = true,
                           .purpose = "ca",
                           .algorithm = "ecdsa-p256"});
    ca.certificate = *pki::SelfSign(*ca.key, pki::RootProfile(), pki::RehearsalMarks(), Stamp(),
                                    {.subject = *pki::Name::Make({{"CN", id}}), .path_len = 4});
    Record(ca, pki, id, 1);
    return ca;
  }
  Ca MakeSub(const std::string& id, const std::string& pki, const Ca& above, bool carried = true,
             uint32_t level = 2) {
    Ca ca{id, Key(), {}, nullptr};
    if (carried) {
      Add(ledger::RequestCarried{.ca = id, .action = "exported"});
      Add(ledger::RequestCarried{.ca = id, .action = "signed"});
    }
    ca.certificate =
        *pki::Issue(*above.issuer, pki::SubordinateProfile(), pki::RehearsalMarks(), Stamp(),
                    {.subject = *pki::Name::Make({{"CN", id}}),
                     .key = ca.key->public_key(),
                     .path_len = static_cast<int>(4 - level)});
    Record(ca, pki, above.id, level);
    return ca;
  }
  // Device issues one certificate; `forge` signs it with a key that is not the authority's.
  void Device(const Ca& ca, const std::string& unit, bool forge = false) {
    auto key = Key();
    auto certificate =
        *pki::Issue(*ca.issuer, pki::IDevIdProfile(), pki::RehearsalMarks(), Stamp(),
                    {.subject = *pki::Name::Make({{"O", "Acme"}, {"serialNumber", unit}}),
                     .key = key->public_key(),
                     .hardware = pki::HardwareModule{"1.3.6.1.4.1.32473.1.1", ToBytes(unit)}});
    Bytes der(certificate.der().begin(), certificate.der().end());
    if (forge) der[der.size() - 5] ^= 1;
    Add(ledger::IdentityIssued{.ca = ca.id,
                               .cert = der,
                               .slot = "idevid",
                               .spki = key->public_key().spki_digest(),
                               .unit = "bulb/" + unit,
                               .proof = "csr-signature",
                               .serial = certificate.serial(),
                               .method = "avocado"});
  }
  Person MakePerson(const Ca& operations, const std::string& pseudonym,
                    const std::string& kind = "person", const std::string& actor = "birthmark") {
    Person p{pseudonym, Key(), {}};
    const pki::Profile& profile = kind == "station" ? pki::StationProfile() : pki::PersonProfile();
    p.certificate = *pki::Issue(*operations.issuer, profile, pki::RehearsalMarks(), Stamp(),
                                {.subject = *pki::Name::Make({{"CN", pseudonym}}),
                                 .key = p.key->public_key(),
                                 .not_after = now_ + std::chrono::days(90)});
    Add(ledger::CredentialIssued{.cert =
                                     Bytes(p.certificate.der().begin(), p.certificate.der().end()),
                                 .kind = kind,
                                 .role = kind == "station" ? "station" : "operator",
                                 .pseudonym = pseudonym},
        actor);
    return p;
  }
  // Session opens one. `spoil` may change the event after its proof was made.
  std::string Session(const Person& p, const std::string& station,
                      const std::string& role = "operator",
                      const std::function<void(ledger::SessionOpened&)>& spoil = {}) {
    cbor::Map statement = {
        {"at", Millis(now_)}, {"role", role}, {"station", station}, {"workspace", kWorkspace}};
    cbor::CoseSigning what;
    what.headers.x5chain = {Bytes(p.certificate.der().begin(), p.certificate.der().end())};
    auto message = *cbor::SignCose(what, cbor::Encode(statement), *p.key);
    ledger::SessionOpened body{.id = "session-" + std::to_string(++sessions_),
                               .proof = cbor::EncodeCose(message),
                               .role = role,
                               .station = station,
                               .pseudonym = p.pseudonym};
    if (spoil) spoil(body);
    Add(body);
    return body.id;
  }
  // Visit is one station's work on a unit: these steps, all done now with this proof.
  ledger::UnitVisit Visit(const std::string& unit, const std::string& station,
                          std::vector<std::string> steps, std::vector<std::string> sessions = {},
                          const std::string& proof = "read-back") {
    ledger::UnitVisit v{.id = "visit",
                        .site = station == "burner" ? "taoyuan" : "brno",
                        .unit = "bulb/" + unit,
                        .steps = {},
                        .result = "good",
                        .station = station,
                        .sessions = std::move(sessions)};
    for (std::string& s : steps)
      v.steps.push_back(
          {.at = Millis(now_), .step = std::move(s), .proof = proof, .outcome = "done"});
    return v;
  }
  void Ship(std::vector<std::string> units, const std::string& from, const std::string& to,
            int64_t ms) {
    for (std::string& u : units) u = "bulb/" + u;
    Add(ledger::CustodyLeg{.to = to,
                           .from = from,
                           .units = std::move(units),
                           .arrived = Millis(now_) + ms,
                           .departed = Millis(now_),
                           .handover = "forwarder"});
  }

  std::vector<Answer> Answers(Options options = {}) {
    auto answers = Evaluate(*this, options);
    EXPECT_TRUE(answers) << (answers ? "" : answers.error().ToString());
    return answers ? std::move(*answers) : std::vector<Answer>();
  }
  Answer Get(const std::string& question, const std::string& subject = "device",
             Options options = {}) {
    for (Answer& a : Answers(options)) {
      if (a.question == question && a.subject == subject) return a;
    }
    ADD_FAILURE() << "no answer to " << question << " about " << subject;
    return {};
  }

 private:
  static std::unique_ptr<SoftwareSigner> Key() {
    return *SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  }
  pki::Stamp Stamp() {
    ManualClock clock(now_);
    return *pki::SerialSource(clock, rng_, now_).Next();
  }
  void Record(Ca& ca, const std::string& pki, const std::string& issuer, uint32_t level) {
    ca.issuer = std::make_unique<pki::Issuer>(*pki::Issuer::Make(ca.certificate, *ca.key));
    Add(ledger::CaCreated{.id = ca.id,
                          .pki = pki,
                          .cert = Bytes(ca.certificate.der().begin(), ca.certificate.der().end()),
                          .name = ca.id,
                          .level = level,
                          .issuer = issuer});
  }

  std::string plan_text_;
  Time now_ = kStart;
  SystemRng rng_;
  std::vector<Bytes> raw_;
  std::string island_;
  std::set<size_t> hidden_;
  int sessions_ = 0;
};

}  // namespace birthmark::answer::test
