// SPDX-License-Identifier: Apache-2.0
// The questions about a device: enclave, exposure, gap.
#include <gtest/gtest.h>

#include "anchors/trial_spec.h"
#include "answer/test_log.h"

namespace birthmark::answer {
namespace {

using test::Ca;
using test::kDay;
using test::kHour;
using test::kMinute;
using test::Person;
using test::TestLog;

std::string DeclareDevice(const std::string& question, const std::string& value) {
  return "[[declared]]\nquestion = \"" + question +
         "\"\nrole = \"tester\"\ndate = 2026-11-01\nvalue = " + value + "\n";
}

std::string Text(const cbor::Value& map, const char* member) {
  const cbor::Value* v = map.Find(member);
  return v != nullptr && v->AsText() != nullptr ? *v->AsText() : "";
}

bool Says(const std::vector<std::string>& lines, const std::string& words) {
  for (const std::string& l : lines) {
    if (l.find(words) != std::string::npos) return true;
  }
  return false;
}

ledger::ReadBack Read(const std::string& what, uint8_t found, uint8_t meant) {
  ledger::ReadBack r{.what = what, .equal = found == meant};
  r.found.fill(found);
  r.meant.fill(meant);
  return r;
}

void WriteAndRead(TestLog& log, const std::string& unit, std::vector<ledger::ReadBack> reads) {
  log.Add(log.Visit(unit, "burner", {"first-stage-write"}));
  auto v = log.Visit(unit, "bench", {"first-stage-lock"});
  v.read_backs = std::move(reads);
  log.Add(v);
}

void Trial(TestLog& log, bool good, bool flipped) {
  std::vector<cbor::Value> results;
  for (auto [varies, accepted] :
       {std::pair{anchors::Varies::kNothing, good}, {anchors::Varies::kSignature, flipped}}) {
    anchors::TrialResult r;
    r.spec = {.id = std::string("boot/") + std::string(ToText(varies)),
              .anchor = "boot",
              .varies = varies,
              .tampered = varies == anchors::Varies::kSignature,
              .algorithm = "ecdsa-p256-sha256"};
    r.accepted = accepted;
    results.push_back(cbor::ToValue(r));
  }
  log.Add(ledger::TrialsRun{
      .unit = "bulb/B-0", .anchor = "boot", .results = results, .verifier = "core 1"});
}

TEST(InitialEnclaveLocation, IsWhereTheReadBackFoundTheAnchor) {
  TestLog log;
  WriteAndRead(log, "B-1", {Read("fuse:boot-anchor", 7, 7)});
  Answer a = log.Get("initial-enclave-location");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value("internal(otp-fuse)"));
  EXPECT_EQ(a.declared->value, cbor::Value("internal(otp-fuse)"));
  EXPECT_FALSE(a.differs);
  EXPECT_EQ(a.measured->population->counted, "<= 10");
}

TEST(InitialEnclaveLocation, AnAnchorFoundElsewhereDiffers) {
  TestLog log;
  WriteAndRead(log, "B-1", {Read("spi-nor:boot-anchor", 7, 7)});
  Answer a = log.Get("initial-enclave-location");
  EXPECT_EQ(a.measured->value, cbor::Value("external(spi-nor)"));
  EXPECT_TRUE(a.differs);
}

TEST(InitialEnclaveLocation, AnUnequalReadBackIsExcludedAndCounted) {
  TestLog log;
  WriteAndRead(log, "B-1", {Read("fuse:boot-anchor", 7, 7)});
  WriteAndRead(log, "B-2", {Read("fuse:boot-anchor", 7, 8)});
  EXPECT_TRUE(Says(log.Get("initial-enclave-location").measured->exclusions, "unequal: 1"));
}

TEST(InitialEnclaveLocation, EqualIsWhatTheDigestsSayNotTheFlag) {
  TestLog log;
  ledger::ReadBack lie = Read("fuse:boot-anchor", 7, 8);
  lie.equal = true;
  WriteAndRead(log, "B-1", {lie});
  EXPECT_FALSE(log.Get("initial-enclave-location").measured);
}

TEST(InitialEnclaveIntegrityKey, NeedsTheTrialAndTheReadBack) {
  TestLog log;
  WriteAndRead(log, "B-1", {Read("fuse:boot-anchor", 7, 7)});
  EXPECT_FALSE(log.Get("initial-enclave-integrity-key").measured);
  Trial(log, true, false);
  Answer a = log.Get("initial-enclave-integrity-key");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value("key-digest in otp-fuse"));
  EXPECT_EQ(a.measured->verifier, "core 1");
  EXPECT_FALSE(a.differs);
}

