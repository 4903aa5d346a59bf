// SPDX-License-Identifier: Apache-2.0
// Workspaces: what init, adopt and publish refuse and what that leaves behind; status; the same
// lists from a workspace and from its bundle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "app/adopt.h"
#include "app/publish.h"
#include "app/shift.h"
#include "app/status.h"
#include "app/test_workspace.h"
#include "app/view.h"
#include "disclose/reader_commands.h"
#include "ledger/events.h"
#include "ledger/events_anchors.h"

namespace birthmark::app {
namespace {

using testing::HasSubstr;

struct Workspace : testing::Test {
  // Entries counts what is in the bench's folder, to see that a refusal leaves nothing.
  size_t Entries() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(bench.path()), fs::directory_iterator()));
  }
  ShiftResult MustRun(const fs::path& ws, uint64_t units) {
    auto r = RunShift({.workspace = ws,
                       .product = "",
                       .as = "",
                       .units = units,
                       .tell = [](const line::UnitResult&) {},
                       .stop = {}},
                      bench.Keys(), clock);
    if (!r) {
      ADD_FAILURE() << r.error().ToString();
      std::abort();
    }
    return *r;
  }
  // Begin puts a unit on the line and leaves it there.
  void Begin(const fs::path& ws, const std::string& unit) {
    auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    ASSERT_TRUE(f) << f.error().ToString();
    ASSERT_TRUE((*f)->log->Append(ledger::MakeEvent(
        (*f)->context, clock.Now(), "unit:" + unit,
        ledger::UnitState{.unit = unit, .state = "started", .reason = "on the line"})));
  }
  Result<Adopted> Adopt(const fs::path& ws, const std::string& text, bool dry_run = false) {
    return AdoptPlan(ws, MustParse(text), bench.path(), bench.Keys(), "", dry_run, clock);
  }
  Bench bench;
  SystemClock clock;
  std::string text = PlanText("bulb");
};

struct InitTest : Workspace {};

TEST_F(InitTest, AnExistingFolderIsRefused) {
  plan::Plan plan = MustParse(text);
  for (const char* there : {"ws", "ws.offline"}) {
    fs::create_directory(bench / there);
    auto r = bench.InitHere(plan, bench / "ws");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, "init.exists");
    EXPECT_THAT(r.error().message, HasSubstr(there));
    EXPECT_TRUE(fs::is_empty(bench / there));
    fs::remove(bench / there);
  }
}

TEST_F(InitTest, TheSamePassphraseIsRefusedAndNothingIsLeft) {
  bench.Write("offline", "a passphrase for the online keys\n");
  size_t before = Entries();
  auto r = bench.InitHere(MustParse(text), bench / "ws");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "keys.same-passphrase");
  EXPECT_EQ(Entries(), before);
}

TEST_F(InitTest, AnAnchorFileThatIsMissingLeavesNothing) {
  fs::remove(bench / "webpki.pem");
  size_t before = Entries();
  auto r = bench.InitHere(MustParse(PlanText("bmc")), bench / "ws");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "file.missing");
  EXPECT_EQ(Entries(), before);
}

TEST_F(InitTest, AFolderThatCannotBeMadeIsTheEnvironment) {
  bench.Write("file", "not a folder");
  auto r = bench.InitHere(MustParse(text), bench / "file" / "ws");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().kind, ErrorKind::kEnvironment) << r.error().ToString();
}

TEST_F(InitTest, ProductionIsRefusedWithEveryReason) {
  size_t before = Entries();
  auto r = Init({.workspace = bench / "ws", .plan_file = bench / "plan.toml", .production = true},
                MustParse(text), bench.Keys(), clock);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "init.production");
  EXPECT_THAT(r.error().message,
              testing::AllOf(HasSubstr("plan.pen-rehearsal"), HasSubstr("plan.example")));
  EXPECT_EQ(Entries(), before);
}

TEST_F(InitTest, ADryRunMakesNothing) {
  size_t before = Entries();
  auto r = Init({.workspace = bench / "ws", .plan_file = bench / "plan.toml", .dry_run = true},
                MustParse(text), bench.Keys(), clock);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_FALSE(r->levels.empty());
  EXPECT_EQ(Entries(), before);
}

struct AdoptTest : Workspace {};

TEST_F(AdoptTest, TheSamePlanIsRefused) {
  auto r = Adopt(CopyOf(bench, text), text);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "plan.adopt-same");
}

