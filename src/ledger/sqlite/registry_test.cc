// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/registry.h"

#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

// One event of each type that the registry knows.
std::vector<Event> AllKinds() {
  CaCreated ca;
  ca.id = "site-1";
  ca.pki = "identity";
  ca.level = 2;
  ca.issuer = "root";
  ca.max_count = 1000;
  KeyCreated key;
  key.id = "site-1";
  key.spki = DigestOf("ca key");
  key.purpose = "ca";
  CredentialIssued credential;
  credential.kind = "person";
  credential.role = "operator";
  credential.pseudonym = "p-1";
  SessionOpened session;
  session.id = "s-1";
  session.role = "operator";
  session.station = "st-1";
  session.pseudonym = "p-1";
  UnitVisit visit;
  visit.unit = "bmc/1";
  visit.site = "plant-a";
  visit.result = "good";
  ImageReleased image;
  image.stage = "first-stage";
  return {Now(PlanAdopted{ToBytes("plan"), DigestOf("plan"), "bmc", 1}),
          Now(key),
          Now(ca),
          Now(credential),
          Now(session),
          Now(UnitState{"bmc/1", "started", ""}),
          Now(visit),
          Now(Issue("bmc/1", "k1", "1")),
          StateEvent(Issue("bmc/1", "k1", "1"), "installed"),
          Now(UnitState{"bmc/1", "locked", ""}),
          Now(image),
          Now(SessionClosed{"s-1"}),
          Now(KeyDestroyed{"site-1", "wrap erased", DigestOf("ca key")})};
}

TEST(Registry, FoldsEveryKind) {
  TestLog log;
  for (const Event& e : AllKinds()) log.Add(e);
  auto r = log.Read();
  Registry& reg = r->registry();
  auto unit = reg.Unit("bmc/1")->value();
  EXPECT_EQ(unit.product, "bmc");
  EXPECT_EQ(unit.state, "locked");
  EXPECT_EQ(unit.site, "plant-a");
  EXPECT_EQ(unit.visits, 1u);
  auto row = reg.IdentityBySerial(Issue("", "", "1").serial)->value();
  EXPECT_EQ(row.state, "installed");
  EXPECT_EQ(row.unit, "bmc/1");
  EXPECT_EQ(row.method, "avocado");
  EXPECT_EQ(reg.IdentitiesByKey(DigestOf("k1"))->at(0).seq, row.seq);
  EXPECT_EQ(reg.IdentitiesOf("bmc/1")->at(0).serial, row.serial);
  auto cas = *reg.Cas();
  ASSERT_EQ(cas.size(), 1u);
  EXPECT_EQ(cas[0].issued, 1u);
  EXPECT_EQ(cas[0].max_count, 1000u);
  EXPECT_FALSE(cas[0].issues_until);
  EXPECT_TRUE(reg.KeyBySpki(DigestOf("ca key"))->value().destroyed_at);
  EXPECT_EQ(reg.Keys()->size(), 1u);
  EXPECT_EQ(reg.Credentials()->at(0).role, "operator");
  EXPECT_EQ(reg.Plans()->at(0).digest, DigestOf("plan"));
  EXPECT_TRUE(reg.Sessions(true, 10)->empty());
  EXPECT_TRUE(reg.Sessions(false, 10)->at(0).closed_at);
  EXPECT_EQ(*reg.EventsOfType("image.released"), std::vector<uint64_t>{11});
  EXPECT_EQ(*reg.EventsOfType("log.genesis"), std::vector<uint64_t>{0});
}

