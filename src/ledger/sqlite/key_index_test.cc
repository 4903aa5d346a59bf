// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/key_index.h"

#include <gtest/gtest.h>

#include <fstream>

#include "crypto/digest.h"
#include "tests/support/temp_dir.h"

namespace birthmark::ledger {
namespace {

Key16 KeyOf(uint64_t n) {
  Digest d = crypto::Sha256(ByteView(reinterpret_cast<const uint8_t*>(&n), sizeof n));
  Key16 k;
  std::copy_n(d.begin(), k.size(), k.begin());
  return k;
}
Digest LeafOf(uint64_t seq) {
  return crypto::Sha256(AsBytes("leaf"), ByteView(reinterpret_cast<const uint8_t*>(&seq), 8));
}

// World is a log of `size` events, each with one key.
struct World {
  test::TempDir tmp;
  fs::path dir = tmp / "keys";
  uint64_t size = 0;
  uint64_t read_from = UINT64_MAX;  // where the last tail began
  std::unique_ptr<KeyIndex> index;

  void Open(size_t limit = 100) {
    index.reset();
    index = std::move(KeyIndex::Open(
                          dir, size, [](uint64_t seq) -> Result<Digest> { return LeafOf(seq); },
                          [this](uint64_t from, const KeyIndex::KeyFn& fn) -> Status {
                            read_from = from;
                            for (uint64_t i = from; i < size; ++i) BM_CHECK(fn(KeyOf(i), i));
                            return {};
                          },
                          limit)
                          .value());
  }
  void Add(uint64_t n) {
    for (uint64_t i = 0; i < n; ++i, ++size) {
      index->Insert(KeyOf(size), size);
      if (size % 10 == 9) index->Committed(size + 1, LeafOf(size));
    }
  }
  void ExpectAllFound() {
    for (uint64_t i = 0; i < size; ++i) {
      std::vector<uint64_t> hits;
      index->Find(KeyOf(i), hits);
      ASSERT_FALSE(hits.empty()) << i;
      for (uint64_t h : hits) EXPECT_EQ(h, i);
    }
    std::vector<uint64_t> hits;
    for (uint64_t i = 0; i < 2000; ++i) index->Find(KeyOf(1'000'000'000 + i), hits);
    EXPECT_TRUE(hits.empty());
  }
  size_t Runs() {
    size_t n = 0;
    for (const auto& f : fs::directory_iterator(dir)) n += f.path().extension() == ".run";
    return n;
  }
};

TEST(KeyIndex, FindsWhatWasInsertedInMemoryAndInRuns) {
  World w;
  w.Open();
  w.Add(5000);
  w.ExpectAllFound();
  ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size - 1)));
  w.ExpectAllFound();
  EXPECT_LT(w.Runs(), 16u);  // merged as it grew
}

TEST(KeyIndex, OneKeyMayStandForSeveralEvents) {
  World w;
  w.Open();
  w.index->Insert(KeyOf(1), 7);
  w.size = 8;
  ASSERT_TRUE(w.index->Flush(8, LeafOf(7)));
  w.index->Insert(KeyOf(1), 9);
  std::vector<uint64_t> hits;
  w.index->Find(KeyOf(1), hits);
  std::sort(hits.begin(), hits.end());
  EXPECT_EQ(hits, (std::vector<uint64_t>{7, 9}));
}

TEST(KeyIndex, StartsFromItsRunsAndReadsTheTailOnly) {
  World w;
  w.Open();
  w.Add(1000);
  ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size - 1)));
  w.Add(15);
  w.Open();
  EXPECT_EQ(w.read_from, 1000u);
  w.ExpectAllFound();
}

TEST(KeyIndex, OfAnotherLogIsBuiltAgain) {
  World w;
  w.Open();
  w.Add(1000);
  ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size)));  // a tip that this log does not have
  w.Open();
  EXPECT_EQ(w.read_from, 0u);
  w.ExpectAllFound();
}

TEST(KeyIndex, OfALogPutBackIsBuiltAgain) {
  World w;
  w.Open();
  w.Add(1000);
  ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size - 1)));
  w.size = 500;
  w.Open();
  EXPECT_EQ(w.read_from, 0u);
  w.ExpectAllFound();
}

TEST(KeyIndex, DamageAtAnyFileLeadsToAnewOne) {
  for (int kind = 0; kind < 5; ++kind) {
    World w;
    w.Open();
    w.Add(1000);
    ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size - 1)));
    w.index.reset();
    for (const auto& f : fs::directory_iterator(w.dir)) {
      bool run = f.path().extension() == ".run";
      if (kind == 0 && run) fs::remove(f.path());
      if (kind == 1 && run) fs::resize_file(f.path(), fs::file_size(f.path()) / 2);
      if (kind == 2 && run) std::fstream(f.path(), std::ios::in | std::ios::out) << "XX";
      if (kind == 3 && !run) fs::remove(f.path());
      if (kind == 4 && !run) std::ofstream(f.path()) << "birthmark-keys 1\nnonsense\n";
    }
    w.Open();
    EXPECT_EQ(w.read_from, 0u) << kind;
    w.ExpectAllFound();
  }
}

// Whatever a crash leaves lying about beside the manifest is of no meaning and is removed.
TEST(KeyIndex, LeftoversOfACrashAreRemoved) {
  World w;
  w.Open();
  w.Add(300);
  ASSERT_TRUE(w.index->Flush(w.size, LeafOf(w.size - 1)));
  w.index.reset();
  std::ofstream(w.dir / "00000099.run.tmp") << "half";
  std::ofstream(w.dir / "00000098.run") << "whole, but not yet named";
  w.Open();
  EXPECT_EQ(w.read_from, 300u);
  EXPECT_FALSE(fs::exists(w.dir / "00000099.run.tmp"));
  EXPECT_FALSE(fs::exists(w.dir / "00000098.run"));
  w.ExpectAllFound();
}

TEST(KeyIndex, ForgetsABatchThatWasNotCommitted) {
  World w;
  w.Open();
  w.Add(20);
  w.index->Insert(KeyOf(777), 20);
  ASSERT_TRUE(w.index->Reload());
  std::vector<uint64_t> hits;
  w.index->Find(KeyOf(777), hits);
  EXPECT_TRUE(hits.empty());
  w.ExpectAllFound();
}

TEST(KeyIndex, DroppedIsEmptyAndALongTailBecomesRuns) {
  World w;
  w.Open();
  w.Add(1000);
  ASSERT_TRUE(w.index->Drop());
  std::vector<uint64_t> hits;
  w.index->Find(KeyOf(5), hits);
  EXPECT_TRUE(hits.empty());
  ASSERT_TRUE(w.index->Reload());
  EXPECT_GT(w.Runs(), 0u);
  w.ExpectAllFound();
}

}  // namespace
}  // namespace birthmark::ledger
