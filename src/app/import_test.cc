// SPDX-License-Identifier: Apache-2.0
// Import: exactly once whatever happens on the way, and an entry that cannot be taken stands in
// nobody's way.
#include "app/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "app/test_station.h"
#include "ledger/sqlite/export.h"
#include "ledger/sqlite/verify.h"

namespace birthmark::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// Site is a factory's log open for importing, and an island's log open for writing anything, as a
// station in strange hands could.
struct ImportTest : testing::Test {
  ImportTest() {
    dir = floor.Ready(3);
    island = Factory::Open(dir, floor.bench.Keys(), false, "", "", floor.clock).value();
    factory = Factory::Open(floor.ws, floor.bench.Keys(), false, "", "", floor.clock).value();
  }
  WithLog Direct() {
    return [this](const auto& fn) { fn(*factory->log); };
  }
  Result<ImportResult> Import(const std::string& segment, WithLog with = nullptr) {
    Importer importer(with ? std::move(with) : Direct(), Layout(floor.ws).ledger(), floor.clock,
                      factory->context);
    return importer.Import(ledger::FromMemory(ToBytes(segment)), "bench");
  }
  // Segment is the island's log from an entry on.
  std::string Segment(uint64_t from = 0) {
    auto signer = island->keys.online->Open("log").value();
    std::string checkpoint = island->log->MakeCheckpoint(*signer).value();
    auto reader = island->NewReader().value();
    std::ostringstream out;
    Status s = ledger::ExportBundle(*reader, checkpoint, {.from = from, .redact = {}}, out);
    EXPECT_TRUE(s) << s.error().ToString();
    return out.str();
  }
  template <class B>
  uint64_t Say(const B& body, std::optional<int64_t> at = std::nullopt) {
    ledger::Event e = ledger::MakeEvent(island->context, floor.clock.Now(), "", body);
    if (at) e.at = *at;
    auto r = island->log->Append(e);
    EXPECT_TRUE(r) << r.error().ToString();
    return r ? r->seqs[0] : 0;
  }
  void Fill(int entries) {
    ledger::Submission all;
    for (int i = 0; i < entries; ++i) {
      all.push_back(
          ledger::Prepare(ledger::MakeEvent(island->context, floor.clock.Now(), "",
                                            ledger::UnitIntent{.step = "boot-trial",
                                                               .unit = "ridgeback-s1/BMC-1001",
                                                               .visit = fmt::format("v-{}", i)}))
              .value());
    }
    ASSERT_TRUE(island->log->Append(std::move(all)));
  }
  // Issue has the island's own desk certify a key of this test's making.
  Result<method::Certified> Issue(const std::string& unit) {
    if (!desk) {
      desk.emplace(line::DeskServices{.log = *island->log,
                                      .log_dir = island->layout.ledger(),
                                      .keys = *island->keys.online,
                                      .plan = island->adopted.plan,
                                      .marks = island->marks,
                                      .serials = *island->serials,
                                      .clock = floor.clock,
                                      .context = island->context});
    }
    auto key = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
    method::Job job{
        .unit = unit, .serial = unit.substr(unit.find('/') + 1), .slot = "idevid", .subject = ""};
    return desk->Issue(
        {.job = job, .key = key->public_key(), .method = "avocado", .proof = "csr-signature"});
  }
  uint64_t CountRaw(std::string_view type) {
    uint64_t n = 0;
    auto reader = factory->NewReader().value();
    EXPECT_TRUE(reader->ForEachRaw(0, reader->size(), [&](uint64_t, ByteView raw) -> Status {
      n += ledger::DecodeEvent(raw)->type == type;
      return {};
    }));
    return n;
  }
  std::string Problems() {
    auto reader = factory->NewReader().value();
    return ledger::VerifyLog(*reader).value().findings.ToString();
  }

  Floor floor{PlanText("bmc")};
  fs::path dir;
  std::unique_ptr<Factory> island, factory;
  std::optional<line::IssuingDesk> desk;
};

TEST_F(ImportTest, TwiceIsOnce) {
  Fill(600);
  std::string all = Segment();
  auto first = Import(all);
  ASSERT_TRUE(first) << first.error().ToString();
  uint64_t size = island->log->size();
  EXPECT_EQ(first->taken, size);
  EXPECT_EQ(first->next, size);
  uint64_t events = factory->log->size();
  auto second = Import(all);
  ASSERT_TRUE(second) << second.error().ToString();
  EXPECT_EQ(second->taken, 0u);
  EXPECT_EQ(second->next, size);
  EXPECT_EQ(factory->log->size(), events);
  // An older segment changes nothing either, and a newer one goes on.
  Fill(10);
  EXPECT_TRUE(Import(all));
  EXPECT_EQ(factory->log->size(), events);
  auto next = Import(Segment(size));
  ASSERT_TRUE(next) << next.error().ToString();
  EXPECT_EQ(next->taken, 10u);
  EXPECT_EQ(CountRaw("entry.imported"), size + 10);
  EXPECT_EQ(CountRaw("segment.imported"), 2u);
  EXPECT_EQ(Problems(), "");
}

