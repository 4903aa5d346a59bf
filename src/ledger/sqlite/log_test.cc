// SPDX-License-Identifier: Apache-2.0
// The contract of a log: what is appended is there, in order, provable; what must not be is
// refused.
#include <gtest/gtest.h>

#include "ledger/sqlite/test_log.h"
#include "ledger/sqlite/verify.h"
#include "ledger/sqlite/writer_queue.h"

namespace birthmark::ledger {
namespace {

TEST(Log, StartsWithItsGenesis) {
  TestLog log;
  auto r = log.Read();
  EXPECT_EQ(r->size(), 1u);
  EXPECT_EQ(r->genesis().origin, "acme/factory-test");
  EXPECT_EQ(r->EventAt(0)->type, "log.genesis");
  EXPECT_EQ(log.Refusal(GenesisEvent()), "ledger.genesis");
}

TEST(Log, AnotherIsNotMadeOverIt) {
  TestLog log;
  log.writer.reset();
  EXPECT_EQ(LogWriter::Create(log.dir, GenesisEvent(), log.clock).error().code, "ledger.exists");
  EXPECT_EQ(LogWriter::Open(log.tmp / "elsewhere", log.clock).error().code, "ledger.missing");
  EXPECT_EQ(LogReader::Open(log.tmp / "elsewhere").error().code, "ledger.missing");
}

TEST(Log, HasOneWriter) {
  TestLog log;
  auto second = LogWriter::Open(log.dir, log.clock);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "ledger.locked");
  EXPECT_EQ(second.error().kind, ErrorKind::kEnvironment);
  log.writer.reset();
  EXPECT_TRUE(LogWriter::Open(log.dir, log.clock));
}

TEST(Log, GivesBackWhatWasAppendedInOrder) {
  TestLog log;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(log.Add(IssueEvent(i)), static_cast<uint64_t>(i) + 1);
  log.Reopen();
  EXPECT_EQ(log.Add(IssueEvent(20)), 21u);
  auto r = log.Read();
  uint64_t next = 0;
  EventStamp last;
  ASSERT_TRUE(r->ForEach([&](uint64_t seq, const Event& e, ByteView raw) -> Status {
    EXPECT_EQ(seq, next++);
    EXPECT_EQ(e.recorded, 1'790'000'002'000);
    EXPECT_GT(e.id, last.id);  // ids grow, also within one millisecond
    last = *ReadStamp(raw);
    EXPECT_EQ(last.id, e.id);
    if (seq > 0) {
      EXPECT_EQ(BodyOf<IdentityIssued>(e)->unit, fmt::format("bmc/{}", seq - 1));
    }
    return {};
  }));
  EXPECT_EQ(next, 22u);
  EXPECT_EQ(r->EventAt(22).error().code, "ledger.no-event");
}

TEST(Log, IsNotRecordedBehindItsLastEvent) {
  TestLog log;
  log.clock.Advance(std::chrono::milliseconds(-1));
  EXPECT_EQ(log.Refusal(IssueEvent(1)), "ledger.clock-back");
  log.clock.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(log.Refusal(IssueEvent(1)), "");
  log.Reopen();
  log.clock.Advance(std::chrono::milliseconds(-1));
  EXPECT_EQ(log.Refusal(IssueEvent(2)), "ledger.clock-back");
}

TEST(Log, TypesAreKnownOrUnderTheirOwnersName) {
  Event e = IssueEvent(1);
  e.type = "identity.isued";
  EXPECT_EQ(Prepare(e).error().code, "ledger.event-type");
  e.type = "oven/curve";
  EXPECT_EQ(Prepare(e).error().code, "ledger.event-type");
  e.type = "example.com/oven-curve";
  TestLog log;
  EXPECT_EQ(log.Refusal(e), "");
}

TEST(Log, TooLargeAnEventIsRefused) {
  Event e = IssueEvent(1);
  e.type = "example.com/photo";
  e.body = cbor::Value(Bytes(kMaxEventBytes));
  EXPECT_EQ(Prepare(e).error().code, "ledger.event-large");
}

TEST(Log, AKeySeenForAnotherUnitIsRefusedByName) {
  TestLog log;
  log.Add(Now(Issue("bmc/1", "k", "1")));
  auto r = log.writer->Append(Now(Issue("bmc/2", "k", "2")));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "ledger.key-seen");
  EXPECT_NE(r.error().message.find("bmc/1"), std::string::npos);
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "k", "3", "attestation"))), "ledger.key-seen");
  EXPECT_EQ(log.writer->size(), 2u);
}

