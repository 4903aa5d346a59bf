// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace birthmark {
namespace {

TEST(ReadFile, RefusesAFileOverTheLimitAndAFolder) {
  test::TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "a", std::string(100, 'x')));
  EXPECT_EQ(ReadFile(dir / "a", 100)->size(), 100u);
  EXPECT_EQ(ReadFile(dir / "a", 99).error().code, "file.too-large");
  EXPECT_EQ(ReadFile(dir / "none", 99).error().code, "file.missing");
  EXPECT_EQ(ReadFile(dir.path(), 99).error().code, "file.read");
  // A device file has no size to look at first: the limit holds while reading.
  EXPECT_EQ(ReadFile("/dev/zero", 1 << 20).error().code, "file.too-large");
}

TEST(WriteFileAtomic, OnAFullDiskKeepsTheOldFileAndNamesTheFix) {
  auto s = WriteFileAtomic("/dev/full/x", std::string("a"));
  EXPECT_FALSE(s);
  test::TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "a", std::string("old")));
  ASSERT_TRUE(WriteFileAtomic(dir / "a", std::string("new"), 0600));
  EXPECT_EQ(*ReadTextFile(dir / "a", 10), "new");
  EXPECT_EQ(fs::status(dir / "a").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()), 1);
}

TEST(FileLock, IsHeldByOneAndFreedAtTheEnd) {
  test::TempDir dir;
  {
    auto a = FileLock::Take(dir / "lock", "test.locked");
    ASSERT_TRUE(a);
    auto b = FileLock::Take(dir / "lock", "test.locked");
    ASSERT_FALSE(b);
    EXPECT_EQ(b.error().code, "test.locked");
    EXPECT_NE(b.error().message.find(std::to_string(getpid())), std::string::npos);
  }
  EXPECT_TRUE(FileLock::Take(dir / "lock", "test.locked"));
}

}  // namespace
}  // namespace birthmark
