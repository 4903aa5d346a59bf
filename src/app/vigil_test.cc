// SPDX-License-Identifier: Apache-2.0
#include "app/vigil.h"

#include <sstream>

#include "app/field_files.h"
#include "app/status.h"
#include "app/test_workspace.h"
#include "ledger/events_continuity.h"
#include "ledger/events_field.h"
#include "ledger/events_floor.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

// VigilTest is a workspace into whose log a test writes what should not be there.
struct VigilTest : testing::Test {
  Bench bench;
  fs::path ws = CopyOf(bench, PlanText("bmc"));
  ManualClock clock{SystemClock().Now() + std::chrono::minutes(1)};
  uint8_t number = 0;
  std::string ca;

  void SetUp() override {
    auto reader = OpenReader(ws);
    ASSERT_TRUE(reader);
    for (const ledger::CaRow& row : *(*reader)->registry().Cas()) {
      if (row.pki == "identity" && row.level == 2) ca = row.id;
    }
    ASSERT_FALSE(ca.empty());
  }
  template <class Body>
  uint64_t Write(const Body& body, const std::string& actor = "birthmark",
                 std::optional<std::string> station = {}) {
    auto log = ledger::LogWriter::Open(Layout(ws).ledger(), clock);
    EXPECT_TRUE(log) << log.error().ToString();
    ledger::EventContext context{.actor = actor, .clock = "system", .plan = {}, .station = station};
    auto written = (*log)->Append(ledger::MakeEvent(context, clock.Now(), "test", body));
    EXPECT_TRUE(written) << written.error().ToString();
    return (*log)->size() - 1;
  }
  ledger::IdentityIssued Issue(std::string unit) {
    ++number;
    ledger::IdentityIssued i;
    i.ca = ca;
    i.slot = "idevid";
    i.method = "avocado";
    i.unit = std::move(unit);
    i.proof = "csr-signature";
    i.serial = Bytes(16, number);
    i.spki.fill(number);
    i.cert = {0x30, 0};
    return i;
  }
  VigilMarks Watch(bool from_start = false) {
    auto reader = OpenReader(ws);
    EXPECT_TRUE(reader);
    auto marks = KeepVigil(**reader, Layout(ws), from_start);
    EXPECT_TRUE(marks) << marks.error().ToString();
    return marks ? *marks : VigilMarks{};
  }
  static std::string Whats(const VigilMarks& m) {
    std::string out;
    for (const VigilHit& h : m.named) out += (out.empty() ? "" : " ") + h.what;
    return out;
  }
};

TEST_F(VigilTest, AFreshWorkspaceIsQuiet) { EXPECT_EQ(Whats(Watch()), ""); }

TEST_F(VigilTest, IssuingNeedsSomebodyAtAStationThatIsNotAutomated) {
  ledger::SessionOpened session{
      .id = "s-1", .proof = {}, .role = "operator", .station = "bench", .pseudonym = "p-1"};
  Write(session);
  Write(Issue("ridgeback-s1/BMC-0001"), "birthmark", "bench");
  EXPECT_EQ(Whats(Watch()), "");
  clock.Advance(std::chrono::minutes(1));
  Write(ledger::SessionClosed{.id = "s-1"});
  clock.Advance(std::chrono::minutes(1));
  const uint64_t seq = Write(Issue("ridgeback-s1/BMC-0002"), "birthmark", "bench");
  VigilMarks marks = Watch();
  ASSERT_EQ(Whats(marks), "off-shift");
  EXPECT_EQ(marks.named[0].seq, seq);
  // An automated station needs nobody.
  Write(Issue("ridgeback-s1/BMC-0003"), "birthmark", "smt-jtag");
  EXPECT_EQ(Whats(Watch()), "off-shift");
}

TEST_F(VigilTest, WhatThePlanDoesNotProvideForIsNamed) {
  ledger::IdentityIssued other = Issue("ridgeback-s1/BMC-0001");
  other.method = "bamboo";
  Write(other);
  other = Issue("ridgeback-s1/BMC-0002");
  other.slot = "attestation";
  Write(other);
  Write(Issue("nobodys-product/1"));
  EXPECT_EQ(Whats(Watch()), "off-plan off-plan off-plan");
}