TEST(Log, TheManufacturersOwnKeyIsNoDevices) {
  TestLog log;
  KeyCreated key;
  key.id = "root";
  key.spki = DigestOf("k");
  log.Add(Now(key));
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "k", "1"))), "ledger.key-seen");
}

TEST(Log, ASlotHasOneLiveIdentity) {
  TestLog log;
  auto first = Issue("bmc/1", "a", "1");
  log.Add(Now(first));
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "b", "2"))), "ledger.slot-live");
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "c", "3", "attestation"))), "");
  log.Add(StateEvent(first, "superseded"));
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "b", "2"))), "");
  EXPECT_EQ(log.Refusal(StateEvent(first, "installed")), "ledger.identity-ended");
}

TEST(Log, ReplacingAnIdentityFitsOneSubmission) {
  TestLog log;
  auto first = Issue("bmc/1", "a", "1");
  log.Add(Now(first));
  auto r =
      log.writer->Append(Submit({StateEvent(first, "superseded"), Now(Issue("bmc/1", "b", "2"))}));
  ASSERT_TRUE(r) << r.error().ToString();
  auto rows = log.writer->registry().IdentitiesOf("bmc/1");
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->at(0).state, "superseded");
  EXPECT_EQ(rows->at(1).state, "issued");
}

TEST(Log, ARetryWithTheSameKeyGetsTheSameCertificate) {
  TestLog log;
  uint64_t seq = log.Add(Now(Issue("bmc/1", "k", "1")));
  auto again = log.writer->Append(Now(Issue("bmc/1", "k", "2")));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->seqs.at(0), seq);
  EXPECT_TRUE(again->Existing(0));
  EXPECT_EQ(log.writer->size(), 2u);
  // After a restart too, and in company.
  log.Reopen();
  auto mixed =
      log.writer->Append(Submit({Now(Issue("bmc/1", "k", "3")), Now(Issue("bmc/2", "k2", "4"))}));
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->seqs, (std::vector<uint64_t>{seq, 2}));
  EXPECT_FALSE(mixed->Existing(1));
}

TEST(Log, ARevokedKeyDoesNotComeBack) {
  TestLog log;
  auto first = Issue("bmc/1", "k", "1");
  log.Add(Now(first));
  log.Add(StateEvent(first, "revoked"));
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/1", "k", "2"))), "ledger.key-seen");
}

TEST(Log, ASerialIsNeverIssuedTwice) {
  TestLog log;
  log.Add(Now(Issue("bmc/1", "a", "1")));
  EXPECT_EQ(log.Refusal(Now(Issue("bmc/2", "b", "1"))), "ledger.serial-seen");
  IdentityIssued nobody = Issue("bmc/9", "z", "9");
  EXPECT_EQ(log.Refusal(StateEvent(nobody, "installed")), "ledger.identity-unknown");
}

