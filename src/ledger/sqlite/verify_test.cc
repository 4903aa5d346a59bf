// SPDX-License-Identifier: Apache-2.0
// Every way of tampering with a log's file that `ledger verify` must find.
#include "ledger/sqlite/verify.h"

#include <gtest/gtest.h>

#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

// Tampered is a log of 301 events with a checkpoint at 200, closed, to be edited by SQL.
struct Tampered {
  TestLog log;
  std::string kept;  // checkpoint at 301, kept elsewhere
  std::string kept_200;

  Tampered() {
    log.Fill(0, 199);
    kept_200 = *log.writer->MakeCheckpoint(LogSigner());
    log.Fill(199, 300);
    kept = SignCheckpoint({"acme/factory-test", 301, log.writer->Root(), {}}, LogSigner()).value();
    log.writer.reset();
  }
  void Sql(const std::string& sql) {
    auto db = Db::Open((log.dir / kLogFile).string(), Db::Mode::kWrite);
    Status s = db->Exec(sql.c_str());
    ASSERT_TRUE(s) << s.error().ToString();
  }
  // PutTiles makes the stored hashes fit the events as they now are, as a careful forger would.
  void PutTiles() {
    auto db = *Db::Open((log.dir / kLogFile).string(), Db::Mode::kWrite);
    ASSERT_TRUE(db.Exec("DELETE FROM tiles"));
    Stmt put = *db.Prepare(TileWriter::kPutSql);
    TileWriter tiles;
    Stmt events = *db.Prepare("SELECT event FROM log ORDER BY seq");
    while (*events.Step()) ASSERT_TRUE(tiles.Append(LeafHash(events.Blob(0)), put));
    ASSERT_TRUE(tiles.WritePartial(put));
  }
  VerifyReport Verify(std::optional<std::string> since = std::nullopt) {
    VerifyOptions o;
    o.since = since;
    return *VerifyLog(*log.Read(), o);
  }
  // Says is true when a finding has the code and its message the words.
  static bool Says(const VerifyReport& r, std::string_view code, std::string_view words) {
    for (const Finding& f : r.findings.all()) {
      if (f.code == code && f.message.find(words) != std::string::npos) return true;
    }
    ADD_FAILURE() << "no " << code << " with \"" << words << "\" in\n" << r.findings.ToString();
    return false;
  }
};

TEST(VerifyLog, AnUntouchedLogHasNoFinding) {
  Tampered t;
  auto r = t.Verify(t.kept);
  EXPECT_TRUE(r.findings.empty()) << r.findings.ToString();
  EXPECT_EQ(r.events, 301u);
  EXPECT_EQ(r.checkpoints, 1u);
  EXPECT_TRUE(t.Verify(t.kept_200).findings.empty());
}

TEST(VerifyLog, FindsAChangedEvent) {
  for (uint64_t seq : {uint64_t{5}, uint64_t{290}}) {  // in a full tile, and in the last one
    Tampered t;
    t.Sql(
        fmt::format("UPDATE log SET event = CAST(substr(event,1,400) || x'31' || substr(event,402) "
                    "AS BLOB) WHERE seq={}",
                    seq));
    Tampered::Says(t.Verify(), "ledger.event-changed", fmt::format("event {}", seq));
  }
}

TEST(VerifyLog, FindsAChangedEventWhoseHashesWereForgedToo) {
  Tampered t;
  t.Sql(
      "UPDATE log SET event = CAST(substr(event,1,400) || x'31' || substr(event,402) AS BLOB) "
      "WHERE seq=5");
  t.PutTiles();
  Tampered::Says(t.Verify(), "ledger.checkpoint", "200");
  Tampered::Says(t.Verify(t.kept), "ledger.fork", "301");
}

TEST(VerifyLog, FindsADroppedEvent) {
  Tampered t;
  t.Sql("DELETE FROM log WHERE seq=100");
  Tampered::Says(t.Verify(), "ledger.event-missing", "event 100 is missing");
}

TEST(VerifyLog, FindsADroppedEventWhoseGapWasClosed) {
  Tampered t;
  t.Sql(
      "DELETE FROM log WHERE seq=100; UPDATE log SET seq=-seq WHERE seq>100; UPDATE log SET "
      "seq=-seq-1 WHERE seq<0");
  Tampered::Says(t.Verify(), "ledger.event-changed", "event 100 ");
  t.PutTiles();
  Tampered::Says(t.Verify(), "ledger.checkpoint", "200");
  Tampered::Says(t.Verify(t.kept), "ledger.rolled-back", "301");
}

