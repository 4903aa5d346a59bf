// SPDX-License-Identifier: Apache-2.0
// What people do to units and certificates beside the line, in real workspaces: scrap, rework,
// correct, revoke, hold, adopt, export. Each ends in an account that closes.
#include "app/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/adopt_certs.h"
#include "app/export_units.h"
#include "app/reconcile.h"
#include "app/revoke.h"
#include "app/shift.h"
#include "app/test_workspace.h"
#include "ledger/events.h"
#include "line/run.h"

namespace birthmark::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Units : testing::Test {
  Bench bench;
  SystemClock clock;
  fs::path ws;
  std::string prefix;

  void Born(const std::string& example) {
    ws = CopyOf(bench, PlanText(example));
    prefix = example == "bulb" ? "LUMO-00000" : "BMC-000";
  }
  std::string Unit(int n) const { return prefix + std::to_string(n); }
  std::unique_ptr<Factory> Open(const std::string& as = "") {
    auto f = Factory::Open(ws, bench.Keys(), false, "", as, clock);
    if (!f) {
      ADD_FAILURE() << f.error().ToString();
      std::abort();
    }
    return std::move(*f);
  }
  ShiftResult Run(uint64_t units, const std::string& as = "") {
    auto r = RunShift({.workspace = ws,
                       .product = "",
                       .as = as,
                       .units = units,
                       .tell = [&](const line::UnitResult& u) { told.push_back(u); },
                       .stop = {}},
                      bench.Keys(), clock);
    if (!r) {
      ADD_FAILURE() << r.error().ToString();
      return {};
    }
    return *r;
  }
  // CutShort begins a unit and stops the line (not the unit) before its visit `stop`, counted from
  // 1: the ledger, say, has no room.
  void CutShort(int n, int stop) {
    auto f = Open();
    auto firmware = [&] {
      line::Materials m{f->adopted.plan, *f->keys.online, {}, {}};
      m.signers = SignersOf(**f->NewReader()).value();
      for (const plan::Anchor& a : f->adopted.plan.anchors) {
        if (fs::exists(f->layout.anchors() / a.id))
          m.files[a.id] = ReadFile(f->layout.anchors() / a.id, 1 << 20).value();
      }
      return line::Firmware::Make(m).value();
    }();
    line::IssuingDesk desk({.log = *f->log,
                            .log_dir = f->layout.ledger(),
                            .keys = *f->keys.online,
                            .plan = f->adopted.plan,
                            .marks = f->marks,
                            .serials = *f->serials,
                            .clock = clock,
                            .context = f->context});
    int placed = 0;
    line::LineRun run({.log = *f->log,
                       .log_dir = f->layout.ledger(),
                       .plan = f->adopted.plan,
                       .firmware = firmware,
                       .desk = desk,
                       .clock = clock,
                       .rng = f->rng,
                       .place = [&](const std::string& s) -> Result<line::Fixture> {
                         if (++placed == stop) return Environment("ledger.full", "no room");
                         return line::Fixture::PlaceEmulated(
                             std::string(plan::ToText(*f->adopted.plan.board)),
                             f->layout.devices() / s);
                       },
                       .sessions = {},
                       .tell = [](const line::UnitResult&) {},
                       .context = f->context});
    auto r = run.RunUnit(Unit(n));
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, "ledger.full");
  }
  std::vector<std::string> States(int n) {
    auto reader = OpenReader(ws);
    std::vector<std::string> out;
    std::string unit = *ResolveUnit((*reader)->registry(), Unit(n));
    std::vector<ledger::IdentityRow> rows = (*reader)->registry().IdentitiesOf(unit).value();
    for (const ledger::IdentityRow& r : rows) out.push_back(r.state);
    return out;
  }
  std::string StateOf(int n) {
    auto reader = OpenReader(ws);
    std::string unit = *ResolveUnit((*reader)->registry(), Unit(n));
    return (*reader)->registry().Unit(unit).value()->state;
  }
  std::vector<std::string> Odd() {
    auto reader = OpenReader(ws);
    auto r = Reconcile(**reader, "", std::nullopt, clock);
    EXPECT_TRUE(r);
    EXPECT_EQ(r->account.Left(), r->account.Right());
    std::vector<std::string> out;
    for (const ledger::Unexplained& u : r->account.odd) out.push_back(u.why + " " + u.unit);
    return out;
  }
  std::string NewCredential(const std::string& role) {
    return IssueCredential(ws, role, bench.Keys(), clock, false).value();
  }
  std::vector<line::UnitResult> told;
};