TEST(Log, ClashesWithinASubmissionAreRefusedWhole) {
  TestLog log;
  auto code = [&](const IdentityIssued& a, const IdentityIssued& b) {
    auto r = log.writer->Append(Submit({Now(a), Now(b)}));
    return r ? "" : r.error().code;
  };
  EXPECT_EQ(code(Issue("bmc/1", "a", "1"), Issue("bmc/2", "a", "2")), "ledger.key-seen");
  EXPECT_EQ(code(Issue("bmc/1", "a", "1"), Issue("bmc/1", "b", "2")), "ledger.slot-live");
  EXPECT_EQ(code(Issue("bmc/1", "a", "1"), Issue("bmc/2", "b", "1")), "ledger.serial-seen");
  EXPECT_EQ(log.writer->size(), 1u);
  EXPECT_EQ(code(Issue("bmc/1", "a", "1"), Issue("bmc/2", "b", "2")), "");
}

TEST(Log, ARefusedSubmissionLeavesItsNeighboursAlone) {
  TestLog log;
  std::vector<Submission> all;
  all.push_back(Submit({IssueEvent(1)}));
  all.push_back(Submit({IssueEvent(2), Now(Issue("bmc/9", "key 1", "9"))}));
  all.push_back(Submit({IssueEvent(3)}));
  auto r = log.writer->AppendAll(all);
  EXPECT_TRUE(r[0]);
  EXPECT_EQ(r[1].error().code, "ledger.key-seen");
  EXPECT_TRUE(r[2]);
  EXPECT_EQ(log.writer->size(), 3u);
  EXPECT_EQ(log.Refusal(IssueEvent(2)), "");
}

TEST(Log, TheFastRoadFoldsAsTheEventDoes) {
  Event e = IssueEvent(7);
  Changes slow = *Fold(e);
  auto& row = std::get<IdentityRow>(slow.at(0));
  NewEvent fast = PrepareIssued(EncodeEvent(e), row);
  TestLog log;
  Submission s;
  s.push_back(std::move(fast));
  ASSERT_TRUE(log.writer->Append(std::move(s)));
  auto report = VerifyLog(*log.Read());
  EXPECT_TRUE(report->findings.empty()) << report->findings.ToString();
}

TEST(Log, ProofsHoldAcrossTiles) {
  TestLog log;
  log.Fill(0, 700);
  auto r = log.Read();
  uint64_t n = r->size();
  Digest root = *r->Root(n);
  EXPECT_EQ(root, log.writer->Root());
  Frontier plain;
  ASSERT_TRUE(r->ForEachRaw(0, n, [&](uint64_t, ByteView raw) {
    plain.Append(LeafHash(raw));
    return Status();
  }));
  EXPECT_EQ(plain.Root(), root);
  for (uint64_t seq : {uint64_t{0}, uint64_t{255}, uint64_t{256}, uint64_t{511}, n - 1}) {
    EXPECT_TRUE(VerifyInclusion(LeafHash(*r->RawAt(seq)), seq, n, *r->Inclusion(seq, n), root));
  }
  for (uint64_t m : {uint64_t{1}, uint64_t{256}, uint64_t{300}, uint64_t{512}, n}) {
    EXPECT_TRUE(VerifyConsistency(m, n, *r->Consistency(m, n), *r->Root(m), root));
  }
  EXPECT_EQ(r->Root(n + 1).error().code, "merkle.range");
  log.Reopen();
  EXPECT_EQ(log.writer->Root(), root);
}

