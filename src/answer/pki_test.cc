// SPDX-License-Identifier: Apache-2.0
// The questions about identity PKIs and anchors.
#include <gtest/gtest.h>

#include "anchors/facts.h"
#include "anchors/trial_spec.h"
#include "answer/test_log.h"
#include "answer/value.h"
#include "ceremony/record.h"
#include "ledger/events_anchors.h"
#include "ledger/events_artifact.h"
#include "ledger/events_revocation.h"

namespace birthmark::answer {
namespace {

using anchors::Varies;
using test::Ca;
using test::kDay;
using test::TestLog;

constexpr const char* kIdentity = "identity-pki:identity";

bool PkiSays(const std::vector<std::string>& lines, const std::string& words) {
  for (const std::string& l : lines) {
    if (l.find(words) != std::string::npos) return true;
  }
  return false;
}

TEST(IdentityPkiLevel, RootSubordinateAndDeviceIsThree) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
  log.Device(sub, "B-1");
  Answer a = log.Get("identity-pki-level", kIdentity);
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value(3));
  EXPECT_FALSE(a.differs);
  EXPECT_TRUE(a.measured->exclusions.empty());
}

TEST(IdentityPkiLevel, TheDeepestCertificateDecides) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
  Ca deep = log.MakeSub("deep-1", "identity", sub, true, 3);
  log.Device(sub, "B-1");
  log.Device(deep, "B-2");
  Answer a = log.Get("identity-pki-level", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value(4));
  EXPECT_TRUE(a.differs);
}

TEST(IdentityPkiLevel, ALevelTheEventStatesIsNotBelieved) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity");
  Ca sub = log.MakeSub("site-1", "identity", root, true, 2);
  // The event calls it level 7, the certificate's path says 2.
  log.Add(
      ledger::CaCreated{.id = "site-1",
                        .pki = "identity",
                        .cert = Bytes(sub.certificate.der().begin(), sub.certificate.der().end()),
                        .name = "site-1",
                        .level = 7,
                        .issuer = "root"});
  log.Device(sub, "B-1");
  EXPECT_EQ(log.Get("identity-pki-level", kIdentity).measured->value, cbor::Value(3));
}

TEST(IdentityPkiLevel, ForgedCertificatesAndAuthoritiesAreExcluded) {
  TestLog log, other;
  Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
  Ca foreign_root = other.MakeRoot("root", "identity"),
     foreign = other.MakeSub("site-2", "identity", foreign_root);
  log.Add(ledger::CaCreated{
      .id = "site-2",
      .pki = "identity",
      .cert = Bytes(foreign.certificate.der().begin(), foreign.certificate.der().end()),
      .name = "site-2",
      .level = 2,
      .issuer = "root"});
  log.Device(sub, "B-1");
  log.Device(sub, "B-2", true);
  Answer a = log.Get("identity-pki-level", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value(3));
  EXPECT_TRUE(PkiSays(a.measured->exclusions, "path does not hold: 1"));
  EXPECT_TRUE(PkiSays(a.measured->exclusions, "site-2"));
}

TEST(IdentityPkiLevel, ACertificateThatIsNotTheEventsKeyIsExcluded) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
  log.Device(sub, "B-1");
  log.Add(ledger::IdentityIssued{
      .ca = "site-1",
      .cert = Bytes(sub.certificate.der().begin(), sub.certificate.der().end()),
      .slot = "idevid",
      .unit = "bulb/B-2"});
  EXPECT_TRUE(
      PkiSays(log.Get("identity-pki-level", kIdentity).measured->exclusions, "does not hold: 1"));
}

TEST(IdentityPkiLevel, BeyondTheLimitSignaturesAreSampled) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
  for (int i = 0; i < 4; ++i) log.Device(sub, "B-" + std::to_string(i));
  EXPECT_TRUE(PkiSays(log.Get("identity-pki-level", kIdentity, {.check_all = 1}).measured->notes,
                      "sample"));
}

