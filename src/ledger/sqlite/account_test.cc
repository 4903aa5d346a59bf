// SPDX-License-Identifier: Apache-2.0
// The reconcile's account: every identity has one place, the equation closes, and each thing that
// does not fit is named for what it is. Beside it the pool's table and the registry's age.
#include "ledger/sqlite/account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/sqlite/pool_table.h"
#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr int64_t kNow = 1'790'000'001'000;  // when test events happen

struct Accounts : testing::Test {
  TestLog log;
  std::optional<uint64_t> order;
  int64_t later = 0;

  IdentityIssued Identity(const std::string& n, const std::string& key = "",
                          const std::string& slot = "idevid") {
    return Issue("bmc/" + n, key.empty() ? "key " + n : key, n + slot, slot);
  }
  void State(const std::string& n, const std::string& state) {
    log.Add(Now(UnitState{"bmc/" + n, state, ""}));
  }
  void Visit(const std::string& n, const std::string& chip = "", const std::string& station = "b") {
    UnitVisit v;
    v.unit = "bmc/" + n;
    v.station = station;
    v.site = "plant";
    v.result = "good";
    if (!chip.empty()) v.chip = chip;
    log.Add(Now(v));
  }
  // Good brings a unit to its end as the line does.
  void Good(const std::string& n, const std::string& chip = "") {
    State(n, "started");
    log.Add(Now(Identity(n)));
    Visit(n, chip);
    log.Add(StateEvent(Identity(n), "installed"));
    State(n, "packed");
  }
  void Fill(const std::vector<std::string>& units, const std::string& id = "batch") {
    Submission all;
    PoolFilled filled;
    filled.id = id;
    filled.product = "bmc";
    filled.station = "b";
    for (const std::string& n : units) {
      all.push_back(*Prepare(Now(Identity(n))));
      filled.serials.push_back(n);
    }
    all.push_back(*Prepare(Now(filled)));
    ASSERT_TRUE(log.writer->Append(std::move(all)));
  }
  Account Take() {
    auto r = AccountOf(log.writer->registry().db(),
                       {.product = "bmc", .order = order, .now = kNow + later});
    if (!r) {
      ADD_FAILURE() << r.error().ToString();
      std::abort();
    }
    EXPECT_EQ(r->Left(), r->Right());
    return std::move(*r);
  }
  static std::vector<std::pair<std::string, std::string>> Odd(const Account& a) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const Unexplained& u : a.odd) out.emplace_back(u.why, u.unit);
    return out;
  }
};

TEST_F(Accounts, AnOrdinaryNightClosesToZero) {
  Good("1");
  Good("2");
  State("3", "started");  // on the line before its identity
  State("4", "started");  // and behind it
  log.Add(Now(Identity("4")));
  Visit("4");
  Good("5");
  log.Add(StateEvent(Identity("5"), "revoked"));
  State("5", "scrapped");
  Fill({"6", "7", "8"});
  IdentityIssued net = Identity("9");
  net.via = "est";
  log.Add(Now(net));
  Account a = Take();
  EXPECT_THAT(Odd(a), IsEmpty());
  EXPECT_EQ(a.generated, 8u);
  EXPECT_EQ(a.revoked, 1u);
  EXPECT_EQ(a.installed, 2u);
  EXPECT_EQ(a.pool, 3u);
  EXPECT_EQ(a.delivered, 1u);
  EXPECT_EQ(a.reserved, 1u);
  EXPECT_EQ(a.on_line, 2u);
  EXPECT_EQ(a.units_good, 2u);
  EXPECT_EQ(a.units_scrapped, 1u);
}

TEST_F(Accounts, NamesWhatWasNeverInstalled) {
  State("1", "started");
  log.Add(Now(Identity("1")));
  Visit("1");
  EXPECT_THAT(Odd(Take()), IsEmpty());  // in work
  later = 25 * 60 * 60 * 1000;
  EXPECT_THAT(Odd(Take()), ElementsAre(Pair("never-installed", "bmc/1")));
  later = 0;
  State("1", "packed");
  EXPECT_THAT(Odd(Take()), ElementsAre(Pair("never-installed", "bmc/1")));
}

TEST_F(Accounts, NamesWhatLeftThePoolAndCameNowhere) {
  Fill({"1", "2"});
  log.Add(Now(PoolReleased{"batch", "bmc/1", "b"}));
  Account a = Take();
  EXPECT_THAT(Odd(a), ElementsAre(Pair("released-never-installed", "bmc/1")));
  EXPECT_EQ(a.pool, 1u);
  EXPECT_EQ(a.unexplained, 1u);
  log.Add(StateEvent(Identity("1"), "void"));
  EXPECT_THAT(Odd(Take()), IsEmpty());
  log.Add(StateEvent(Identity("2"), "lost-at-station"));
  EXPECT_THAT(Odd(Take()), ElementsAre(Pair("lost-at-station", "bmc/2")));
}

