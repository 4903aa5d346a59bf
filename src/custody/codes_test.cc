// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/files.h"

namespace birthmark::custody {
namespace {

// CodesOf finds the codes of this room that stand as literals in a file.
std::set<std::string> CodesOf(const fs::path& path) {
  const std::string text = ReadTextFile(path, 1 << 20).value();
  static const std::regex code(
      "\"((box|custody|dkg|message|nonce|proof|reshare|share|sign)\\.[a-z0-9-]+)\"");
  std::set<std::string> out;
  for (std::sregex_iterator i(text.begin(), text.end(), code), end; i != end; ++i)
    out.insert((*i)[1]);
  return out;
}

TEST(CustodyCodes, EveryCodeIsExplainedAndNoOther) {
  const fs::path room = CUSTODY_SOURCE_DIR;
  std::set<std::string> used = CodesOf(room / "../app/shares.cc");
  used.merge(CodesOf(room / "../app/share_rounds.cc"));
  used.merge(CodesOf(room / "../cli/cmd_share.cc"));
  used.merge(CodesOf(room / "../cli/cmd_share_rounds.cc"));
  for (const auto& file : fs::directory_iterator(room)) {
    const std::string name = file.path().filename();
    if ((name.ends_with(".cc") && !name.ends_with("_test.cc")) || name == "message.h")
      used.merge(CodesOf(file.path()));
  }
  ASSERT_GT(used.size(), 40u);
  EXPECT_EQ(used, CodesOf(room / "codes.inc"));
}

}  // namespace
}  // namespace birthmark::custody