TEST(IdentityTimeLimits, IsFromFirstIssueToTheSuccessorsFirst) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity");
  Ca one = log.MakeSub("site-1", "identity", root);
  log.Device(one, "B-1");
  Answer a = log.Get("identity-time-limits-per-subordinate", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value("PT0S"));
  EXPECT_TRUE(PkiSays(a.measured->notes, "still issuing"));
  log.At(20 * kDay);
  log.Device(one, "B-2");
  log.At(40 * kDay);
  Ca two = log.MakeSub("site-2", "identity", root);
  log.Device(two, "B-3");
  a = log.Get("identity-time-limits-per-subordinate", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value("P40D"));
  EXPECT_EQ(a.declared->value, cbor::Value("P30D"));
  EXPECT_TRUE(a.differs);
}

TEST(IdentityTimeLimits, TheSameKeyCertifiedAgainIsNoSuccessor) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity");
  Ca one = log.MakeSub("site-1", "identity", root);
  log.Device(one, "B-1");
  log.At(20 * kDay);
  log.Add(
      ledger::CaCreated{.id = "site-1b",
                        .pki = "identity",
                        .cert = Bytes(one.certificate.der().begin(), one.certificate.der().end()),
                        .name = "site-1",
                        .level = 2,
                        .issuer = "root"});
  one.id = "site-1b";
  log.Device(one, "B-2");
  Answer a = log.Get("identity-time-limits-per-subordinate", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value("P20D"));
  EXPECT_TRUE(PkiSays(a.measured->notes, "keys seen: 1"));
}

TEST(IdentityTimeLimits, SuccessorsSignedAheadCountFromTheirTurn) {
  TestLog log(test::PlanText("[publication]\nexact-counts = true\n"));
  Ca root = log.MakeRoot("root", "identity");
  Ca one = log.MakeSub("site-1", "identity", root);
  Ca two = log.MakeSub("site-2", "identity", root), three = log.MakeSub("site-3", "identity", root);
  for (const Ca* c : {&two, &three})
    log.Add(ledger::CaState{
        .id = c->id, .state = "waiting", .until = std::nullopt, .reason = "signed ahead"});
  auto turn = [&](const Ca& over, const Ca& next, const char* why) {
    log.Add(
        ledger::CaState{.id = over.id, .state = "retired", .until = std::nullopt, .reason = why});
    log.Add(ledger::CaState{
        .id = next.id, .state = "active", .until = std::nullopt, .reason = "takes over"});
  };
  int unit = 0;
  auto issue = [&](Ca& by, int n) {
    for (int i = 0; i < n; ++i) log.Device(by, "B-" + std::to_string(++unit));
  };
  issue(one, 3);
  log.At(10 * kDay);
  turn(one, two, "count");
  issue(two, 2);
  log.At(25 * kDay);
  turn(two, three, "time");
  issue(three, 1);
  Answer a = log.Get("identity-time-limits-per-subordinate", kIdentity);
  EXPECT_EQ(a.measured->value, cbor::Value("P15D"));
  EXPECT_TRUE(PkiSays(a.measured->notes, "keys seen: 3"));
  EXPECT_EQ(log.Get("identity-number-per-subordinate", kIdentity).measured->value, cbor::Value(3));
}

TEST(IdentityNumberPerSubordinate, IsABucketUnlessThePlanTellsExactCounts) {
  for (bool exact : {false, true}) {
    TestLog log(test::PlanText(exact ? "[publication]\nexact-counts = true\n" : ""));
    Ca root = log.MakeRoot("root", "identity"), sub = log.MakeSub("site-1", "identity", root);
    for (int i = 0; i < 11; ++i) log.Device(sub, "B-" + std::to_string(i));
    Answer a = log.Get("identity-number-per-subordinate", kIdentity);
    EXPECT_EQ(a.measured->value, exact ? cbor::Value(11) : cbor::Value("<= 100"));
    EXPECT_EQ(a.rounding, exact ? "exact" : "bucket: powers of ten");
    EXPECT_FALSE(a.differs);
  }
}