TEST_F(Accounts, NamesGhosts) {
  log.Add(Now(Identity("1")));  // an identity without a unit
  State("2", "started");        // a unit without an identity
  State("2", "packed");
  Good("3");  // its identity was revoked in the field
  log.Add(StateEvent(Identity("3"), "revoked"));
  EXPECT_THAT(Odd(Take()),
              UnorderedElementsAre(Pair("ghost", "bmc/1"), Pair("unit-without-identity", "bmc/2")));
}

TEST_F(Accounts, NamesALiveIdentityOfAScrappedUnit) {
  Good("1");
  State("1", "scrapped");
  EXPECT_THAT(Odd(Take()), ElementsAre(Pair("scrapped-unit-live", "bmc/1")));
}

TEST_F(Accounts, NamesOneChipInTwoUnitsUnlessOneWasGivenUp) {
  Good("1", "c0ffee");
  Good("2", "c0ffee");
  EXPECT_THAT(Odd(Take()),
              UnorderedElementsAre(Pair("swapped", "bmc/1"), Pair("swapped", "bmc/2")));
  log.Add(StateEvent(Identity("1"), "revoked"));
  State("1", "scrapped");
  EXPECT_THAT(Odd(Take()), IsEmpty());
}

// The writer refuses the same key twice, so it comes in by an adopted certificate's later life
// only: the tables are made to say so here.
TEST_F(Accounts, NamesAKeyInTwoUnitsAndTwoKeysInOneSlot) {
  Good("1");
  Good("2");
  Good("3");
  auto db = Db::Open((log.dir / kLogFile).string(), Db::Mode::kWrite);
  log.writer.reset();
  ASSERT_TRUE(
      db->Exec("UPDATE identity SET spki=(SELECT spki FROM identity WHERE unit='bmc/1') "
               "WHERE unit='bmc/2'"));
  ASSERT_TRUE(
      db->Exec("INSERT INTO identity SELECT 900, x'0102', x'03', unit, slot, ca, method, "
               "state, issued_at, state_at, station, via FROM identity WHERE "
               "unit='bmc/3'"));
  auto a = AccountOf(*db, {.product = "bmc", .order = {}, .now = kNow});
  ASSERT_TRUE(a);
  EXPECT_THAT(Odd(*a),
              UnorderedElementsAre(Pair("duplicate-key", "bmc/1"), Pair("duplicate-key", "bmc/2"),
                                   Pair("two-keys", "bmc/3"), Pair("two-keys", "bmc/3")));
  EXPECT_EQ(a->unexplained, 4u);
  EXPECT_EQ(a->Left(), a->Right());
  auto shared =
      AccountOf(*db, {.product = "bmc", .order = {}, .now = kNow, .shared_slots = {"idevid"}});
  EXPECT_EQ(shared->unexplained, 2u);
}

TEST_F(Accounts, NamesOverbuildAgainstTheOrder) {
  Good("1");
  Good("2");
  order = 2;
  EXPECT_THAT(Odd(Take()), IsEmpty());
  Good("3");
  EXPECT_THAT(Odd(Take()), ElementsAre(Pair("overbuild", "bmc/3")));
}

TEST_F(Accounts, CountsHoldsAndAdoptedApart) {
  Good("1");
  log.Add(StateEvent(Identity("1"), "held"));
  IdentityAdopted old;
  old.unit = "bmc/2";
  old.slot = "idevid";
  old.spki = DigestOf("old");
  old.serial = {1};
  old.state = "adopted";
  log.Add(Now(old));
  State("2", "adopted");
  Account a = Take();
  EXPECT_THAT(Odd(a), IsEmpty());
  EXPECT_EQ(a.held, 1u);
  EXPECT_EQ(a.adopted, 1u);
  EXPECT_EQ(a.generated, 1u);
}

TEST_F(Accounts, AnotherProductIsNobodysConcern) {
  log.Add(Now(Issue("bmc0/1", "k", "1")));
  log.Add(Now(Issue("bm/1", "k2", "2")));
  Account a = Take();
  EXPECT_EQ(a.generated, 0u);
  EXPECT_THAT(Odd(a), IsEmpty());
}