TEST(VerifyLog, FindsReorderedEvents) {
  Tampered t;
  t.Sql(
      "UPDATE log SET seq=-1 WHERE seq=20; UPDATE log SET seq=20 WHERE seq=21; UPDATE log SET "
      "seq=21 WHERE seq=-1");
  auto r = t.Verify();
  Tampered::Says(r, "ledger.event-changed", "event 20 ");
  Tampered::Says(r, "ledger.event-changed", "event 21 ");
  Tampered::Says(r, "ledger.event-order", "event 21 ");
  t.PutTiles();
  Tampered::Says(t.Verify(), "ledger.event-order", "event 21 ");
}

TEST(VerifyLog, FindsALogThatWasPutBackOnlyAgainstAKeptCheckpoint) {
  Tampered t;
  t.Sql("DELETE FROM log WHERE seq>=250; DELETE FROM identity WHERE seq>=250");
  t.PutTiles();
  auto r = t.Verify();
  EXPECT_TRUE(r.findings.empty()) << r.findings.ToString();
  Tampered::Says(t.Verify(t.kept), "ledger.rolled-back", "301");
  t.Sql("DELETE FROM log WHERE seq>=150; DELETE FROM identity WHERE seq>=150");
  t.PutTiles();
  Tampered::Says(t.Verify(), "ledger.rolled-back", "200");
}

TEST(VerifyLog, FindsAForkThatGrewAsLong) {
  Tampered t;
  t.Sql(
      "DELETE FROM checkpoints; DELETE FROM log WHERE seq>=250; DELETE FROM identity WHERE "
      "seq>=250");
  t.PutTiles();
  fs::remove_all(t.log.dir / kKeysDir);
  t.log.Reopen();
  t.log.Fill(1000, 1100);
  t.log.writer.reset();
  EXPECT_TRUE(t.Verify().findings.empty());
  Tampered::Says(t.Verify(t.kept), "ledger.fork", "301");
}

TEST(VerifyLog, FindsDamagedHashes) {
  {
    Tampered t;
    t.Sql("DELETE FROM tiles WHERE id=0");
    Tampered::Says(t.Verify(), "ledger.tile", "0 to 255");
  }
  Tampered t;
  t.Sql("UPDATE tiles SET hashes=substr(hashes,1,32) WHERE id=1");
  Tampered::Says(t.Verify(), "ledger.tile", "256 to 300");
  // The writer will not build on hashes that do not fit either.
  EXPECT_FALSE(LogWriter::Open(t.log.dir, t.log.clock));
}

TEST(VerifyLog, FindsARegistryThatSaysOtherThanTheEvents) {
  for (const char* sql :
       {"UPDATE identity SET state='shipped' WHERE seq=7", "DELETE FROM identity WHERE seq=7",
        "INSERT INTO unit VALUES('bmc/x','bmc','locked','',0,1,1)", "DELETE FROM notable"}) {
    Tampered t;
    t.Sql(sql);
    Tampered::Says(t.Verify(), "ledger.registry", "");
    t.log.Reopen();
    ASSERT_TRUE(t.log.writer->Rebuild());
    t.log.writer.reset();
    EXPECT_TRUE(t.Verify().findings.empty()) << sql;
  }
}

TEST(VerifyLog, FindsAForgedCheckpoint) {
  Tampered t;
  t.Sql(
      "UPDATE checkpoints SET note = replace(note, char(10) || '200' || char(10), char(10) || "
      "'201' || char(10))");
  Tampered::Says(t.Verify(), "ledger.checkpoint", "");
  auto other = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  std::string forged =
      SignCheckpoint({"acme/factory-test", 301, t.Verify().root, {}}, *other).value();
  Tampered::Says(t.Verify(forged), "ledger.other-log", "");
}

TEST(VerifyLog, FindsEventsThatDoNotDecode) {
  Tampered t;
  t.Sql("UPDATE log SET event = x'a0' WHERE seq=9");
  t.PutTiles();
  Tampered::Says(t.Verify(), "ledger.event-malformed", "event 9");
}

TEST(VerifyLog, StopsAtSoManyFindings) {
  Tampered t;
  t.Sql(
      "UPDATE log SET event = CAST(substr(event,1,400) || x'31' || substr(event,402) AS BLOB) "
      "WHERE seq>0");
  VerifyOptions o;
  o.max_findings = 7;
  EXPECT_EQ(VerifyLog(*t.log.Read(), o)->findings.all().size(), 7u);
}

}  // namespace
}  // namespace birthmark::ledger