TEST(IdentityAnchorStorage, OfflineShowsInCarriedRequests) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity");
  log.At(3 * kDay);
  log.MakeSub("site-1", "identity", root);
  Answer a = log.Get("identity-anchor-storage", kIdentity);
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(*a.measured->value.Find("class"), cbor::Value("software"));
  EXPECT_EQ(*a.measured->value.Find("online"), cbor::Value(false));
  EXPECT_EQ(*a.measured->value.Find("days-used"), cbor::Value(2));
  EXPECT_EQ(*a.measured->value.Find("uses"), cbor::Value("<= 10"));
  EXPECT_EQ(a.measured->method, "identity-anchor-storage/2");
  // What an earlier release disclosed of the same log stays recomputable.
  ASSERT_EQ(a.earlier.size(), 1u);
  EXPECT_EQ(a.earlier.front().method, "identity-anchor-storage/1");
  EXPECT_EQ(a.earlier.front().value.Find("uses"), nullptr);
  EXPECT_EQ(a.earlier.front().evidence.events, a.measured->evidence.events);
  log.MakeSub("site-2", "identity", root, false);
  EXPECT_EQ(*log.Get("identity-anchor-storage", kIdentity).measured->value.Find("online"),
            cbor::Value(true));
}

TEST(IdentitySplit, ARootThatIsNotSplitIsNotApplicable) {
  TestLog log;
  log.MakeRoot("root", "identity");
  for (const char* q : {"identity-shared-split-extra", "identity-shared-split-continents"}) {
    Answer a = log.Get(q, "share-set:identity");
    EXPECT_EQ(a.state, "not-applicable");
    EXPECT_EQ(a.why, "root is not split");
  }
}

TEST(IdentitySplit, AThresholdRootIsLeftToItsCeremonies) {
  TestLog log;
  log.MakeRoot("root", "identity", "frost");
  EXPECT_EQ(log.Get("identity-shared-split-extra", "share-set:identity").state, "not-answered");
}

// Attest adds what a sealed log says of the split of `root`; `vouched` is the key that the root
// vouches for, `by` the one that signs.
void Attest(TestLog& log, const Ca& root, ledger::SplitStatement said,
            crypto::SoftwareSigner& vouched, crypto::SoftwareSigner& by) {
  said.at = Millis(log.now());
  said.ceremony = "0193-ceremony";
  Bytes key(vouched.public_key().spki().begin(), vouched.public_key().spki().end());
  ceremony::Endorsement endorsement{.at = said.at,
                                    .key = root.id,
                                    .log = {.key = key, .origin = "acme/custody"},
                                    .spki = root.key->public_key().spki_digest()};
  log.Add(
      ledger::CeremonyAttested{.log_key = key,
                               .statement = *ceremony::SignStatement(said, by),
                               .endorsement = *ceremony::SignEndorsement(endorsement, *root.key)});
}

TEST(IdentitySplit, WhatACeremonyAttestsIsTakenAndTheNewestHolds) {
  TestLog log;
  Ca root = log.MakeRoot("root", "identity", "split");
  auto custody = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  Attest(log, root, {.set = "root", .use = "recover", .extra = 3, .continents = 1}, *custody,
         *custody);
  log.At(400 * kDay);
  Attest(log, root, {.set = "root", .use = "recover", .extra = 2, .continents = 0}, *custody,
         *custody);
  Attest(log, root, {.set = "root", .use = "use", .extra = 9, .continents = 7}, *custody, *custody);
  const Answer extra = log.Get("identity-shared-split-extra", "share-set:identity");
  ASSERT_TRUE(extra.measured) << extra.why.value_or("");
  EXPECT_EQ(extra.measured->basis, "attested");
  EXPECT_EQ(extra.measured->value, cbor::Value(2));
  EXPECT_EQ(log.Get("identity-shared-split-continents", "share-set:identity").measured->value,
            cbor::Value(0));
}