TEST_F(VigilTest, AnAuthorityPastItsWindowIsNamed) {
  clock.Advance(std::chrono::hours(24 * 800));
  Write(Issue("ridgeback-s1/BMC-0001"));
  EXPECT_EQ(Whats(Watch()), "over-window");
}

TEST_F(VigilTest, ARevocationNeedsACredential) {
  ledger::IdentityIssued i = Issue("ridgeback-s1/BMC-0001");
  Write(i);
  Write(ledger::IdentityState{.slot = i.slot,
                              .unit = i.unit,
                              .state = "revoked",
                              .reason = "keyCompromise",
                              .serial = i.serial},
        "unauthenticated OS user");
  EXPECT_EQ(Whats(Watch()), "unasked-revocation");
}

TEST_F(VigilTest, ItRemembersAndGoesOn) {
  Write(Issue("nobodys-product/1"));
  VigilMarks first = Watch();
  EXPECT_EQ(first.hits, 1u);
  Write(Issue("nobodys-product/2"));
  VigilMarks second = Watch();
  EXPECT_EQ(second.hits, 2u);
  EXPECT_EQ(second.issued, first.issued + 1);
  // Without its memory, and with one of another log, it finds the same.
  EXPECT_EQ(Watch(true).hits, 2u);
  ASSERT_TRUE(WriteFileAtomic(ws / "status.marks", "something else"));
  EXPECT_EQ(Watch().hits, 2u);
}

TEST_F(VigilTest, StatusTellsItUntilItIsExplained) {
  const uint64_t seq = Write(Issue("nobodys-product/1"));
  auto before = LookAt(ws, clock);
  ASSERT_TRUE(before) << before.error().ToString();
  EXPECT_TRUE(before->alarms.Has("status.off-plan"));
  Write(ledger::AlarmExplained{.alarm = fmt::format("event:{}", seq), .reason = "a trial"});
  EXPECT_FALSE(LookAt(ws, clock)->alarms.Has("status.off-plan"));
}

TEST_F(VigilTest, StatusNamesEachAlarmWithItsFix) {
  const auto has = [&](std::string_view code, Time at) {
    ManualClock then(at);
    auto r = LookAt(ws, then);
    EXPECT_TRUE(r) << r.error().ToString();
    bool found = false;
    for (const Finding& f : r->alarms.all()) {
      if (f.code != code) continue;
      found = true;
      EXPECT_FALSE(f.fix.empty()) << code;
    }
    EXPECT_TRUE(found) << code << " is not among:\n" << r->alarms.ToString();
  };
  // An authority's certificate nears its end, and has ended.
  pki::Validity validity;
  {
    auto reader = OpenReader(ws);
    const auto row = (*reader)->registry().Ca(ca);
    validity =
        pki::ReadValidity(ledger::BodyOf<ledger::CaCreated>(*(*reader)->EventAt((*row)->seq))->cert)
            .value();
  }
  has("status.expiring", TimeFromMillis(validity.to) - std::chrono::days(30));
  has("status.expired", TimeFromMillis(validity.to) + std::chrono::days(1));
  Write(ledger::ReconcileClosed{.to = Millis(clock.Now()),
                                .from = 0,
                                .counts = {},
                                .product = "ridgeback-s1",
                                .unexplained = {{}}});
  has("status.unreconciled", clock.Now());
  const ledger::IdentityIssued revoked = Issue("ridgeback-s1/BMC-0009");
  Write(revoked);
  Write(ledger::IdentityState{.slot = revoked.slot,
                              .unit = revoked.unit,
                              .state = "revoked",
                              .reason = "keyCompromise",
                              .serial = revoked.serial},
        "unauthenticated OS user");
  has("status.unasked-revocation", clock.Now());
  ledger::SessionOpened session{
      .id = "s-1", .proof = {}, .role = "operator", .station = "bench", .pseudonym = "p-1"};
  Write(session);
  Write(ledger::SessionClosed{.id = "s-1"});
  clock.Advance(std::chrono::minutes(1));
  Write(Issue("ridgeback-s1/BMC-0002"), "birthmark", "bench");
  has("status.off-shift", clock.Now());
  clock.Advance(std::chrono::days(800));
  Write(Issue("ridgeback-s1/BMC-0001"));
  has("status.over-window", clock.Now());
}