TEST_F(Units, AScrappedUnitsIdentityEndsInTheSameCommit) {
  Born("bulb");
  Run(1);
  auto f = Open();
  auto dry = Scrap(*f, {.unit = Unit(1), .reason = "cracked", .dry_run = true}, clock);
  ASSERT_TRUE(dry) << dry.error().ToString();
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  uint64_t before = f->log->size();
  ASSERT_TRUE(Scrap(*f, {.unit = Unit(1), .reason = "cracked"}, clock));
  EXPECT_EQ(f->log->size(), before + 2);
  EXPECT_THAT(States(1), ElementsAre("revoked"));
  EXPECT_EQ(StateOf(1), "scrapped");
  EXPECT_EQ(Scrap(*f, {.unit = Unit(1), .reason = "again"}, clock).error().code, "unit.ended");
  EXPECT_EQ(Scrap(*f, {.unit = "LUMO-9", .reason = "x"}, clock).error().code, "unit.unknown");
  EXPECT_EQ(Scrap(*f, {.unit = Unit(1), .reason = ""}, clock).error().code, "unit.reason");
  f.reset();
  EXPECT_THAT(Odd(), IsEmpty());
}

TEST_F(Units, ASealedUnitIsReworkedOnlyByAMaintainersOverrideAndItsSealHolds) {
  Born("bulb");
  Run(1);
  std::string plain = NewCredential("operator"), maintainer = NewCredential("maintainer");
  ReworkAct act;
  act.unit = Unit(1);
  act.reason = "flickers";
  {
    auto f = Open(plain);
    EXPECT_EQ(Rework(*f, act, clock).error().code, "unit.sealed");
    act.override_seal = true;
    EXPECT_EQ(Rework(*f, act, clock).error().code, "credential.role");
  }
  {
    auto f = Open(maintainer);
    ASSERT_TRUE(Rework(*f, act, clock));
  }
  EXPECT_EQ(StateOf(1), "rework");
  auto reader = OpenReader(ws);
  std::string said;
  ASSERT_TRUE((*reader)->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (e.type != ledger::UnitState::kType) return {};
    BM_TRY(ledger::UnitState s, ledger::BodyOf<ledger::UnitState>(e));
    if (s.state == "rework") said = s.reason;
    return {};
  }));
  EXPECT_EQ(said, "override by maintainer: flickers");
  // The steps behind the locked port come again: tests, and the seal, which is closed already.
  told.clear();
  ShiftResult r = Run(1);
  EXPECT_EQ(r.begun_before, 1u);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].lamp, line::UnitResult::Lamp::kGood) << told[0].why;
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  EXPECT_EQ(StateOf(1), "packed");
  EXPECT_THAT(Odd(), IsEmpty());
}

TEST_F(Units, AnUnsealedUnitGoesThroughItsStepsAgainAndIsLockedAgain) {
  Born("bmc");
  CutShort(1, 4);  // behind the bench, where it got its identity
  EXPECT_THAT(States(1), ElementsAre("installed"));
  {
    auto f = Open();
    ReworkAct act;
    act.unit = Unit(1);
    act.reason = "solder";
    ASSERT_TRUE(Rework(*f, act, clock));
  }
  told.clear();
  Run(1);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().lamp, line::UnitResult::Lamp::kGood) << told.back().why;
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  EXPECT_THAT(Odd(), IsEmpty());
}

TEST_F(Units, ALockedIdentityIsReplacedOnlyWithAnOverride) {
  Born("bmc");
  CutShort(1, 5);  // behind the lock
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  auto f = Open();
  ReworkAct act;
  act.unit = Unit(1);
  act.reason = "part replaced";
  act.new_identity = true;
  EXPECT_EQ(Rework(*f, act, clock).error().code, "unit.locked");
  act.override_seal = true;
  ASSERT_TRUE(Rework(*f, act, clock));
  f.reset();
  EXPECT_THAT(States(1), ElementsAre("superseded"));
}