TEST(IdentitySplit, AStatementThatTheRootDoesNotVouchForIsNoAnswer) {
  auto custody = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  auto stranger = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  const ledger::SplitStatement said{.set = "root", .use = "recover", .extra = 3, .continents = 1};
  {
    TestLog log;
    Ca root = log.MakeRoot("root", "identity", "split");
    Attest(log, root, said, *custody, *stranger);  // signed by another than the one vouched for
    EXPECT_EQ(log.Get("identity-shared-split-extra", "share-set:identity").state, "not-answered");
  }
  TestLog log;
  Ca root = log.MakeRoot("root", "identity", "split");
  Ca other = log.MakeRoot("other", "disclosure", "split");
  Attest(log, other, said, *custody, *custody);  // vouched for by another root
  EXPECT_EQ(log.Get("identity-shared-split-extra", "share-set:identity").state, "not-answered");
}

// Anchors.

struct Object {
  Varies varies;
  uint32_t level;
  std::string algorithm;
  bool accepted;
};

void Try(TestLog& log, const std::string& anchor, const std::vector<Object>& objects) {
  std::vector<cbor::Value> results;
  for (const Object& o : objects) {
    anchors::TrialResult r;
    r.spec = {.id = fmt::format("{}/{}-{}-{}", anchor, ToText(o.varies), o.level, o.algorithm),
              .level = o.level,
              .anchor = anchor,
              .varies = o.varies,
              .tampered = o.varies == Varies::kSignature,
              .algorithm = o.algorithm,
              .right_key = o.varies != Varies::kAnchorKey};
    r.accepted = o.accepted;
    results.push_back(cbor::ToValue(r));
  }
  log.Add(ledger::TrialsRun{
      .unit = "bulb/B-0", .anchor = anchor, .results = results, .verifier = "core 1"});
}

std::vector<Object> GoodTrials() {
  return {{Varies::kNothing, 2, "ecdsa-p256-sha256", true},
          {Varies::kLevel, 1, "ecdsa-p256-sha256", false},
          {Varies::kLevel, 3, "ecdsa-p256-sha256", false},
          {Varies::kAlgorithm, 2, "rsa-2048-pkcs1-sha1", false},
          {Varies::kAlgorithm, 2, "ecdsa-p384-sha384", true},
          {Varies::kEku, 2, "ecdsa-p256-sha256", false},
          {Varies::kSubject, 2, "ecdsa-p256-sha256", true},
          {Varies::kSignature, 2, "ecdsa-p256-sha256", false},
          {Varies::kAnchorKey, 2, "ecdsa-p256-sha256", false}};
}

TEST(AnchorTrials, AnswerLevelAlgorithmsLockAndPolicy) {
  TestLog log;
  Try(log, "boot", GoodTrials());
  Answer level = log.Get("pki-level", "anchor:boot");
  ASSERT_TRUE(level.measured);
  EXPECT_EQ(level.measured->value, cbor::Value(2));
  EXPECT_EQ(level.measured->verifier, "core 1");
  EXPECT_FALSE(level.differs);
  EXPECT_EQ(log.Get("pki-level-locked", "anchor:boot").measured->value, cbor::Value(true));
  Answer algorithms = log.Get("pki-algorithms", "anchor:boot");
  EXPECT_EQ(algorithms.measured->value, Set({"ecdsa-p256", "ecdsa-p384"}));
  EXPECT_TRUE(algorithms.differs);  // the plan has P-256 alone
  EXPECT_TRUE(PkiSays(algorithms.measured->notes, "rsa-2048-pkcs1-sha1"));
  Answer policy = log.Get("pki-lock-policy", "anchor:boot");
  EXPECT_EQ(policy.measured->value, Set({"eku"}));
  EXPECT_TRUE(policy.differs);
  EXPECT_FALSE(log.Get("pki-level", "anchor:update").measured);
}

TEST(AnchorTrials, UnsoundTrialsAnswerNothing) {
  TestLog log;
  std::vector<Object> objects = GoodTrials();
  objects.back().accepted = true;  // the forger's
  Try(log, "boot", objects);
  for (const char* q : {"pki-level", "pki-algorithms", "pki-level-locked", "pki-lock-policy"}) {
    EXPECT_FALSE(log.Get(q, "anchor:boot").measured) << q;
  }
}