TEST(InitialEnclaveIntegrityKey, AChangedFirstStageThatStartsMeansNone) {
  TestLog log;
  Trial(log, true, true);
  Answer a = log.Get("initial-enclave-integrity-key");
  EXPECT_EQ(a.measured->value, cbor::Value("none"));
  EXPECT_TRUE(a.differs);
}

TEST(InitialEnclaveIntegrityKey, ADeviceThatRefusesEverythingProvesNothing) {
  TestLog log;
  WriteAndRead(log, "B-1", {Read("fuse:boot-anchor", 7, 7)});
  Trial(log, false, false);
  EXPECT_FALSE(log.Get("initial-enclave-integrity-key").measured);
}

TEST(InitialEnclavePrivacyKey, ThePlainImageInFlashMeansNo) {
  TestLog log;
  ledger::ImageReleased image{.stage = "first-stage"};
  image.digest.fill(9);
  log.Add(image);
  WriteAndRead(log, "B-1", {Read("flash:first-stage", 9, 9)});
  Answer a = log.Get("initial-enclave-privacy-key");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value("no"));
}

TEST(InitialEnclavePrivacyKey, TheSameCiphertextTwiceIsASharedKey) {
  TestLog log;
  log.Add(ledger::ImageReleased{.stage = "first-stage"});
  WriteAndRead(log, "B-1", {Read("flash:first-stage", 9, 9)});
  EXPECT_FALSE(log.Get("initial-enclave-privacy-key").measured);  // one unit cannot tell
  WriteAndRead(log, "B-2", {Read("flash:first-stage", 9, 9)});
  Answer a = log.Get("initial-enclave-privacy-key");
  EXPECT_EQ(a.measured->value, cbor::Value("yes-shared-key"));
  EXPECT_TRUE(a.differs);
  TestLog other;
  other.Add(ledger::ImageReleased{.stage = "first-stage"});
  WriteAndRead(other, "B-1", {Read("flash:first-stage", 9, 9)});
  WriteAndRead(other, "B-2", {Read("flash:first-stage", 8, 8)});
  EXPECT_EQ(other.Get("initial-enclave-privacy-key").measured->value,
            cbor::Value("yes-per-device-key"));
}

// Exposure.

struct Factory {
  TestLog log;
  Ca operations = log.MakeRoot("operations", "operations");
  explicit Factory(const std::string& more = "") : log(test::PlanText(more)) {}
  void Work(const std::string& station, std::vector<std::string> sessions) {
    log.Add(log.Visit("B-1", station,
                      {station == "burner" ? "first-stage-write" : "first-stage-lock"},
                      std::move(sessions)));
  }
  Answer Exposure(Options o = {}) { return log.Get("first-stage-exposure", "device", o); }
};

TEST(FirstStageExposure, CountsDistinctPeopleAtTheLargestSite) {
  Factory f(DeclareDevice("first-stage-exposure", "0"));
  Person a = f.log.MakePerson(f.operations, "p-a"), b = f.log.MakePerson(f.operations, "p-b"),
         c = f.log.MakePerson(f.operations, "p-c");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.Work("bench", {f.log.Session(b, "bench")});
  f.Work("bench", {f.log.Session(c, "bench")});
  f.Work("bench", {f.log.Session(c, "bench", "maintainer")});
  Answer answer = f.Exposure();
  ASSERT_TRUE(answer.measured);
  EXPECT_EQ(answer.measured->value, cbor::Value(2));
  EXPECT_TRUE(answer.differs);
  EXPECT_TRUE(answer.measured->exclusions.empty());
  EXPECT_EQ(*answer.measured->to - *answer.measured->from, 90 * kDay);
}

TEST(FirstStageExposure, WithoutAuthenticatedPeopleIsNotAnsweredNeverZero) {
  Factory f;
  f.Work("burner", {});
  Answer a = f.Exposure();
  EXPECT_EQ(a.state, "not-answered");
  EXPECT_FALSE(a.measured);
}