TEST(Registry, FindsListedPartsAndCountsReels) {
  TestLog log;
  ElementsListed listed{.reel = "R1", .elements = {}, .manifest = "m-1"};
  for (const char* uid : {"01aa", "01bb", "01cc"})
    listed.elements.push_back(
        {.uid = uid, .cert = {}, .spki = DigestOf(uid), .key = Bytes{1}, .slot = "0"});
  listed.elements[2].spki = {};  // a light list has no keys
  Event e = Now(listed);
  e.subject = "product:bmc";
  log.Add(e);
  log.Add(Now(ElementMatched{.uid = "01bb",
                             .slot = "idevid",
                             .unit = "bmc/1",
                             .reel = "R1",
                             .proof = "challenge-signed"}));
  log.Add(Now(ReelState{.reel = "R1", .state = "quarantined", .reason = "lost", .product = "bmc"}));
  auto r = log.Read();
  Registry& reg = r->registry();
  auto part = reg.Element("01bb")->value();
  EXPECT_EQ(part.pos, 1u);
  EXPECT_EQ(part.reel, "R1");
  EXPECT_EQ(part.product, "bmc");
  EXPECT_EQ(reg.ElementByKey(DigestOf("01aa"))->value().uid, "01aa");
  EXPECT_FALSE(reg.ElementByKey(Digest{})->has_value());
  EXPECT_FALSE(reg.Element("01dd")->has_value());
  EXPECT_EQ(ElementUseOf(reg.db(), "01bb")->value().unit, "bmc/1");
  auto reel = ReelOf(reg.db(), "bmc", "R1")->value();
  EXPECT_EQ(reel.received, 3u);
  EXPECT_EQ(reel.used, 1u);
  EXPECT_EQ(reel.state, "quarantined");
  EXPECT_EQ(UsesOf(reg.db(), "bmc", "R1", "", 10)->size(), 1u);
  EXPECT_TRUE(UsesOf(reg.db(), "bmc", "R1", "01bb", 10)->empty());
  size_t all = 0;
  ASSERT_TRUE(ForEachElementOf(reg.db(), "bmc", "R1", [&](std::string_view, const Digest&) {
                ++all;
                return Status();
              }).has_value());
  EXPECT_EQ(all, 3u);
}

TEST(Registry, WhatIsNotThereIsNothing) {
  TestLog log;
  Registry& reg = log.writer->registry();
  EXPECT_FALSE(*reg.IdentityBySerial(Bytes(16)));
  EXPECT_TRUE(reg.IdentitiesByKey(Digest{})->empty());
  EXPECT_TRUE(reg.IdentitiesOf("bmc/1")->empty());
  EXPECT_FALSE(*reg.Unit("bmc/1"));
  EXPECT_FALSE(*reg.KeyBySpki(Digest{}));
}

TEST(Registry, ListsFilterAndGoOnWhereTheyStopped) {
  TestLog log;
  log.Fill(0, 25);
  for (int i = 0; i < 25; ++i)
    log.Add(Now(UnitState{fmt::format("bulb/{:02}", i), i % 2 ? "packed" : "locked", ""}));
  Registry& reg = log.writer->registry();
  EXPECT_EQ(*reg.CountIdentities({.ca = "site-1"}), 25u);
  EXPECT_EQ(*reg.CountIdentities({.ca = "site-2"}), 0u);
  Page page{.limit = 10};
  std::vector<uint64_t> seqs;
  for (;;) {
    auto rows = *reg.Identities({.state = "issued"}, page);
    if (rows.empty()) break;
    for (auto& r : rows) seqs.push_back(r.seq);
    page.after_seq = rows.back().seq;
  }
  EXPECT_EQ(seqs.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
  auto one = *reg.Identities({.unit = "bmc/3", .slot = "idevid"}, {});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_TRUE(reg.Identities({.unit = "bmc/3", .slot = "group"}, {})->empty());
  EXPECT_EQ(*reg.CountUnits({.product = "bulb", .state = "packed"}), 12u);
  auto units =
      *reg.Units({.product = "bulb", .state = "packed"}, {.limit = 5, .after_unit = "bulb/03"});
  ASSERT_EQ(units.size(), 5u);
  EXPECT_EQ(units[0].unit, "bulb/05");
}

TEST(Registry, RebuiltIsTheSame) {
  TestLog log;
  for (const Event& e : AllKinds()) log.Add(e);
  log.Fill(100, 400);
  auto dump = [&] {
    std::string all;
    auto r = log.Read();
    auto identities = *r->registry().Identities({}, {});
    auto cas = *r->registry().Cas();
    auto units = *r->registry().Units({}, {});
    for (const auto& i : identities) {
      all += fmt::format("{} {} {} {}\n", i.seq, i.unit, i.state, ToHex(i.spki));
    }
    for (const auto& c : cas) all += fmt::format("{} {}\n", c.id, c.issued);
    for (const auto& u : units) all += fmt::format("{} {} {}\n", u.unit, u.state, u.visits);
    return all;
  };
  std::string before = dump();
  uint64_t last = 0;
  ASSERT_TRUE(log.writer->Rebuild([&](uint64_t n) { last = n; }));
  EXPECT_EQ(last, log.writer->size());
  EXPECT_EQ(dump(), before);
  // And goes on enforcing.
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/x", "key 150", "x"))), "ledger.key-seen");
  EXPECT_EQ(log.Refusal(IssueEvent(400)), "");
  log.Reopen();
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/x", "key 399", "x"))), "ledger.key-seen");
}

}  // namespace
}  // namespace birthmark::ledger
