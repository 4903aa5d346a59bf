// SPDX-License-Identifier: Apache-2.0
#include "app/seed_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace birthmark::app {
namespace {

constexpr std::string_view kId = "019abc12-0000-7000-8000-000000000000";

SecretBytes Secret(uint8_t fill, size_t n = 32) { return SecretBytes::Take(Bytes(n, fill)); }

class SeedStore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bm-seeds-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    path_ = dir_ / kId;
  }
  void TearDown() override { fs::remove_all(dir_); }

  void Fill(int n) {
    SecretBytes key = Secret(7);
    auto w = SeedFileWriter::Create(path_, key, kId);
    ASSERT_TRUE(w);
    for (int i = 0; i < n; ++i) {
      ASSERT_TRUE(w->Add("chip" + std::to_string(i), i % 2 ? "S-" + std::to_string(i) : "",
                         Secret(static_cast<uint8_t>(i + 1), 32 + i % 33)));
    }
    ASSERT_TRUE(w->Finish());
  }

  fs::path dir_, path_;
};

TEST_F(SeedStore, GivesEachSeedBackAndErasesItAlone) {
  Fill(10'000);  // several reads of the file
  auto file = SeedFile::Open(path_, Secret(7), kId);
  ASSERT_TRUE(file) << file.error().ToString();
  std::vector<KeptSeed> spent;
  for (int i = 0; i < 10'000; ++i) {
    auto kept = file->Next();
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ((*kept)->chip, "chip" + std::to_string(i));
    EXPECT_EQ((*kept)->serial, i % 2 ? "S-" + std::to_string(i) : "");
    auto seed = file->Unseal(**kept);
    ASSERT_TRUE(seed);
    EXPECT_TRUE(*seed == Secret(static_cast<uint8_t>(i + 1), 32 + i % 33));
    if (i % 3 == 0) spent.push_back(std::move(**kept));
  }
  auto end = file->Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
  ASSERT_TRUE(file->Erase(spent));

  auto again = SeedFile::Open(path_, Secret(7), kId);
  ASSERT_TRUE(again);
  for (int i = 0; i < 10'000; ++i) {
    auto kept = again->Next();
    ASSERT_TRUE(kept && *kept);
    EXPECT_EQ((*kept)->Erased(), i % 3 == 0);
    if (i % 3 != 0) {
      EXPECT_TRUE(again->Unseal(**kept));
    }
  }
}

TEST_F(SeedStore, RefusesWhatIsNotTheBatch) {
  Fill(3);
  EXPECT_EQ(SeedFile::Open(path_, Secret(7), "019abc12-0000-7000-8000-000000000001").error().code,
            "seed.store");
  auto other_key = SeedFile::Open(path_, Secret(8), kId);
  ASSERT_TRUE(other_key);
  auto kept = other_key->Next();
  ASSERT_TRUE(kept && *kept);
  EXPECT_EQ(other_key->Unseal(**kept).error().code, "seed.store");
  // A box moved to another chip.
  auto file = SeedFile::Open(path_, Secret(7), kId);
  auto first = file->Next(), second = file->Next();
  ASSERT_TRUE(first && *first && second && *second);
  KeptSeed moved = **first;
  moved.chip = (*second)->chip;
  EXPECT_EQ(file->Unseal(moved).error().code, "seed.store");
  // Cut anywhere: the whole ones are read, then it is damaged.
  auto all = ReadFile(path_, 1 << 20);
  ASSERT_TRUE(all);
  for (size_t cut = 64; cut < all->size(); cut += 7) {
    ASSERT_TRUE(WriteFileAtomic(path_, ByteView(*all).first(cut), 0600));
    auto part = SeedFile::Open(path_, Secret(7), kId);
    ASSERT_TRUE(part);
    Result<std::optional<KeptSeed>> next;
    do next = part->Next();
    while (next && *next);
    if (!next) {
      EXPECT_EQ(next.error().code, "seed.store");
    }
  }
}

TEST_F(SeedStore, LeavesNothingOfAnUnfinishedOrErasedBatch) {
  {
    SecretBytes key = Secret(7);
    auto w = SeedFileWriter::Create(path_, key, kId);
    ASSERT_TRUE(w && w->Add("chip", "", Secret(1)));
  }
  EXPECT_TRUE(fs::is_empty(dir_));
  Fill(2);
  ASSERT_TRUE(EraseSeedFile(path_));
  EXPECT_TRUE(fs::is_empty(dir_));
  EXPECT_TRUE(EraseSeedFile(path_));
}

TEST(Serials, AreTextThatNamesAUnit) {
  for (const char* good : {"BC7-00000001", "a", "x.y_z"}) EXPECT_TRUE(IsSerialText(good)) << good;
  for (const char* bad : {"", "a b", "a/b", "a\\b", "a:b", "a,b", "a\"b", "\xc3\xa4"})
    EXPECT_FALSE(IsSerialText(bad)) << bad;
  EXPECT_FALSE(IsSerialText(std::string(65, 'a')));
}

}  // namespace
}  // namespace birthmark::app