TEST_F(Units, AMisScanIsMendedBeforeTheDeviceHasTheWrongName) {
  Born("bulb");
  {
    auto f = Open();
    line::IssuingDesk desk({.log = *f->log,
                            .log_dir = f->layout.ledger(),
                            .keys = *f->keys.online,
                            .plan = f->adopted.plan,
                            .marks = f->marks,
                            .serials = *f->serials,
                            .clock = clock,
                            .context = f->context});
    auto key = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
    method::Job job{.unit = "lumo-a19/" + Unit(1), .serial = Unit(1), .slot = "idevid"};
    ASSERT_TRUE(f->log->Append(
        ledger::MakeEvent(f->context, clock.Now(), "",
                          ledger::UnitState{.unit = job.unit, .state = "started", .reason = ""})));
    ASSERT_TRUE(desk.Issue(
        {.job = job, .key = key->public_key(), .method = "bamboo", .proof = "made-by-us"}));
    auto done = Correct(*f, {.unit = Unit(1), .reason = "wrong label"}, Unit(2), clock);
    ASSERT_TRUE(done) << done.error().ToString();
    EXPECT_EQ(done->identities.size(), 1u);
    EXPECT_EQ(Correct(*f, {.unit = Unit(1), .reason = "x"}, Unit(3), clock).error().code,
              "unit.ended");
    EXPECT_EQ(Correct(*f, {.unit = Unit(2), .reason = "x"}, Unit(2), clock).error().code,
              "unit.same");
    EXPECT_EQ(Correct(*f, {.unit = Unit(2), .reason = "x"}, "other/1", clock).error().code,
              "unit.which");
  }
  EXPECT_THAT(States(1), ElementsAre("void"));
  EXPECT_EQ(StateOf(1), "corrected");
  ShiftResult r = Run(1);
  EXPECT_EQ(r.begun_before, 1u);  // the right unit goes on, and gets an identity of its own
  EXPECT_THAT(States(2), ElementsAre("confirmed-locked"));
  EXPECT_THAT(Odd(), IsEmpty());
  auto f = Open();
  EXPECT_EQ(Correct(*f, {.unit = Unit(2), .reason = "x"}, Unit(1), clock).error().code,
            "unit.ended");
}

TEST_F(Units, AnInstalledIdentityCannotBeCorrectedAway) {
  Born("bmc");
  CutShort(1, 4);
  auto f = Open();
  EXPECT_EQ(Correct(*f, {.unit = Unit(1), .reason = "x"}, Unit(2), clock).error().code,
            "unit.installed");
}

TEST_F(Units, AHoldIsTakenBackAndARevocationIsNot) {
  Born("bulb");
  Run(2);
  auto f = Open();
  RevokeOptions o;
  o.filter.station = "burner";
  o.as = RevokeAs::kHold;
  o.dry_run = true;
  auto dry = Revoke(*f, o, clock);
  ASSERT_TRUE(dry) << dry.error().ToString();
  EXPECT_EQ(dry->rows.size(), 2u);
  EXPECT_EQ(dry->rows[0].unit_state, "packed");
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  o.dry_run = false;
  ASSERT_TRUE(Revoke(*f, o, clock));
  EXPECT_THAT(States(1), ElementsAre("held"));
  auto again = Revoke(*f, o, clock);
  EXPECT_EQ(again->rows.size(), 0u);
  EXPECT_EQ(again->passed, 2u);
  EXPECT_THAT(Odd(), IsEmpty());
  o.as = RevokeAs::kUnhold;
  ASSERT_TRUE(Revoke(*f, o, clock));
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  RevokeOptions one;
  one.unit = Unit(1);
  one.reason = "keyCompromise";
  ASSERT_TRUE(Revoke(*f, one, clock));
  EXPECT_THAT(States(1), ElementsAre("revoked"));
  EXPECT_THAT(States(2), ElementsAre("confirmed-locked"));
  one.as = RevokeAs::kUnhold;
  EXPECT_EQ(Revoke(*f, one, clock)->rows.size(), 0u);
  EXPECT_EQ(Revoke(*f, {}, clock).error().code, "cert.which");
  one.as = RevokeAs::kRevoke;
  one.reason = "because";
  EXPECT_EQ(Revoke(*f, one, clock).error().code, "cert.reason");
  one.reason = "keyCompromise";
  one.certificates = {"00ff"};
  EXPECT_EQ(Revoke(*f, one, clock).error().code, "cert.unknown");
}

TEST_F(Units, ADryRunTellsWhichUnitsHaveLeft) {
  std::string text = PlanText("bulb");
  Replace(text, "{ name = \"quality-control\", station = \"glow-test\" },\n]",
          "{ name = \"quality-control\", station = \"glow-test\" },\n"
          "  { name = \"ship\", station = \"cap\", to = \"hub\" },\n]");
  Replace(text, "[[station]]\nid = \"nails\"",
          "[[site]]\nid = \"hub\"\nname = \"Hub\"\ncountry = \"NL\"\ncontinent = \"EU\"\n"
          "latitude = 51.9\nlongitude = 4.5\n\n[[station]]\nid = \"nails\"");
  ws = CopyOf(bench, text);
  prefix = "LUMO-00000";
  Run(1);
  EXPECT_EQ(StateOf(1), "shipped");
  auto f = Open();
  RevokeOptions o;
  o.filter.product = "lumo-a19";
  o.reason = "keyCompromise";
  o.dry_run = true;
  auto r = Revoke(*f, o, clock);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->shipped, 1u);
  EXPECT_EQ(r->rows.at(0).unit_state, "shipped");
  EXPECT_THAT(States(1), ElementsAre("confirmed-locked"));
  auto reader = f->NewReader();
  EXPECT_EQ((*reader)->registry().EventsOfType(ledger::CustodyLeg::kType)->size(), 1u);
}

