// SPDX-License-Identifier: Apache-2.0
// What was revoked, by authority, and the lists that were signed: found again after a rebuild.
#include "ledger/sqlite/registry_revocations.h"

#include <gtest/gtest.h>

#include "ledger/events_revocation.h"
#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

struct Revocations : testing::Test {
  TestLog log;
  const Db& db() { return log.writer->registry().db(); }

  uint64_t State(const IdentityIssued& of, const std::string& state, const std::string& reason) {
    auto receipt = log.writer->Append(
        Submit({Now(IdentityState{of.slot, of.unit, state, reason, of.serial})}));
    EXPECT_TRUE(receipt) << receipt.error().ToString();
    return receipt ? receipt->seqs[0] : 0;
  }
  std::vector<std::string> List(std::string_view ca = "site-1") {
    std::vector<std::string> out;
    EXPECT_TRUE(ForEachRevocation(db(), ca, [&](const RevocationRow& r) -> Status {
      out.push_back(ToHex(r.serial) + " " + std::string(ReasonWord(r.reason)));
      return {};
    }));
    return out;
  }
};

TEST_F(Revocations, AListIsWhatIsRevokedOrHeldNow) {
  auto a = Issue("bmc/1", "k1", "1"), b = Issue("bmc/2", "k2", "2"), c = Issue("bmc/3", "k3", "3");
  for (const auto& i : {a, b, c}) log.Add(Now(i, "unit:" + i.unit));
  EXPECT_EQ(*RevocationMark(db(), ""), 0u);
  State(a, "revoked", "keyCompromise over cmp by self");
  State(b, "held", "certificateHold");
  State(c, "superseded", "renewed");
  auto check = [&] {
    std::vector<std::string> want{ToHex(a.serial) + " keyCompromise",
                                  ToHex(b.serial) + " certificateHold"};
    std::ranges::sort(want);
    EXPECT_EQ(List(), want);
    EXPECT_TRUE(List("site-2").empty());
    EXPECT_TRUE(*RevocationOf(db(), "site-1", a.serial));
    EXPECT_FALSE(*RevocationOf(db(), "site-1", c.serial));
  };
  check();
  ASSERT_TRUE(log.writer->Rebuild());
  check();
}

TEST_F(Revocations, AHoldThatEndsLeavesTheListAndMovesTheMark) {
  auto a = Issue("bmc/1", "k1", "1");
  log.Add(Now(a, "unit:bmc/1"));
  const uint64_t held = State(a, "held", "certificateHold");
  EXPECT_EQ(*RevocationMark(db(), "site-1"), held);
  const uint64_t released = State(a, "installed", "removeFromCRL");
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(*RevocationMark(db(), "site-1"), released);
  EXPECT_EQ(*RevocationMark(db(), ""), released);
  const uint64_t revoked = State(a, "revoked", "superseded");
  EXPECT_EQ(List().size(), 1u);
  EXPECT_EQ(*RevocationMark(db(), "site-1"), revoked);
}

TEST_F(Revocations, AnAuthoritysTurnsAndItsPlaceOnTheListAbove) {
  for (const char* id : {"root", "sub-1", "sub-2"}) {
    CaCreated ca;
    ca.id = id;
    ca.pki = "identity";
    ca.level = id == std::string("root") ? 1 : 2;
    ca.issuer = "root";
    log.Add(Now(ca, "ca:" + ca.id));
  }
  log.Add(
      Now(CaState{.id = "sub-2", .state = "waiting", .until = std::nullopt, .reason = "ahead"}));
  EXPECT_EQ((*log.writer->registry().Ca("sub-1"))->state, "active");
  EXPECT_EQ((*log.writer->registry().Ca("sub-2"))->state, "waiting");
  log.Add(Now(CaState{.id = "sub-2", .state = "active", .until = 1'800'000'000'000, .reason = ""}));
  EXPECT_EQ((*log.writer->registry().Ca("sub-2"))->issues_until, 1'800'000'000'000);
  log.Add(Now(CaState{
      .id = "sub-1", .state = "compromised", .until = std::nullopt, .reason = "cACompromise"}));
  EXPECT_EQ(List("root").size(), 1u);
  EXPECT_TRUE(List("root")[0].ends_with("cACompromise"));
  EXPECT_EQ(log.writer->registry().CasOf("identity", 2)->size(), 2u);
  EXPECT_GT(*RevocationMark(db(), "root"), 0u);
  EXPECT_EQ(*RevocationMark(db(), "sub-1"), 0u);
}

TEST_F(Revocations, ANewListEndsTheReserveBeforeIt) {
  auto sign = [&](uint64_t number, bool reserve) {
    log.Add(Now(CrlSigned{.ca = "root",
                          .upto = 1,
                          .count = 0,
                          .number = number,
                          .reserve = reserve,
                          .next_update = 2,
                          .this_update = 1}));
  };
  sign(1, false);
  sign(2, true);
  sign(3, true);
  EXPECT_EQ(CrlsOf(db(), "root")->size(), 3u);
  sign(4, false);
  ASSERT_EQ(CrlsOf(db(), "root")->size(), 1u);
  EXPECT_EQ(CrlsOf(db(), "root")->front().number, 4u);
  EXPECT_EQ(Crls(db())->size(), 1u);
}

TEST(ReasonCode, IsOfTheFirstWord) {
  EXPECT_EQ(ReasonCode("keyCompromise over cmp by self"), 1);
  EXPECT_EQ(ReasonCode("aACompromise"), 10);
  EXPECT_EQ(ReasonCode("lost in the post"), 0);
  EXPECT_EQ(ReasonCode(""), 0);
  EXPECT_EQ(ReasonWord(7), "");
  EXPECT_EQ(ReasonWord(200), "");
}

}  // namespace
}  // namespace birthmark::ledger
