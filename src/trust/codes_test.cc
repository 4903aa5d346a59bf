// SPDX-License-Identifier: Apache-2.0
// Every code that this room's sources say is one that `birthmark explain` knows, and the other way
// round.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "base/files.h"

namespace birthmark::trust {
namespace {

// QuotedCodes is the codes of this room between quotes in a text.
std::set<std::string> QuotedCodes(const std::string& text) {
  static const std::regex pattern("\"(trust\\.[a-z0-9-]+)\"");
  std::set<std::string> out;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    out.insert((*it)[1]);
  return out;
}

TEST(Codes, OfThisRoomAreExplained) {
  const fs::path sources = fs::path(TRUST_SOURCE_DIR);
  std::set<std::string> used;
  for (const fs::path& room : {sources, sources / "../app", sources / "../cli"}) {
    for (const auto& file : fs::directory_iterator(room)) {
      const std::string name = file.path().filename();
      if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
      used.merge(QuotedCodes(ReadTextFile(file.path(), 1 << 20).value()));
    }
  }
  EXPECT_GT(used.size(), 30u);
  EXPECT_EQ(used, QuotedCodes(ReadTextFile(sources / "../app/codes.inc", 1 << 20).value()));
}

}  // namespace
}  // namespace birthmark::trust