TEST(FirstStageExposure, ForgedSessionsAreNamedAndLeftOut) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a"), b = f.log.MakePerson(f.operations, "p-b");
  // A credential that another authority signed for the same pseudonym.
  Factory elsewhere;
  Person forger = elsewhere.log.MakePerson(elsewhere.operations, "p-b");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.log.Session(forger, "burner");
  f.log.Session(b, "burner", "operator",
                [](ledger::SessionOpened& s) { s.proof[s.proof.size() - 3] ^= 1; });
  f.log.Session(b, "burner", "operator", [](ledger::SessionOpened& s) { s.role = "maintainer"; });
  f.log.Session(b, "bench", "operator", [](ledger::SessionOpened& s) { s.station = "burner"; });
  f.log.Session(b, "burner", "operator", [](ledger::SessionOpened& s) { s.proof = {1, 2}; });
  f.log.Session(b, "burner", "operator", [](ledger::SessionOpened& s) { s.pseudonym = "p-z"; });
  Answer answer = f.Exposure();
  ASSERT_TRUE(answer.measured);
  EXPECT_EQ(answer.measured->value, cbor::Value(1));
  ASSERT_EQ(answer.measured->exclusions.size(), 6u);
  EXPECT_TRUE(Says(answer.measured->exclusions, "does not lead to the operations root"));
  EXPECT_TRUE(Says(answer.measured->exclusions, "signature does not verify"));
  EXPECT_TRUE(Says(answer.measured->exclusions, "another time, role, station or workspace"));
  EXPECT_TRUE(Says(answer.measured->exclusions, "no COSE_Sign1"));
  EXPECT_TRUE(Says(answer.measured->exclusions, "issued to somebody else"));
}

TEST(FirstStageExposure, AnAutomatedLineOfAuthenticatedStationsIsZero) {
  Factory f(DeclareDevice("first-stage-exposure", "0"));
  Person burner = f.log.MakePerson(f.operations, "burner", "station");
  Person bench = f.log.MakePerson(f.operations, "bench", "station");
  f.Work("burner", {f.log.Session(burner, "burner", "station")});
  f.Work("bench", {f.log.Session(bench, "bench", "station")});
  Answer a = f.Exposure();
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(a.measured->value, cbor::Value(0));
  EXPECT_FALSE(a.differs);
  f.Work("bench", {});  // one visit that nobody answers for, and zero is no longer known
  EXPECT_FALSE(f.Exposure().measured);
}

TEST(FirstStageExposure, AVisitWithoutASessionMakesALowerBound) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.Work("burner", {});
  EXPECT_TRUE(Says(f.Exposure().measured->notes, "lower bound"));
}

TEST(FirstStageExposure, OneCredentialAtTwoSitesAtOnceIsALowerBound) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.log.At(kMinute);
  f.Work("bench", {f.log.Session(a, "bench")});
  f.log.At(2 * kMinute);
  f.Work("burner", {});
  EXPECT_TRUE(Says(f.Exposure().measured->notes, "shared log-in"));
}

TEST(FirstStageExposure, PeopleAtStationsThatWorkByThemselvesCountLikeAllOthers) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a"), b = f.log.MakePerson(f.operations, "p-b");
  f.log.From("acme/factory/island-burner-1");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.log.From("acme/factory/island-burner-2");
  f.Work("burner", {f.log.Session(b, "burner")});
  f.log.From("");
  Answer answer = f.Exposure();
  ASSERT_TRUE(answer.measured);
  EXPECT_EQ(answer.measured->value, cbor::Value(2));
  EXPECT_FALSE(Says(answer.measured->notes, "shared log-in"));
}

TEST(FirstStageExposure, OneCredentialInTwoStationsRunsAtOnceIsALowerBound) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a");
  f.log.From("acme/factory/island-burner-1");
  f.Work("burner", {f.log.Session(a, "burner")});
  f.log.From("acme/factory/island-burner-2");
  f.log.At(kMinute);
  f.Work("burner", {f.log.Session(a, "burner")});
  f.log.From("");
  f.log.At(2 * kMinute);  // both go on
  f.Work("burner", {});
  Answer answer = f.Exposure();
  ASSERT_TRUE(answer.measured);
  EXPECT_EQ(answer.measured->value, cbor::Value(1));
  EXPECT_TRUE(Says(answer.measured->notes, "two stations' own runs"));
}

TEST(FirstStageExposure, ReleasersAndAdministratorsCount) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a");
  f.log.MakePerson(f.operations, "p-release");
  f.log.MakePerson(f.operations, "p-admin");
  f.log.MakePerson(f.operations, "burner", "station", "p-admin");
  f.log.Add(ledger::ImageReleased{.stage = "first-stage"}, "p-release");
  f.log.Add(ledger::ImageReleased{.stage = "application"}, "p-nobody");
  f.Work("burner", {f.log.Session(a, "burner")});
  EXPECT_EQ(f.Exposure().measured->value, cbor::Value(3));
  f.log.Add(ledger::ImageReleased{.stage = "first-stage"}, "unauthenticated OS user");
  EXPECT_TRUE(Says(f.Exposure().measured->notes, "not authenticated"));
}

