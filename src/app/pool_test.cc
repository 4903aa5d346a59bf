// SPDX-License-Identifier: Apache-2.0
// The bamboo pool in real workspaces: it is filled, the line runs from it without any authority,
// each key leaves once, and what a power cut takes is lost by name.
#include "app/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/reconcile.h"
#include "app/shift.h"
#include "app/status.h"
#include "app/test_workspace.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Pools : testing::Test {
  Bench bench;
  SystemClock clock;
  fs::path ws;

  // Born is a workspace of bulbs whose subordinate signs `most` certificates.
  void Born(uint64_t most = 1'000'000) {
    std::string text = PlanText("bulb");
    Replace(text, "max-count = 1000000", "max-count = " + std::to_string(most));
    ws = CopyOf(bench, text);
  }
  std::unique_ptr<Factory> Open() {
    auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    if (!f) {
      ADD_FAILURE() << f.error().ToString();
      std::abort();
    }
    return std::move(*f);
  }
  Status Fill(uint64_t count) {
    auto f = Open();
    return FillPool(*f, {.station = "burner", .count = count, .made = {}}, clock);
  }
  ShiftResult Run(uint64_t units) {
    auto r = RunShift({.workspace = ws,
                       .product = "",
                       .as = "",
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
  ledger::Account Account() {
    auto reader = OpenReader(ws);
    auto r = Reconcile(**reader, "", std::nullopt, clock);
    EXPECT_TRUE(r);
    EXPECT_EQ(r->account.Left(), r->account.Right());
    return r->account;
  }
  std::vector<fs::path> Files() {
    std::vector<fs::path> out;
    for (const auto& f : fs::directory_iterator(Layout(ws).pool())) out.push_back(f.path());
    return out;
  }
  std::vector<line::UnitResult> told;
};

TEST_F(Pools, TheLineRunsFromItWithoutAnyAuthority) {
  Born(4);
  ASSERT_TRUE(Fill(4));
  ledger::Account before = Account();
  EXPECT_EQ(before.pool, 4u);
  EXPECT_EQ(before.generated, 4u);
  ShiftResult r = Run(3);
  EXPECT_EQ(r.good, 3u);
  EXPECT_EQ(r.unexplained, 0u);
  EXPECT_EQ(told[0].serial, "LUMO-000001");
  ledger::Account after = Account();
  EXPECT_EQ(after.pool, 1u);
  EXPECT_EQ(after.installed, 3u);
  EXPECT_TRUE(after.odd.empty());
  auto status = LookAt(ws, clock);
  EXPECT_TRUE(status->alarms.Has("status.pool-low"));
  EXPECT_FALSE(status->alarms.Has("status.unexplained"));
  EXPECT_EQ(Files().size(), 1u);
  EXPECT_EQ(Run(1).good, 1u);
  EXPECT_TRUE(Files().empty());  // the last key took the file with it
  EXPECT_TRUE(LookAt(ws, clock)->alarms.Has("status.pool-empty"));
}

TEST_F(Pools, ItsNumbersAreNobodyElses) {
  Born();
  ASSERT_TRUE(Run(1).good == 1);
  ASSERT_TRUE(Fill(2));
  ASSERT_TRUE(Fill(1));
  told.clear();
  EXPECT_EQ(Run(4).good, 4u);
  std::vector<std::string> serials;
  for (const line::UnitResult& u : told) serials.push_back(u.serial);
  EXPECT_THAT(serials, ElementsAre("LUMO-000002", "LUMO-000003", "LUMO-000004", "LUMO-000005"));
  EXPECT_TRUE(Account().odd.empty());
}

TEST_F(Pools, AnAuthorityAtItsEndFillsWhatItStillMay) {
  Born(5);
  ASSERT_TRUE(Fill(3));
  Status more = Fill(3);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, "desk.retired");
  EXPECT_EQ(Account().pool, 5u);
}

TEST_F(Pools, OnlyAStationThatWritesABambooIdentityHasOne) {
  Born();
  auto f = Open();
  for (const char* station : {"cap", "nowhere"}) {
    Status s = FillPool(*f, {.station = station, .count = 1, .made = {}}, clock);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code, "pool.station");
  }
}