TEST_F(Accounts, ThePoolGivesTheOldestAndForgetsWhatEnded) {
  Fill({"1", "2", "3"});
  Fill({"4"}, "second");
  const Db& db = log.writer->registry().db();
  auto next = [&](PoolPlace from = {}) {
    std::vector<std::string> units;
    std::vector<PoolRow> rows = *PoolNext(db, "b", "bmc", from, 10);
    for (const PoolRow& r : rows) units.push_back(r.unit);
    return units;
  };
  EXPECT_THAT(next(), ElementsAre("bmc/1", "bmc/2", "bmc/3", "bmc/4"));
  EXPECT_EQ(*PoolAhead(db, "bmc"), 4u);
  log.Add(Now(PoolReleased{"batch", "bmc/1", "b"}));
  log.Add(StateEvent(Identity("2"), "revoked"));
  State("3", "started");
  EXPECT_THAT(next(), ElementsAre("bmc/4"));
  EXPECT_EQ(PoolEntry(db, "bmc/1")->value().state, "released");
  EXPECT_EQ(PoolEntry(db, "bmc/2")->value().state, "ended");
  EXPECT_EQ(*PoolLeft(db), 2u);
  EXPECT_EQ(*PoolBatchLeft(db, "batch"), 1u);
  EXPECT_EQ(*PoolAhead(db, "bmc"), 3u);
  EXPECT_TRUE(*PoolHasBatch(db, "second"));
  EXPECT_FALSE(*PoolHasBatch(db, "third"));
  auto levels = *PoolLevels(db, kNow - 1000);
  ASSERT_EQ(levels.size(), 1u);
  EXPECT_EQ(levels[0].left, 2u);
  EXPECT_EQ(levels[0].released, 1u);
  EXPECT_EQ(levels[0].first_release, kNow);
}

// A log of an older release: its reader derives tables of its own, its next writer the log's.
TEST_F(Accounts, TablesOfAnOlderReleaseAreDerivedAgain) {
  Good("1");
  Visit("1", "beef", "final");
  log.writer.reset();
  {
    auto db = Db::Open((log.dir / kLogFile).string(), Db::Mode::kWrite);
    ASSERT_TRUE(
        db->Exec("DROP TABLE visit; DROP TABLE pool; ALTER TABLE identity DROP COLUMN via; "
                 "ALTER TABLE identity DROP COLUMN station; PRAGMA user_version=0"));
  }
  auto reader = log.Read();
  EXPECT_EQ(reader->registry().IdentitiesOf("bmc/1")->at(0).state, "installed");
  EXPECT_EQ(reader->registry().Units({.station = "final"}, {})->size(), 1u);
  log.Reopen();
  ASSERT_TRUE(reader->Refresh());
  EXPECT_EQ(&reader->registry().db(), &reader->db());
  EXPECT_EQ(reader->registry().Units({.station = "final"}, {})->size(), 1u);
  EXPECT_EQ(log.writer->registry().IdentitiesOf("bmc/1")->size(), 1u);
}

TEST_F(Accounts, UnitsAndIdentitiesAreFoundByStationAuthorityProductAndPeriod) {
  Good("1");
  Visit("1", "", "final");
  Good("2");
  Event e = MakeEvent({.station = "burner"}, TimeFromMillis(kNow - 5000), "", Identity("3"));
  log.Add(e);
  Registry& r = log.writer->registry();
  EXPECT_EQ(r.Units({.station = "final"}, {})->size(), 1u);
  EXPECT_EQ(r.Units({.station = "b"}, {})->size(), 2u);
  EXPECT_EQ(r.Units({.station = "b", .until = kNow}, {})->size(), 0u);
  EXPECT_EQ(r.Units({.station = "b", .since = kNow}, {})->size(), 2u);
  EXPECT_EQ(r.Units({.ca = "site-1"}, {})->size(), 2u);
  EXPECT_EQ(r.Units({.ca = "site-2"}, {})->size(), 0u);
  EXPECT_EQ(r.Identities({.station = "burner"}, {})->size(), 1u);
  EXPECT_EQ(r.Identities({.product = "bmc", .since = kNow}, {})->size(), 2u);
  EXPECT_EQ(r.Identities({.product = "bmc", .until = kNow}, {})->size(), 1u);
  EXPECT_EQ(r.Identities({.product = "bm"}, {})->size(), 0u);
  EXPECT_EQ(r.Identities({.unit = "bmc/3", .station = "burner"}, {})->size(), 1u);
  EXPECT_EQ(r.Identities({.unit = "bmc/3", .since = kNow}, {})->size(), 0u);
}

}  // namespace
}  // namespace birthmark::ledger