TEST(FirstStageExposure, OnlyThePeriodCounts) {
  Factory f;
  Person a = f.log.MakePerson(f.operations, "p-a"), b = f.log.MakePerson(f.operations, "p-b");
  std::string id = f.log.Session(a, "burner");
  f.Work("burner", {id});
  f.log.At(kHour);
  f.log.Add(ledger::SessionClosed{.id = id});
  f.log.At(80 * kDay);
  f.Work("burner", {f.log.Session(b, "burner")});
  EXPECT_EQ(f.Exposure().measured->value, cbor::Value(2));
  const int64_t start = Millis(test::kStart);
  EXPECT_EQ(f.Exposure({.period = Period{start + kDay, start + 80 * kDay}}).measured->value,
            cbor::Value(1));
}

// Gap.

TEST(FirstSecondStageGap, SumsTimeAndCustodyLegs) {
  TestLog log(test::PlanText(DeclareDevice(
      "first-second-stage-gap", "{ km-max = 9100, time-max = \"P30D\", handovers = 1 }")));
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.At(kDay);
  log.Ship({"B-1"}, "taoyuan", "brno", 2 * kDay);
  log.At(10 * kDay);
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  Answer a = log.Get("first-second-stage-gap");
  ASSERT_TRUE(a.measured);
  const cbor::Value& v = a.measured->value;
  EXPECT_EQ(*v.Find("km-max"), cbor::Value(9000));  // 8 952 km on the great circle, one digit
  EXPECT_EQ(Text(v, "time-max"), "P14D");
  EXPECT_EQ(*v.Find("handovers"), cbor::Value(1));
  EXPECT_EQ(*v.Find("unlocked"), cbor::Value(0));
  EXPECT_FALSE(a.differs);
  EXPECT_TRUE(Says(a.measured->leans_on, "positions of sites"));
}

TEST(FirstSecondStageGap, ALongerWayThanDeclaredDiffers) {
  TestLog log(test::PlanText(DeclareDevice("first-second-stage-gap", "{ time-max = \"P7D\" }")));
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.At(10 * kDay);
  log.Add(log.Visit("B-1", "burner", {"first-stage-lock"}));
  EXPECT_TRUE(log.Get("first-second-stage-gap").differs);
}

TEST(FirstSecondStageGap, AUnitNeverLockedIsCounted) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-1", "burner", {"first-stage-lock"}));
  log.Add(log.Visit("B-2", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-3", "burner", {"first-stage-write"}));
  log.Add(ledger::UnitState{.unit = "bulb/B-3", .state = "scrapped"});
  Answer a = log.Get("first-second-stage-gap");
  EXPECT_EQ(*a.measured->value.Find("unlocked"), cbor::Value(1));
  EXPECT_TRUE(Says(a.measured->exclusions, "scrapped before the lock: 1"));
}

TEST(FirstSecondStageGap, ReworkCountsFromTheFirstWriting) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.At(2 * kDay);
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));  // written again after a fault
  log.At(2 * kDay + kMinute);
  log.Add(log.Visit("B-1", "burner", {"first-stage-lock"}));
  EXPECT_EQ(Text(log.Get("first-second-stage-gap").measured->value, "time-max"), "P3D");
  log.At(3 * kDay);
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));  // reopened: the lock is gone
  Answer a = log.Get("first-second-stage-gap");
  EXPECT_EQ(*a.measured->value.Find("unlocked"), cbor::Value(1));
  log.Add(log.Visit("B-1", "burner", {"first-stage-lock"}));
  a = log.Get("first-second-stage-gap");
  EXPECT_EQ(Text(a.measured->value, "time-max"), "P3D");
  EXPECT_TRUE(Says(a.measured->notes, "written again after a lock: 1"));
}

TEST(FirstSecondStageGap, AJourneyWithoutItsLegHasNoDistance) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  Answer a = log.Get("first-second-stage-gap");
  EXPECT_EQ(a.measured->value.Find("km-max"), nullptr);
  EXPECT_TRUE(Says(a.measured->exclusions, "distance not known"));
}

TEST(FirstSecondStageGap, AFailedLockIsNoLock) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  auto v = log.Visit("B-1", "bench", {"first-stage-lock"});
  v.steps[0].outcome = "failed";
  log.Add(v);
  EXPECT_EQ(*log.Get("first-second-stage-gap").measured->value.Find("unlocked"), cbor::Value(1));
}

TEST(FirstSecondStageGap, ALockOnlyTheStationSawSaysSo) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"single-image-write"}));
  log.Add(log.Visit("B-1", "burner", {"first-stage-lock"}, {}, "station-log"));
  EXPECT_TRUE(
      Says(log.Get("first-second-stage-gap").measured->notes, "only the station's log shows: 1"));
}

}  // namespace
}  // namespace birthmark::answer