TEST(PkiLevel, IsTheDeepestReallySignedThatTheDeviceDoesNotRefuse) {
  auto sign = [](TestLog& log, uint32_t level, const std::string& product = "bulb") {
    log.Add(ledger::ArtifactSigned{
        .how = "online", .kind = "update", .level = level, .anchor = "boot", .product = product});
  };
  TestLog log;
  EXPECT_FALSE(log.Get("pki-level", "anchor:boot").measured);
  sign(log, 4, "another");
  EXPECT_FALSE(log.Get("pki-level", "anchor:boot").measured);
  sign(log, 2);
  Answer signed_only = log.Get("pki-level", "anchor:boot");
  EXPECT_EQ(signed_only.measured->value, cbor::Value(2));
  EXPECT_FALSE(signed_only.measured->verifier);
  EXPECT_TRUE(PkiSays(signed_only.measured->notes, "not offered to a device"));
  Try(log, "boot", GoodTrials());  // takes level 2 alone
  sign(log, 3);
  Answer a = log.Get("pki-level", "anchor:boot");
  EXPECT_EQ(a.measured->value, cbor::Value(2));
  EXPECT_EQ(a.measured->method, "pki-level/2");
  EXPECT_EQ(a.measured->verifier, "core 1");
  EXPECT_TRUE(PkiSays(a.measured->exclusions, "level 3: 1 signed, and the device refuses it"));
  // Release 0.1's disclosures had trials alone.
  ASSERT_EQ(a.earlier.size(), 1u);
  EXPECT_EQ(a.earlier[0].method, "pki-level/1");
  EXPECT_EQ(a.earlier[0].value, cbor::Value(2));
}

TEST(PkiLevel, ReleasedImagesCountForWhatVerifiesThem) {
  TestLog log;
  log.Add(ledger::ImageReleased{.stage = "first-stage", .signer_level = 0});
  EXPECT_FALSE(log.Get("pki-level", "anchor:boot").measured);
  log.Add(ledger::ImageReleased{.stage = "first-stage", .signer_level = 2});
  EXPECT_EQ(log.Get("pki-level", "anchor:boot").measured->value, cbor::Value(2));
  EXPECT_FALSE(log.Get("pki-level", "anchor:update").measured);
}

TEST(PkiLifespan, TellsHowItWasReplaced) {
  TestLog log;
  auto read = [&] {
    log.Add(ledger::AnchorRead{.kind = "first-boot",
                               .facts = cbor::ToValue(anchors::AnchorFacts{.entries = {{}}}),
                               .anchor = "boot"});
  };
  auto replaced = [&](const char* means) {
    log.Add(ledger::AnchorReplaced{.means = means, .anchor = "boot"});
  };
  read();
  Answer before = log.Get("pki-lifespan", "anchor:boot");
  EXPECT_TRUE(PkiSays(before.measured->notes, "no replacement is on record"));
  EXPECT_EQ(before.earlier[0].method, "pki-lifespan/1");
  EXPECT_EQ(before.earlier[0].value, before.measured->value);
  log.At(100 * kDay);
  replaced("new-plan");
  Answer made = log.Get("pki-lifespan", "anchor:boot");
  EXPECT_EQ(*made.measured->value.Find("interval"), cbor::Value("P100D"));
  EXPECT_EQ(made.measured->value.Find("means"), nullptr);  // no device that is out was changed
  EXPECT_TRUE(PkiSays(made.measured->notes, "1 of them by a new version of the plan"));
  log.At(120 * kDay);
  replaced("rfc5011");
  Answer out = log.Get("pki-lifespan", "anchor:boot");
  EXPECT_EQ(*out.measured->value.Find("means"), cbor::Value("rfc-5011"));
  EXPECT_EQ(*out.measured->value.Find("interval"), cbor::Value("P100D"));
  auto lifespan = [](const char* interval) {
    return cbor::Value(cbor::Map{{"interval", interval}});
  };
  EXPECT_TRUE(Differ("pki-lifespan", lifespan("P90D"), lifespan("P100D")));
  EXPECT_FALSE(Differ("pki-lifespan", lifespan("P1Y"), lifespan("P100D")));
  EXPECT_EQ(log.Get("pki-lifespan", "anchor:update").measured, std::nullopt);
  log.Add(
      ledger::ImageScanned{.anchors = {{.found = true, .where = "etc/boot.pem", .anchor = "boot"},
                                       {.found = false, .where = "", .anchor = "update"}}});
  EXPECT_TRUE(PkiSays(log.Get("pki-lifespan", "anchor:boot").measured->notes,
                      "found in the image 0000000000000000… at etc/boot.pem"));
}