// The power goes between the commit of pool.released and the key's arrival in the process.
TEST_F(Pools, AKeyThatWasReleasedAndNeverUsedIsLostByNameAndTheNextIsTaken) {
  Born(3);
  ASSERT_TRUE(Fill(3));
  {
    auto f = Open();
    auto row = ledger::PoolEntry(f->log->registry().db(), "lumo-a19/LUMO-000001");
    ASSERT_TRUE(row && *row);
    ledger::Submission all;
    all.push_back(*ledger::Prepare(ledger::MakeEvent(
        f->context, clock.Now(), "",
        ledger::UnitState{.unit = "lumo-a19/LUMO-000001", .state = "started", .reason = ""})));
    all.push_back(*ledger::Prepare(ledger::MakeEvent(
        f->context, clock.Now(), "",
        ledger::PoolReleased{
            .id = (*row)->id, .unit = "lumo-a19/LUMO-000001", .station = "burner"})));
    ASSERT_TRUE(f->log->Append(std::move(all)));
  }
  ShiftResult r = Run(3);
  EXPECT_EQ(r.begun_before, 1u);
  EXPECT_EQ(r.scrapped, 1u);  // the number; the board is blank
  EXPECT_EQ(r.good, 2u);
  EXPECT_THAT(told[0].why, HasSubstr("takes the next number"));
  ledger::Account a = Account();
  EXPECT_TRUE(a.odd.empty());
  EXPECT_EQ(a.voided, 1u);
  EXPECT_EQ(a.installed, 2u);
  EXPECT_TRUE(Files().empty());
}

TEST_F(Pools, AKeyIsHandedOutOnceAndItsSealedFormIsGone) {
  Born();
  ASSERT_TRUE(Fill(2));
  auto f = Open();
  auto pool = OpenPool(*f, clock);
  ASSERT_TRUE(pool && *pool);
  std::string serial = (*pool)->NextSerial()->value();
  method::Job job{.unit = "lumo-a19/" + serial, .serial = serial, .slot = "idevid", .subject = ""};
  Bytes before = ReadFile(Files()[0], 1 << 20).value();
  auto first = (*pool)->Release(job);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->scalar.size(), 32u);
  Bytes after = ReadFile(Files()[0], 1 << 20).value();
  EXPECT_NE(before, after);
  EXPECT_EQ(std::count(after.begin() + 64, after.begin() + 64 + 60, 0), 60);
  EXPECT_TRUE(std::equal(before.begin() + 124, before.end(), after.begin() + 124));
  auto again = (*pool)->Release(job);
  ASSERT_TRUE(again && *again);
  EXPECT_TRUE((*again)->scalar.empty());
  auto nobody = (*pool)->Release({.unit = "lumo-a19/X", .serial = "X", .slot = "idevid"});
  ASSERT_TRUE(nobody);
  EXPECT_FALSE(*nobody);
}

TEST_F(Pools, AChangedOrExchangedEntryIsDamaged) {
  Born();
  ASSERT_TRUE(Fill(2));
  fs::path file = Files()[0];
  Bytes bytes = ReadFile(file, 1 << 20).value();
  std::swap_ranges(bytes.begin() + 64, bytes.begin() + 124, bytes.begin() + 124);
  ASSERT_TRUE(WriteFileAtomic(file, bytes, 0600));
  auto f = Open();
  auto pool = OpenPool(*f, clock);
  auto r = (*pool)->Release({.unit = "lumo-a19/LUMO-000001", .serial = "LUMO-000001"});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "pool.damaged");
}

TEST_F(Pools, ABatchWhoseCommitNeverCameIsErasedByTheNextFilling) {
  Born();
  ASSERT_TRUE(Fill(1));
  ASSERT_TRUE(WriteFileAtomic(Layout(ws).pool() / "orphan", std::string("keys"), 0600));
  ASSERT_TRUE(Fill(1));
  EXPECT_EQ(Files().size(), 2u);
  EXPECT_FALSE(fs::exists(Layout(ws).pool() / "orphan"));
}

}  // namespace
}  // namespace birthmark::app