TEST_F(VigilTest, StatusTellsWhatWasMetInTheField) {
  ledger::FieldSeen seen{.known = 0, .foreign = 0, .looked = 1, .strangers = {}};
  seen.strangers.push_back(
      {.ca = ca, .why = "unknown", .cert = {0x30, 0}, .serial = {7}, .sha256 = {}});
  Write(seen);
  EXPECT_TRUE(LookAt(ws, clock)->alarms.Has("status.field-unknown"));
}

// Counted says how many certificates, lists and unreadable places a file's contents hold.
std::string Counted(const std::string& text) {
  int certificates = 0, lists = 0, bad = 0;
  std::istringstream in(text);
  Status s = SeenInFile(in, "file",
                        {.certificate = [&](const std::string&, ByteView) -> Status {
                           ++certificates;
                           return {};
                         },
                         .list = [&](const std::string&, ByteView) -> Status {
                           ++lists;
                           return {};
                         },
                         .unreadable = [&](const std::string&, const std::string&) { ++bad; }});
  EXPECT_TRUE(s);
  return fmt::format("{} {} {}", certificates, lists, bad);
}

TEST_F(VigilTest, WhatIsInNoBackupAndWhatWasNotRehearsedAlarmOnceThereIsSomethingToLose) {
  using std::chrono::days;
  const auto alarms = [&](days later, const StatusOptions& options = {}) {
    ManualClock then(clock.Now() + later);
    auto r = LookAt(ws, then, options);
    EXPECT_TRUE(r) << r.error().ToString();
    std::string out;
    for (const char* code : {"status.no-backup", "status.drill-overdue"}) {
      if (r && r->alarms.Has(code)) out += code;
    }
    return out;
  };
  EXPECT_EQ(alarms(days(1000)), "") << "nothing was issued";
  const uint64_t unit = Write(Issue("bmc/1"));
  EXPECT_EQ(alarms(days(29)), "");
  EXPECT_EQ(alarms(days(31)), "status.no-backup");
  EXPECT_EQ(alarms(days(366)), "status.no-backupstatus.drill-overdue");
  EXPECT_EQ(alarms(days(31), {.backup = days(60)}), "");
  EXPECT_EQ(alarms(days(31), {.backup = days(60), .drill = days(30)}), "status.drill-overdue");
  // A backup has what stood in the log before it; what comes later has its own month.
  Write(ledger::BackupMade{.files = 1, .events = unit + 1});
  EXPECT_EQ(alarms(days(300)), "");
  clock.Advance(days(20));
  Write(Issue("bmc/2"));
  EXPECT_EQ(alarms(days(29)), "");
  EXPECT_EQ(alarms(days(31)), "status.no-backup");
  EXPECT_EQ(alarms(days(350)), "status.no-backupstatus.drill-overdue");
  Write(ledger::DrillDone{.name = "lose", .checks = 1});
  EXPECT_EQ(alarms(days(364)), "status.no-backup");
  EXPECT_EQ(alarms(days(366)), "status.no-backupstatus.drill-overdue");
}

TEST(SeenInFile, FindsCertificatesInEachForm) {
  auto key = device::NewKey();
  const Bytes der = device::MakeCertificate({.cn = "Root", .ca = true}, *key, *key, "Root");
  const std::string pem = crypto::WritePem("CERTIFICATE", der);
  EXPECT_EQ(Counted(pem + pem), "2 0 0");
  EXPECT_EQ(Counted("text before\r\n" + pem), "1 0 0");
  EXPECT_EQ(Counted(std::string(AsText(der))), "1 0 0");
  EXPECT_EQ(Counted("{\"unit\": \"1\", \"cert\": \"" + ToBase64(der) + "\"}\n{\"a\": 1}\n"),
            "1 0 0");
  EXPECT_EQ(Counted("{\"cert\": \n"), "0 0 1");
  EXPECT_EQ(Counted("-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n"), "0 0 1");
  EXPECT_EQ(Counted("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "0 0 0");
  EXPECT_EQ(Counted(""), "0 0 0");
}

}  // namespace
}  // namespace birthmark::app