TEST_F(AdoptTest, AnotherProductIdIsRefused) {
  fs::path ws = CopyOf(bench, text);
  Replace(text, "id = \"lumo-a19\"", "id = \"lumo-a20\"");
  auto r = Adopt(ws, text);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "product.unknown");
  EXPECT_THAT(r.error().message, HasSubstr("lumo-a20"));
}

TEST_F(AdoptTest, AChangedRootIsRefused) {
  fs::path ws = CopyOf(bench, text);
  const plan::Plan plan = MustParse(text);
  Replace(text, plan.IdentityPki()->levels.front().name, "Somebody Else's Root");
  auto r = Adopt(ws, text);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "plan.findings");
  EXPECT_THAT(r.error().message, HasSubstr("plan.adopt-fixed"));
}

TEST_F(AdoptTest, UnfinishedUnitsKeepTheOldPlanInForce) {
  fs::path ws = CopyOf(bench, text);
  Begin(ws, "lumo-a19/LUMO-000001");
  Replace(text, "firmware = \"2.4.1\"", "firmware = \"2.4.2\"");
  auto r = Adopt(ws, text);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "plan.adopt-unfinished");
  auto reader = OpenReader(ws);
  EXPECT_EQ(PlanOf(**reader, "")->version, 1u);
}

TEST_F(AdoptTest, AChangeIsVersionTwoAndADryRunIsNot) {
  fs::path ws = CopyOf(bench, text);
  Replace(text, "firmware = \"2.4.1\"", "firmware = \"2.4.2\"");
  auto dry = Adopt(ws, text, true);
  ASSERT_TRUE(dry) << dry.error().ToString();
  EXPECT_THAT(dry->difference, HasSubstr("2.4.2"));
  EXPECT_EQ(PlanOf(*OpenReader(ws).value(), "")->version, 1u);
  auto r = Adopt(ws, text);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->version, 2u);
  auto now = PlanOf(*OpenReader(ws).value(), "");
  EXPECT_EQ(now->version, 2u);
  EXPECT_EQ(now->plan.product.firmware, "2.4.2");
}

TEST_F(AdoptTest, AnotherFileOfAnAnchorIsAReplacementOnRecord) {
  text = PlanText("bmc");
  fs::path ws = CopyOf(bench, text);  // made with another bench's webpki.pem
  Replace(text, "firmware = \"", "firmware = \"9.");
  auto first = Adopt(ws, text);
  ASSERT_TRUE(first) << first.error().ToString();
  Replace(text, "firmware = \"9.", "firmware = \"10.");
  ASSERT_TRUE(Adopt(ws, text));  // the same file: nothing is replaced
  auto reader = *OpenReader(ws);
  auto seqs = *reader->registry().EventsOfType(ledger::AnchorReplaced::kType);
  ASSERT_EQ(seqs.size(), 1u);
  auto body = *ledger::BodyOf<ledger::AnchorReplaced>(*reader->EventAt(seqs[0]));
  EXPECT_EQ(body.anchor, "webpki");
  EXPECT_EQ(body.means, "new-plan");
  EXPECT_NE(body.before, body.after);
}

struct StatusTest : Workspace {
  StatusReport MustLook(const fs::path& ws, Time at) {
    auto r = LookAt(ws, ManualClock(at));
    if (!r) {
      ADD_FAILURE() << r.error().ToString();
      std::abort();
    }
    return *r;
  }
};

TEST_F(StatusTest, NoWorkspaceIsTheEnvironment) {
  auto r = LookAt(bench / "nowhere", clock);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "workspace.missing");
}

TEST_F(StatusTest, ANewWorkspaceAlarmsNobody) {
  StatusReport r = MustLook(CopyOf(bench, PlanText("bmc")), clock.Now());
  EXPECT_TRUE(r.alarms.empty()) << r.alarms.ToString();
  EXPECT_TRUE(r.rehearsal);
  EXPECT_EQ(r.units, 0u);
}

TEST_F(StatusTest, ASubordinateNearItsEndAndBehindIt) {
  constexpr auto kDay = std::chrono::hours(24);
  fs::path ws = CopyOf(bench, PlanText("bmc"));
  StatusReport near = MustLook(ws, clock.Now() + kDay * 700);
  EXPECT_TRUE(near.alarms.Has("status.retiring"));
  EXPECT_FALSE(near.alarms.Has("status.retired"));
  StatusReport behind = MustLook(ws, clock.Now() + kDay * 740);
  EXPECT_TRUE(behind.alarms.Has("status.retired"));
  EXPECT_TRUE(behind.alarms.HasErrors());
}

