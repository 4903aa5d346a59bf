// SPDX-License-Identifier: Apache-2.0
// Seed batches and the chips whose seeds were used, found again after a restart and a rebuild.
#include "ledger/sqlite/registry_seeds.h"

#include <gtest/gtest.h>

#include "ledger/sqlite/account.h"
#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

struct Seeds : testing::Test {
  TestLog log;

  IdentityIssued Carrot(const std::string& n) {
    IdentityIssued i = Issue("ecu/" + n, "key " + n, n);
    i.method = "carrot";
    return i;
  }
  // Use issues for chips c<n> in one commit, as the issuer does.
  uint64_t Use(const std::vector<std::string>& numbers) {
    std::vector<Event> all;
    SeedsUsed used{.slot = "idevid", .batch = "b1"};
    for (const std::string& n : numbers) {
      all.push_back(Now(Carrot(n), "unit:ecu/" + n));
      used.chips.push_back("c" + n);
      used.units.push_back("ecu/" + n);
    }
    all.push_back(Now(used, "batch:b1"));
    auto receipt = log.writer->Append(Submit(all));
    EXPECT_TRUE(receipt) << receipt.error().ToString();
    return receipt ? receipt->seqs.back() : 0;
  }
};

TEST_F(Seeds, AChipLeadsToItsRunAndARebuildChangesNothing) {
  log.Add(Now(SeedBatch{.id = "b1", .file = DigestOf("file"), .count = 5, .product = "ecu"}));
  for (const char* what : {"couriered", "received", "opened"})
    log.Add(Now(SeedCustody{.how = "", .what = what, .batch = "b1", .place = ""}));
  uint64_t first = Use({"1", "2"}), second = Use({"3"});
  auto check = [&] {
    Registry& r = log.writer->registry();
    EXPECT_EQ(*r.SeedUses("c2"), std::vector<uint64_t>{first});
    EXPECT_EQ(*r.SeedUses("c3"), std::vector<uint64_t>{second});
    EXPECT_TRUE(r.SeedUses("c4")->empty());
    auto of_unit = r.IdentitiesOf("ecu/2");
    EXPECT_EQ(*SeedRunBehind(r.db(), of_unit->front().seq), first);
    auto batch = SeedBatchOf(r.db(), "b1");
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->used, 3u);
    EXPECT_NE((*batch)->opened_at, 0);
    EXPECT_EQ((*batch)->destroyed_at, 0);
    EXPECT_EQ(*SeedsUsedOf(r.db(), "ecu"), 3u);
    EXPECT_TRUE(*SeedBatchOfFile(r.db(), DigestOf("file"), "ecu"));
    EXPECT_FALSE(*SeedBatchOfFile(r.db(), DigestOf("file"), "bmc"));
  };
  check();
  ASSERT_TRUE(log.writer->Rebuild());
  check();
}

TEST_F(Seeds, WhatWaitsForItsChipIsAheadAndGivenInOrder) {
  log.Add(Now(SeedBatch{.id = "b1", .product = "ecu"}));
  Use({"1", "2", "3"});
  const Db& db = log.writer->registry().db();
  EXPECT_EQ(*InNoDevice(db), 0u);
  auto next = CarrotNext(db, "ecu", 0);
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->unit, "ecu/1");
  EXPECT_EQ((*CarrotNext(db, "ecu", (*next)->seq))->unit, "ecu/2");
  EXPECT_FALSE(*CarrotNext(db, "ec", 0));
  log.Add(Now(UnitState{"ecu/1", "started", ""}));
  EXPECT_EQ((*CarrotNext(db, "ecu", 0))->unit, "ecu/2");
  EXPECT_EQ(*InNoDevice(db), 1u);
  Account a = *AccountOf(db, {.product = "ecu", .now = 1'790'000'001'000});
  EXPECT_EQ(a.pool, 2u);
  EXPECT_EQ(a.on_line, 1u);
  EXPECT_EQ(a.Left(), a.Right());
  EXPECT_TRUE(a.odd.empty());
}

}  // namespace
}  // namespace birthmark::ledger