TEST(Log, TilesOfTheSecondLevelHoldWhatTheLeavesSay) {
  // 65 536 events fill the first tile of level 1; small ones, so that it is quick.
  TestLog log;
  Event e = Now(UnitIntent{"fuse", "bmc/1", "v"});
  Submission batch;
  for (int i = 0; i < 4096; ++i) batch.push_back(*Prepare(e));
  for (int i = 0; i < 17; ++i) ASSERT_TRUE(log.writer->Append(batch));
  auto r = log.Read();
  Frontier plain;
  std::map<uint64_t, Digest> roots;
  ASSERT_TRUE(r->ForEachRaw(0, r->size(), [&](uint64_t, ByteView raw) {
    plain.Append(LeafHash(raw));
    if (plain.size() % 8191 == 0 || plain.size() == 65'536) roots[plain.size()] = plain.Root();
    return Status();
  }));
  for (const auto& [n, root] : roots) EXPECT_EQ(*r->Root(n), root) << n;
  Digest before = log.writer->Root();
  log.Reopen();
  EXPECT_EQ(log.writer->Root(), before);
  EXPECT_EQ(before, plain.Root());
}

TEST(Log, CheckpointsAreSignedAndKept) {
  TestLog log;
  log.Fill(0, 10);
  std::string note = *log.writer->MakeCheckpoint(LogSigner());
  EXPECT_EQ(*log.writer->MakeCheckpoint(LogSigner()), note);
  auto r = log.Read();
  Checkpoint c = OpenCheckpoint(note, *r->Key()).value();
  EXPECT_EQ(c.size, 11u);
  EXPECT_EQ(c.root, *r->Root(11));
  EXPECT_EQ(r->LastCheckpoint()->value().note, note);
  auto other = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  EXPECT_EQ(log.writer->MakeCheckpoint(*other).error().code, "note.key");
}

TEST(Log, AReaderKeepsItsSnapshotUntilItRefreshes) {
  TestLog log;
  auto r = log.Read();
  log.Add(IssueEvent(1));
  EXPECT_EQ(r->size(), 1u);
  EXPECT_FALSE(*r->registry().IdentityBySerial(Issue("", "", "1").serial));
  ASSERT_TRUE(r->Refresh());
  EXPECT_EQ(r->size(), 2u);
  EXPECT_TRUE(*r->registry().IdentityBySerial(Issue("", "", "1").serial));
}

TEST(Log, AFileThatIsNoLedgerIsRefused) {
  TestLog log;
  log.writer.reset();
  ASSERT_TRUE(WriteFileAtomic(log.dir / kLogFile, std::string(4096, 'x')));
  EXPECT_EQ(LogReader::Open(log.dir).error().code, "ledger.corrupt");
  EXPECT_EQ(LogWriter::Open(log.dir, log.clock).error().code, "ledger.corrupt");
  ASSERT_TRUE(WriteFileAtomic(log.dir / kLogFile, std::string()));
  EXPECT_EQ(LogReader::Open(log.dir).error().code, "ledger.format");
}

TEST(Log, OfALaterFormatIsRefused) {
  TestLog log;
  log.writer.reset();
  ASSERT_TRUE(
      Db::Open((log.dir / kLogFile).string(), Db::Mode::kWrite)->Exec("UPDATE meta SET value='2'"));
  EXPECT_EQ(LogReader::Open(log.dir).error().code, "ledger.format");
  EXPECT_EQ(LogWriter::Open(log.dir, log.clock).error().code, "ledger.format");
}

TEST(WriterQueue, ManyProducersShareCommitsAndAllIsThere) {
  TestLog log;
  {
    WriterQueue queue(std::move(log.writer));
    std::vector<std::thread> producers;
    for (int p = 0; p < 4; ++p) {
      producers.emplace_back([&, p] {
        for (int i = 0; i < 100; ++i) {
          auto r = queue.Append(IssueEvent(p * 1000 + i));
          EXPECT_TRUE(r) << r.error().ToString();
        }
      });
    }
    for (auto& t : producers) t.join();
    uint64_t size = 0;
    queue.Run([&](LogWriter& w) { size = w.size(); });
    EXPECT_EQ(size, 401u);
    // Of two at once with one key, one wins and the other is told who.
    auto a = queue.Submit(Submit({Now(Issue("bmc/a", "shared", "a"))}));
    auto b = queue.Submit(Submit({Now(Issue("bmc/b", "shared", "b"))}));
    EXPECT_TRUE(a.get());
    EXPECT_EQ(b.get().error().code, "ledger.key-seen");
  }
  auto report = VerifyLog(*log.Read());
  EXPECT_TRUE(report->findings.empty()) << report->findings.ToString();
  EXPECT_EQ(report->events, 402u);
}

}  // namespace
}  // namespace birthmark::ledger
