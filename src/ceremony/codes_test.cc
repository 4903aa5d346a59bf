// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/files.h"

namespace birthmark::ceremony {
namespace {

std::set<std::string> CodesIn(const fs::path& path) {
  const std::string text = ReadTextFile(path, 1 << 20).value();
  static const std::regex code("\"((ceremony|custody|record)\\.[a-z0-9-]+)\"");
  std::set<std::string> out;
  for (std::sregex_iterator i(text.begin(), text.end(), code), end; i != end; ++i)
    out.insert((*i)[1]);
  return out;
}

TEST(CeremonyCodes, EveryCodeIsExplained) {
  const fs::path room = CEREMONY_SOURCE_DIR;
  std::set<std::string> used;
  for (const char* file :
       {"../app/ceremonies.cc", "../cli/cmd_ceremony.cc", "../cli/cmd_custody.cc"})
    used.merge(CodesIn(room / file));
  for (const auto& file : fs::directory_iterator(room)) {
    const std::string name = file.path().filename();
    if (name.ends_with(".cc") && !name.ends_with("_test.cc")) used.merge(CodesIn(file.path()));
  }
  // File names, and a fault of ours that nobody can act on.
  for (const char* other : {"ceremony.toml", "ceremony.step", "record.birthmark-record"})
    used.erase(other);
  ASSERT_GT(used.size(), 50u);
  const std::set<std::string> told = CodesIn(room / "codes.inc");
  for (const std::string& code : used) EXPECT_TRUE(told.contains(code)) << code;
}

}  // namespace
}  // namespace birthmark::ceremony