TEST(PkiLifespan, IsTheDatesOfTheFile) {
  TestLog log;
  anchors::AnchorFacts facts;
  facts.entries.resize(2);
  facts.entries[0].not_before = 1'700'000'000;
  facts.entries[0].not_after = 2'000'000'000;
  facts.entries[1].not_before = 1'600'000'000;
  facts.entries[1].not_after = 1'900'000'000;
  log.Add(ledger::AnchorRead{.kind = "webpki", .facts = cbor::ToValue(facts), .anchor = "webpki"});
  Answer a = log.Get("pki-lifespan", "anchor:webpki");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(*a.measured->value.Find("not-before"), cbor::Value("2020-09-13"));
  EXPECT_EQ(*a.measured->value.Find("not-after"), cbor::Value("2033-05-18"));
  EXPECT_TRUE(PkiSays(a.measured->notes, "2 anchors, the first ends on 2030-03-17"));
  log.Add(ledger::AnchorRead{.kind = "first-boot",
                             .facts = cbor::ToValue(anchors::AnchorFacts{.entries = {{}}}),
                             .anchor = "boot"});
  EXPECT_EQ(*log.Get("pki-lifespan", "anchor:boot").measured->value.Find("dates"),
            cbor::Value(false));
  // The fuses hold a digest: the dates of the certificate on file never reach the device.
  log.Add(
      ledger::AnchorRead{.kind = "first-boot", .facts = cbor::ToValue(facts), .anchor = "boot"});
  Answer boot = log.Get("pki-lifespan", "anchor:boot");
  EXPECT_EQ(*boot.measured->value.Find("dates"), cbor::Value(false));
  EXPECT_EQ(boot.measured->value.Find("not-after"), nullptr);
}

TEST(PkiBreadth, CountsUnexpiredSignersAndNeverDiffers) {
  TestLog log(test::PlanText(
      "[[declared]]\nquestion = \"pki-breadth\"\nsubject = \"anchor:boot\"\nvalue = 3\n"
      "role = \"tester\"\ndate = 2026-11-01\n"));
  Ca root = log.MakeRoot("boot-root", "boot-pki");
  EXPECT_FALSE(log.Get("pki-breadth", "anchor:boot").measured);
  test::Person signer = log.MakePerson(root, "signer-1");  // 90 days
  log.Add(ledger::SignerCertified{
      .key = "boot-pki-ee",
      .pki = "boot-pki",
      .chain = {Bytes(signer.certificate.der().begin(), signer.certificate.der().end())}});
  Answer a = log.Get("pki-breadth", "anchor:boot");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value("<= 10"));
  EXPECT_FALSE(a.differs);
  // A signer whose key is elsewhere counts too, by the second method.
  test::Person away = log.MakePerson(root, "signer-2");
  log.Add(ledger::SignerAdmitted{
      .id = "boot-pki-ee-2",
      .pki = "boot-pki",
      .chain = {Bytes(away.certificate.der().begin(), away.certificate.der().end())}});
  Answer two = log.Get("pki-breadth", "anchor:boot");
  EXPECT_EQ(two.measured->method, "pki-breadth/2");
  EXPECT_NE(two.measured->evidence.events, two.earlier.at(0).evidence.events);
  log.At(100 * kDay);
  log.Add(ledger::SessionClosed{.id = "later"});
  EXPECT_EQ(log.Get("pki-breadth", "anchor:boot").measured->value, cbor::Value("0"));
  EXPECT_FALSE(log.Get("pki-breadth", "anchor:webpki").measured);
}

