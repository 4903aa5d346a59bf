// SPDX-License-Identifier: Apache-2.0
// The parts below the handler: the URL's query, what waits, and what is remembered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "enroll/scep/memory.h"
#include "enroll/scep/payload.h"
#include "enroll/scep/pending.h"
#include "enroll/scep/query.h"
#include "tests/support/temp_dir.h"

namespace birthmark::enroll::scep {
namespace {

TEST(ScepQuery, IsTakenApart) {
  auto q = ReadQuery("message=a%2Bb%2f+c%3D&operation=PKIOperation&x=%zz");
  ASSERT_TRUE(q);
  EXPECT_EQ(q->operation, "PKIOperation");
  EXPECT_EQ(q->message, "a+b/+c=");
  for (const char* bad : {"", "message=x", "operation", "operation=", "operation=a&operation=b",
                          "message=a&message=b&operation=a", "operation=%", "operation=%4"}) {
    EXPECT_FALSE(ReadQuery(bad)) << bad;
  }
}

TEST(ScepQuery, MessagesAreBase64) {
  EXPECT_EQ(*MessageOf({"", "aGV5"}), ToBytes("hey"));
  EXPECT_EQ(*MessageOf({"", "aG\nV5\n"}), ToBytes("hey"));  // lines, as some clients break it
  EXPECT_FALSE(MessageOf({"", ""}));
  EXPECT_FALSE(MessageOf({"", "aGV"}));
}

TEST(ScepPayload, TokensAreCutAtTheFirstColon) {
  auto split = [](std::string_view s) { return SplitToken(SecretBytes::Take(ToBytes(s))); };
  auto t = split("id:a:b");
  ASSERT_TRUE(t);
  EXPECT_EQ(t->id, "id");
  EXPECT_EQ(AsText(t->secret.Read(SecretAccess{})), "a:b");
  for (const char* bad : {"", ":", "id", "id:", ":secret"}) EXPECT_FALSE(split(bad)) << bad;
}

PendingRequest Waiting(const std::string& transaction, Time received) {
  return {Bytes{1}, Bytes{2}, Bytes{3}, Bytes{4}, "SN-1", "bulb", Millis(received), transaction};
}

TEST(ScepPending, KeepsFindsAndDrops) {
  test::TempDir dir;
  ManualClock clock(TimeFromMillis(1'800'000'000'000));
  PendingStore store(dir / "waiting", clock);
  EXPECT_FALSE(store.Find("bulb", "T"));
  const PendingRequest r = Waiting("T", clock.Now());
  ASSERT_TRUE(store.Put(r));
  EXPECT_EQ(store.Find("bulb", "T"), r);
  EXPECT_FALSE(store.Find("lamp", "T"));
  EXPECT_FALSE(store.Find("bulb", "U"));
  EXPECT_EQ(PendingStore(dir / "waiting", clock).Find("bulb", "T"), r);  // after a restart
  store.Drop("bulb", "T");
  EXPECT_FALSE(store.Find("bulb", "T"));
}

TEST(ScepPending, ExpiresAndMakesRoom) {
  test::TempDir dir;
  ManualClock clock(TimeFromMillis(1'800'000'000'000));
  PendingStore store(dir / "waiting", clock, 2);
  ASSERT_TRUE(store.Put(Waiting("A", clock.Now())));
  ASSERT_TRUE(store.Put(Waiting("B", clock.Now())));
  ASSERT_TRUE(store.Put(Waiting("B", clock.Now())));  // the same one again
  auto full = store.Put(Waiting("C", clock.Now()));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, "scep.pending-full");
  clock.Advance(PendingStore::kKept + std::chrono::seconds(1));
  EXPECT_FALSE(store.Find("bulb", "A"));
  EXPECT_TRUE(store.Put(Waiting("C", clock.Now())));
}

TEST(ScepPending, ABrokenFileIsNoRequest) {
  test::TempDir dir;
  ManualClock clock(TimeFromMillis(1'800'000'000'000));
  PendingStore store(dir.path(), clock);
  ASSERT_TRUE(store.Put(Waiting("T", clock.Now())));
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    std::ofstream(file.path(), std::ios::binary) << "broken";
  }
  EXPECT_FALSE(store.Find("bulb", "T"));
}

TEST(ScepMemory, IsBounded) {
  AnswerMemory memory(2);
  auto digest = [](uint8_t n) {
    Digest d{};
    d[0] = n;
    return d;
  };
  memory.Remember(digest(1), "T-1", digest(101), Bytes{1});
  memory.Remember(digest(2), "T-2", digest(102), Bytes{2});
  EXPECT_EQ(memory.Answered(digest(1)), Bytes{1});
  EXPECT_TRUE(memory.BelongsToOther("T-1", digest(102)));
  EXPECT_FALSE(memory.BelongsToOther("T-1", digest(101)));
  EXPECT_FALSE(memory.BelongsToOther("T-9", digest(101)));
  memory.Remember(digest(3), "T-3", digest(103), Bytes{3});
  EXPECT_FALSE(memory.Answered(digest(1)));
  EXPECT_FALSE(memory.BelongsToOther("T-1", digest(102)));
  EXPECT_EQ(memory.Answered(digest(2)), Bytes{2});
  EXPECT_EQ(memory.Answered(digest(3)), Bytes{3});
}

}  // namespace
}  // namespace birthmark::enroll::scep