TEST_F(ImportTest, AfterACrashBetweenCommitsTheRestFollows) {
  Fill(900);
  std::string all = Segment();
  uint64_t size = island->log->size();
  // The process dies after the n-th commit: whoever asks the log then gets no answer.
  for (int survive = 0; survive < 5; ++survive) {
    int calls = 0;
    auto r = Import(all, [&](const auto& fn) {
      if (calls++ <= survive) fn(*factory->log);
    });
    if (!r) {
      EXPECT_EQ(r.error().code, "ledger.closed");
    }
    // Opened anew, as after a power cut.
    factory->log.reset();
    factory->log = ledger::LogWriter::Open(Layout(floor.ws).ledger(), floor.clock).value();
  }
  auto r = Import(all);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->next, size);
  EXPECT_EQ(CountRaw("entry.imported"), size);
  EXPECT_EQ(CountRaw("segment.imported"), 1u);
  EXPECT_EQ(Problems(), "");
}

TEST_F(ImportTest, TwoAtOnceAreOne) {
  Fill(1500);
  std::string all = Segment();
  uint64_t size = island->log->size();
  {
    ledger::WriterQueue queue(std::move(factory->log));
    auto with = [&](const std::function<void(ledger::LogWriter&)>& fn) { queue.Run(fn); };
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] { good += Import(all, with).has_value(); });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(good, 3);
  }
  EXPECT_EQ(CountRaw("entry.imported"), size);
  EXPECT_EQ(CountRaw("segment.imported"), 1u);
  EXPECT_EQ(Problems(), "");
}

TEST_F(ImportTest, PoisonIsSetAsideAndNamedAndTheRestIsTaken) {
  uint64_t before = island->log->size();
  std::vector<uint64_t> poison;
  // A unit of another product.
  poison.push_back(Say(ledger::UnitState{.unit = "bulb/1", .state = "started", .reason = ""}));
  Say(ledger::UnitState{.unit = "ridgeback-s1/BMC-1001", .state = "started", .reason = ""});
  // A certificate of another's making.
  ledger::IdentityIssued forged{.by = std::nullopt,
                                .ca = "identity-2.1",
                                .via = std::nullopt,
                                .cert = Bytes(200, 0x30),
                                .slot = "idevid",
                                .spki = {},
                                .unit = "ridgeback-s1/BMC-1002",
                                .proof = "none",
                                .serial = Bytes(16, 9),
                                .method = "avocado"};
  poison.push_back(Say(forged));
  // The same under its own authority's name.
  auto good = Issue("ridgeback-s1/BMC-1001");
  ASSERT_TRUE(good) << good.error().ToString();
  auto mine = island->log->registry().IdentitiesOf("ridgeback-s1/BMC-1001")->front();
  forged.ca = mine.ca;
  forged.serial = Bytes(16, 8);
  forged.spki[0] = 1;
  forged.unit = "ridgeback-s1/BMC-1003";
  poison.push_back(Say(forged));
  // Times that cannot be.
  poison.push_back(
      Say(ledger::UnitState{.unit = "ridgeback-s1/BMC-1001", .state = "x", .reason = ""},
          Millis(floor.clock.Now()) + 100LL * 24 * 3600 * 1000));
  // What a station's log does not have.
  poison.push_back(Say(ledger::PoolFilled{.id = "b",
                                          .file = {},
                                          .product = "ridgeback-s1",
                                          .serials = {"BMC-1009"},
                                          .station = "bench"}));
  Say(ledger::UnitState{.unit = "ridgeback-s1/BMC-1001", .state = "tested", .reason = ""});
  auto r = Import(Segment());
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->set_aside, poison.size());
  EXPECT_EQ(r->next, island->log->size());
  EXPECT_THAT(r->named,
              ElementsAre(StartsWith(fmt::format("entry {}: import.other-product", poison[0])),
                          StartsWith(fmt::format("entry {}: import.foreign-authority", poison[1])),
                          HasSubstr(fmt::format("entry {}: ", poison[2])),
                          HasSubstr("import.clock"), HasSubstr("import.not-its-own")));
  EXPECT_EQ(CountRaw("entry.set-aside"), poison.size());
  EXPECT_EQ(CountRaw("entry.imported"), island->log->size() - poison.size());
  EXPECT_EQ(factory->log->registry().Unit("ridgeback-s1/BMC-1001")->value().state, "tested");
  EXPECT_FALSE(factory->log->registry().Unit("bulb/1")->has_value());
  EXPECT_TRUE(factory->log->registry().IdentitiesOf("ridgeback-s1/BMC-1002")->empty());
  EXPECT_GT(island->log->size(), before);
  EXPECT_EQ(Problems(), "");
  // Again, nothing; and the next segment follows.
  EXPECT_EQ(Import(Segment())->set_aside, 0u);
  EXPECT_EQ(CountRaw("entry.set-aside"), poison.size());
}