TEST(PkiAnchorStorage, AThirdPartysIsDeclaredAsTheirs) {
  TestLog log;
  Answer a = log.Get("pki-anchor-storage", "anchor:webpki");
  ASSERT_TRUE(a.declared);
  EXPECT_EQ(*a.declared->value.Find("class"), cbor::Value("third-party"));
  EXPECT_NE(a.declared->value.Find("description")->AsText()->find("https://cps.example/"),
            std::string::npos);
  EXPECT_FALSE(a.measured);
  // So do the questions that nobody here can measure.
  for (const char* q : {"pki-level", "pki-breadth", "pki-lock-policy"}) {
    Answer others = log.Get(q, "anchor:webpki");
    EXPECT_NE(others.why.value_or("").find("https://cps.example/"), std::string::npos) << q;
  }
}

TEST(Aspects, FollowFromTheSuperiorArtifactAndAreDeclared) {
  TestLog log;
  EXPECT_EQ(log.Get("replace", "anchor:boot").declared->value, cbor::Value("no"));
  Answer a = log.Get("replace", "anchor:update");  // in the first stage, which boot verifies
  EXPECT_NE(a.declared->note->find("store:nor-first"), std::string::npos) << *a.declared->note;
  EXPECT_TRUE(
      log.Get("replace", "anchor:webpki").declared->value.AsText()->starts_with("by:update"));
  EXPECT_EQ(log.Get("keep", "anchor:boot").declared->value, cbor::Value("boot desk"));
}

TEST(Aspects, WhatALockedDeviceLetBeDoneIsMeasuredAndBothAreTold) {
  TestLog log;
  auto one = [](std::string aspect, std::string by, std::string way, bool held) {
    return ledger::ChangeTry{.by = by,
                             .way = std::move(way),
                             .held = held,
                             .aspect = std::move(aspect),
                             .signer = by == "right-key" ? "boot" : "",
                             .verdict = held ? "accepted" : "signature wrong",
                             .accepted = held};
  };
  // Of two runs the newer counts.
  log.Add(ledger::ChangesTried{.unit = "bulb/B-0",
                               .anchor = "update",
                               .results = {one("replace", "nobody", "chip", true)},
                               .verifier = "core 0"});
  log.Add(ledger::ChangesTried{.unit = "bulb/B-0",
                               .anchor = "update",
                               .results = {one("replace", "right-key", "update", true),
                                           one("replace", "wrong-key", "update", false),
                                           one("add", "right-key", "update", false),
                                           one("roll-back", "right-key", "update", false)},
                               .verifier = "core 1"});
  Answer replace = log.Get("replace", "anchor:update");
  ASSERT_TRUE(replace.measured);
  EXPECT_EQ(replace.measured->method, "anchor-changes/1");
  EXPECT_EQ(replace.measured->value, cbor::Value("by:boot via signed update"));
  EXPECT_EQ(replace.measured->verifier, "core 1");
  EXPECT_FALSE(replace.differs);
  EXPECT_TRUE(PkiSays(replace.measured->notes, "update by wrong-key: signature wrong"));
  Answer add = log.Get("add", "anchor:update");
  ASSERT_TRUE(add.measured);
  EXPECT_EQ(add.measured->value, cbor::Value("no"));
  EXPECT_TRUE(add.differs);
  EXPECT_TRUE(PkiSays(add.measured->notes, "the graph says by:boot"));
  Answer remove = log.Get("remove", "anchor:update");
  EXPECT_FALSE(remove.measured) << "no removal was offered";
  EXPECT_FALSE(log.Get("replace", "anchor:boot").measured);
}

TEST(Aspects, ATrialOfASignatureDoesNotMeasureWhetherTheAnchorCanBeReplaced) {
  TestLog log;
  Try(log, "update", GoodTrials());
  EXPECT_FALSE(log.Get("replace", "anchor:webpki").measured);
}

}  // namespace
}  // namespace birthmark::answer