TEST_F(Units, RevocationTakesAMaintainer) {
  Born("bulb");
  std::string plain = NewCredential("operator");
  auto f = Open(plain);
  RevokeOptions o;
  o.unit = Unit(1);
  o.reason = "superseded";
  EXPECT_EQ(Revoke(*f, o, clock).error().code, "credential.role");
}

TEST_F(Units, TheLineStopsAtAUnitOnHold) {
  Born("bmc");
  CutShort(1, 4);
  {
    auto f = Open();
    RevokeOptions o;
    o.unit = Unit(1);
    o.as = RevokeAs::kHold;
    ASSERT_TRUE(Revoke(*f, o, clock));
  }
  auto r = RunShift({.workspace = ws, .units = 1, .tell = [](const line::UnitResult&) {}},
                    bench.Keys(), clock);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "line.held");
}

TEST_F(Units, CertificatesOfBeforeAreTakenInAsDeclaredAndDuplicatesByName) {
  Born("bulb");
  Run(1);
  fs::create_directory(bench / "old");
  auto ca = device::NewKey();
  auto key1 = device::NewKey(), key2 = device::NewKey();
  auto make = [&](const char* cn, crypto::SoftwareSigner& key) {
    return crypto::WritePem("CERTIFICATE", device::MakeCertificate({.cn = cn}, key, *ca, "Old CA"));
  };
  bench.Write("old/1.pem", make("OLD-1", *key1));
  bench.Write("old/2.pem", make("OLD-2", *key2));
  bench.Write("old/3.pem", make("OLD-3", *key1));
  bench.Write("old/notes.txt", "not a certificate\n");
  bench.Write("old/bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  auto f = Open();
  auto r = AdoptCertificates(*f, {.paths = {bench / "old"}}, clock);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->valid, 2u);
  EXPECT_TRUE(r->findings.Has("adopt.duplicate-key"));
  EXPECT_TRUE(r->findings.Has("adopt.file"));
  EXPECT_EQ(r->findings.all().size(), 2u);
  auto again = AdoptCertificates(*f, {.paths = {bench / "old"}}, clock);
  EXPECT_EQ(again->valid, 0u);
  EXPECT_EQ(again->known, 2u);
  EXPECT_EQ(AdoptCertificates(*f, {.paths = {bench / "plan.toml"}}, clock).error().kind,
            ErrorKind::kEnvironment);
  auto rows = f->log->registry().IdentitiesOf("lumo-a19/OLD-2").value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].state, "adopted");
  EXPECT_TRUE(rows[0].method.empty());
  f.reset();
  EXPECT_THAT(Odd(), IsEmpty());
  EXPECT_EQ(Run(1).good, 1u);  // the numbers go on, the adopted units are on no line
}

TEST_F(Units, TheExportHasCertificatesAndNoKeys) {
  Born("bulb");
  Run(2);
  auto view = View::Open(ws.string());
  ASSERT_TRUE(view);
  std::string all;
  auto count = ExportUnits(**view, {}, ExportForm::kNdjson, [&](const std::string& row) -> Status {
    all += row;
    return {};
  });
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, 2u);
  auto first = nlohmann::json::parse(all.substr(0, all.find('\n')));
  EXPECT_EQ(first["ThingName"], Unit(1));
  EXPECT_TRUE(crypto::Certificate::FromPem(first["Certificate"].get<std::string>()));
  EXPECT_EQ(all.find("PRIVATE"), std::string::npos);
  std::string csv;
  ASSERT_TRUE(ExportUnits(**view, {.unit = "lumo-a19/" + Unit(2)}, ExportForm::kCsvNrf,
                          [&](const std::string& row) -> Status {
                            csv += row;
                            return {};
                          }));
  EXPECT_THAT(csv, testing::StartsWith(Unit(2) + ",lumo-a19,,,\"-----BEGIN CERTIFICATE-----\n"));
  EXPECT_THAT(csv, testing::EndsWith("-----END CERTIFICATE-----\n\"\n"));
}

}  // namespace
}  // namespace birthmark::app