TEST_F(ImportTest, WhatTheLogRefusesIsSetAsideToo) {
  // The factory gave this unit an identity meanwhile.
  auto issued = Issue("ridgeback-s1/BMC-1001");
  ASSERT_TRUE(issued);
  auto row = island->log->registry().IdentitiesOf("ridgeback-s1/BMC-1001")->front();
  ledger::IdentityIssued own{.by = std::nullopt,
                             .ca = "identity-2.1",
                             .via = std::nullopt,
                             .cert = Bytes(10, 1),
                             .slot = "idevid",
                             .spki = {},
                             .unit = "ridgeback-s1/BMC-1001",
                             .proof = "csr-signature",
                             .serial = Bytes(16, 3),
                             .method = "avocado"};
  own.spki[0] = 77;
  ASSERT_TRUE(
      factory->log->Append(ledger::MakeEvent(factory->context, floor.clock.Now(), "", own)));
  Say(ledger::IdentityState{.slot = "idevid",
                            .unit = "ridgeback-s1/BMC-1001",
                            .state = "installed",
                            .reason = "",
                            .serial = row.serial});
  Say(ledger::UnitIntent{.step = "boot-trial", .unit = "ridgeback-s1/BMC-1001", .visit = "v"});
  auto r = Import(Segment());
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_THAT(r->named,
              ElementsAre(HasSubstr("ledger.slot-live"), HasSubstr("ledger.identity-unknown")));
  EXPECT_EQ(r->next, island->log->size());
  EXPECT_EQ(Problems(), "");
}

TEST_F(ImportTest, TheQuotaHoldsAtImportToo) {
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(Issue(fmt::format("ridgeback-s1/BMC-100{}", i)));
  auto more = Issue("ridgeback-s1/BMC-1004");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, "desk.retired");
  // A station that forgets its quota: the same authority without a limit.
  auto reader = island->NewReader().value();
  auto cas = island->log->registry().Cas().value();
  auto ca = std::ranges::find_if(cas, [](const auto& c) { return c.max_count.has_value(); });
  ASSERT_NE(ca, cas.end());
  auto created = ledger::BodyOf<ledger::CaCreated>(reader->EventAt(ca->seq).value()).value();
  created.max_count.reset();
  Say(created);
  desk.reset();
  for (int i = 4; i <= 6; ++i) {
    auto over = Issue(fmt::format("ridgeback-s1/BMC-100{}", i));
    ASSERT_TRUE(over) << over.error().ToString();
  }
  auto r = Import(Segment());
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_THAT(r->named, ElementsAre(HasSubstr("import.over-quota"), HasSubstr("import.over-quota"),
                                    HasSubstr("import.over-quota")));
  EXPECT_EQ(factory->log->registry().CountIdentities({.ca = created.id}).value(), 3u);
}

TEST_F(ImportTest, ALogThatTookSomethingBackIsRefusedWhole) {
  Fill(20);
  ASSERT_TRUE(Import(Segment()));
  // The island is put back to an old copy and goes on from there.
  fs::path copy = floor.bench / "copy";
  island.reset();
  fs::copy(dir, copy, fs::copy_options::recursive);
  island = Factory::Open(copy, floor.bench.Keys(), false, "", "", floor.clock).value();
  Fill(5);
  std::string theirs = Segment();
  island = Factory::Open(dir, floor.bench.Keys(), false, "", "", floor.clock).value();
  Fill(6);
  ASSERT_TRUE(Import(Segment()));
  uint64_t size = factory->log->size();
  auto r = Import(theirs);
  // Shorter than what is here: nothing is taken from it.
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(factory->log->size(), size);
  island = Factory::Open(copy, floor.bench.Keys(), false, "", "", floor.clock).value();
  Fill(50);
  r = Import(Segment());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "import.fork");
  EXPECT_EQ(factory->log->size(), size);
}

TEST_F(ImportTest, WhatIsNoSegmentOfAnIslandIsRefused) {
  Fill(3);
  std::string all = Segment();
  std::string cut = all.substr(0, all.size() - 10);
  EXPECT_EQ(Import(cut).error().code, "bundle.truncated");
  std::string changed = all;
  changed[changed.size() - 5] ^= 1;
  EXPECT_FALSE(Import(changed));
  // A segment that does not begin where the log here ends.
  auto gap = Import(Segment(2));
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, "import.gap");
  // The factory's own log is no island's.
  auto signer = factory->keys.online->Open("log").value();
  std::string checkpoint = factory->log->MakeCheckpoint(*signer).value();
  auto reader = factory->NewReader().value();
  std::ostringstream own;
  ASSERT_TRUE(ledger::ExportBundle(*reader, checkpoint, {}, own));
  EXPECT_EQ(Import(own.str()).error().code, "import.unknown-log");
  // One with an entry that is not shown.
  auto key = island->keys.online->Open("log").value();
  std::string note = island->log->MakeCheckpoint(*key).value();
  auto island_reader = island->NewReader().value();
  std::ostringstream hidden;
  ASSERT_TRUE(ledger::ExportBundle(
      *island_reader, note,
      {.from = 0, .redact = [](const ledger::Event& e) { return e.type == "unit.intent"; }},
      hidden));
  EXPECT_EQ(Import(hidden.str()).error().code, "import.redacted");
  EXPECT_EQ(CountRaw("entry.imported"), 0u);
}

}  // namespace
}  // namespace birthmark::app