TEST_F(StatusTest, AUnitOnTheLineIsTold) {
  fs::path ws = CopyOf(bench, text);
  Begin(ws, "lumo-a19/LUMO-000001");
  StatusReport r = MustLook(ws, clock.Now());
  EXPECT_EQ(r.unfinished, 1u);
  EXPECT_TRUE(r.alarms.Has("status.unfinished"));
  EXPECT_FALSE(r.alarms.HasErrors());
}

struct PublishTest : Workspace {
  Result<DiscloseResult> Disclose(const fs::path& ws, const char* file, bool dry_run = false) {
    return DiscloseProduct(
        {.workspace = ws, .product = "", .as = "", .file = bench / file, .dry_run = dry_run},
        bench.Keys(), clock);
  }
};

TEST_F(PublishTest, ABundleGivesTheListsOfItsWorkspace) {
  fs::path ws = CopyOf(bench, text);
  ShiftResult ran = MustRun(ws, 2);
  EXPECT_EQ(ran.good, 2u);
  EXPECT_EQ(ran.unexplained, 0u);
  ASSERT_TRUE(WriteBundle(ws, bench.Keys(), clock, bench / "b"));
  auto a = View::Open(ws.string());
  auto b = View::Open((bench / "b").string());
  ASSERT_TRUE(a && b) << (a ? b.error().ToString() : a.error().ToString());
  EXPECT_EQ((*a)->rehearsal(), (*b)->rehearsal());
  auto units = [](View& v) {
    std::string out;
    auto rows = v.registry().Units({}, {}).value();
    for (const auto& u : rows)
      out += u.unit + " " + u.state + " " + u.site + " " + std::to_string(u.visits) + "\n";
    return out;
  };
  auto identities = [](View& v) {
    std::string out;
    auto rows = v.registry().Identities({}, {}).value();
    for (const auto& i : rows)
      out += std::to_string(i.seq) + " " + ToHex(i.serial) + " " + i.unit + " " + i.state + "\n";
    return out;
  };
  auto cas = [](View& v) {
    std::string out;
    auto rows = v.registry().Cas().value();
    for (const auto& c : rows) out += c.id + " " + c.name + " " + std::to_string(c.issued) + "\n";
    return out;
  };
  EXPECT_THAT(units(**a), HasSubstr("lumo-a19/LUMO-000002 packed"));
  EXPECT_EQ(units(**a), units(**b));
  EXPECT_EQ(identities(**a), identities(**b));
  EXPECT_EQ(cas(**a), cas(**b));
  EXPECT_EQ((*a)->EventAt(3)->id, (*b)->EventAt(3)->id);
  EXPECT_EQ((*b)->EventAt(1'000'000).error().code, "ledger.no-event");
  auto key = (*a)->registry().Identities({}, {}).value().front().spki;
  EXPECT_EQ((*b)->registry().IdentitiesByKey(key).value().size(), 1u);
}

TEST_F(PublishTest, ADryRunWritesAndCommitsNothing) {
  fs::path ws = CopyOf(bench, text);
  ASSERT_TRUE(SignCheckpoint(ws, bench.Keys(), clock, {}));
  uint64_t before = OpenReader(ws).value()->size();
  auto r = Disclose(ws, "d", true);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_FALSE(fs::exists(bench / "d"));
  EXPECT_EQ(OpenReader(ws).value()->size(), before);
}

TEST_F(PublishTest, TheSecondDisclosureIsVersionTwoAndEachRecomputes) {
  fs::path ws = CopyOf(bench, text);
  MustRun(ws, 1);
  for (uint32_t version : {1u, 2u}) {
    SCOPED_TRACE(version);
    auto r = Disclose(ws, "d");
    ASSERT_TRUE(r) << r.error().ToString();
    ASSERT_FALSE(r->refused) << r->findings.ToString();
    EXPECT_EQ(r->version, version);
    auto kept = static_cast<uint32_t>(
        std::distance(fs::directory_iterator(Layout(ws).disclosures()), fs::directory_iterator()));
    EXPECT_EQ(kept, version);
    ASSERT_TRUE(WriteBundle(ws, bench.Keys(), clock, bench / "b"));
    auto again = disclose::RunRecompute(
        {.bundle = (bench / "b").string(), .file = (bench / "d").string(), .json = false});
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ(again->exit, 0) << again->out;
  }
}

}  // namespace
}  // namespace birthmark::app
