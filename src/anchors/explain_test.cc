// SPDX-License-Identifier: Apache-2.0
#include "anchors/explain.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "base/files.h"

namespace birthmark::anchors {
namespace {

// CodesIn finds the codes that stand as literals in a file.
std::set<std::string> CodesIn(const fs::path& path) {
  const std::string text = ReadTextFile(path, 1 << 20).value_or("");
  static const std::regex code("\"((anchors|trial)\\.[a-z0-9-]+)\"");
  std::set<std::string> out;
  for (std::sregex_iterator i(text.begin(), text.end(), code), end; i != end; ++i)
    out.insert((*i)[1]);
  return out;
}

TEST(ExplainCode, KnowsEveryCodeOfThisRoomAndNoOther) {
  std::set<std::string> used;
  for (const auto& file : fs::directory_iterator(ANCHORS_SOURCE_DIR)) {
    const std::string name = file.path().filename();
    if (name.ends_with(".cc") && !name.ends_with("_test.cc")) used.merge(CodesIn(file.path()));
  }
  ASSERT_GT(used.size(), 30u);
  EXPECT_EQ(used, CodesIn(fs::path(ANCHORS_SOURCE_DIR) / "codes.inc"));
  for (const std::string& code : used) EXPECT_FALSE(ExplainCode(code).empty()) << code;
  EXPECT_TRUE(ExplainCode("anchors.no-such").empty());
}

}  // namespace
}  // namespace birthmark::anchors
