// SPDX-License-Identifier: Apache-2.0
// The table of commands and what is made from it; the text and JSON forms of results.
#include "cli/made.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cli/spec.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string NameOf(const Command& c) { return c.verb.empty() ? c.noun : c.noun + " " + c.verb; }

// Roff writes a hyphen as "\-".
std::string Hyphens(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '-' ? std::string("\\-") : std::string(1, c);
  return out;
}

TEST(Commands, EachHasASummaryAnExampleAndAHandler) {
  for (const Command& c : Commands()) {
    SCOPED_TRACE(NameOf(c));
    EXPECT_FALSE(c.summary.empty());
    EXPECT_THAT(c.summary, testing::Not(testing::EndsWith(".")));
    EXPECT_THAT(c.example + " ", StartsWith("birthmark " + NameOf(c) + " "));
    EXPECT_NE(c.run, nullptr);
  }
}

TEST(Commands, NamesAreUniqueAndANounWithVerbsIsNoCommand) {
  std::set<std::string> names, alone, with_verbs;
  for (const Command& c : Commands()) {
    EXPECT_TRUE(names.insert(NameOf(c)).second) << NameOf(c);
    (c.verb.empty() ? alone : with_verbs).insert(c.noun);
  }
  for (const std::string& noun : alone) EXPECT_FALSE(with_verbs.contains(noun)) << noun;
}

TEST(Commands, AnOptionIsGivenOnceAndTold) {
  for (const Command& c : Commands()) {
    SCOPED_TRACE(NameOf(c));
    std::set<std::string> seen;
    for (const Option& o : OptionsOf(c)) {
      EXPECT_TRUE(seen.insert(o.Long()).second) << o.name;
      EXPECT_THAT(o.Long(), StartsWith("--"));
      EXPECT_FALSE(o.help.empty()) << o.name;
    }
    EXPECT_TRUE(seen.contains("--json"));
  }
}

TEST(Commands, NoOptionTakesASecretItself) {
  for (const Command& c : Commands()) {
    for (const Option& o : OptionsOf(c)) {
      EXPECT_NE(o.Long(), "--passphrase") << NameOf(c);
      EXPECT_NE(o.Long(), "--pin") << NameOf(c);
    }
  }
}

TEST(Commands, OnlyTheLastArgumentMayTakeTheRestOrBeLeftOut) {
  for (const Command& c : Commands()) {
    for (size_t i = 0; i + 1 < c.arguments.size(); ++i) {
      EXPECT_TRUE(c.arguments[i].required && !c.arguments[i].repeated) << NameOf(c);
    }
  }
}

TEST(Made, EveryCompletionKnowsEveryNameAndOption) {
  for (const auto& [shell, text] :
       {std::pair{"bash", BashCompletion()}, std::pair{"zsh", ZshCompletion()},
        std::pair{"fish", FishCompletion()}}) {
    for (const Command& c : Commands()) {
      SCOPED_TRACE(std::string(shell) + " " + NameOf(c));
      EXPECT_THAT(text, HasSubstr(c.noun));
      EXPECT_THAT(text, HasSubstr(c.verb));
      for (const Option& o : OptionsOf(c)) {
        EXPECT_THAT(
            text, HasSubstr(std::string(shell) == "fish" ? "-l " + o.Long().substr(2) : o.Long()));
      }
    }
  }
}

TEST(Made, TheManPageNamesEveryCommandAndOption) {
  std::string page = ManPage();
  EXPECT_THAT(page, HasSubstr(".TH BIRTHMARK 1"));
  for (const Command& c : Commands()) {
    SCOPED_TRACE(NameOf(c));
    size_t at = page.find(".SS " + Hyphens(NameOf(c)));
    ASSERT_NE(at, std::string::npos);
    size_t end = page.find("\n.S", at + 1);
    std::string section = page.substr(at, end == std::string::npos ? end : end - at);
    EXPECT_THAT(section, HasSubstr(Hyphens(c.summary)));
    for (const Option& o : OptionsOf(c))
      EXPECT_THAT(section, HasSubstr("\\fB" + Hyphens(o.name) + "\\fR"));
  }
}

TEST(Json, StringsAreEscaped) {
  std::string hostile = "a\"b\\c\n\t\x01 \x1f é";
  std::string text = JsonString(hostile);
  EXPECT_EQ(nlohmann::json::parse(text).get<std::string>(), hostile);
  for (char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(Number, IsWholeAndInRange) {
  Invocation in;
  EXPECT_EQ(*in.Number("--units", 5, 1, 10), 5u);
  in.options["--units"] = "10";
  EXPECT_EQ(*in.Number("--units", 5, 1, 10), 10u);
  for (const char* bad :
       {"0", "11", "-1", "+1", "1.5", "1e1", " 1", "1 ", "", "99999999999999999999999"}) {
    in.options["--units"] = bad;
    auto n = in.Number("--units", 5, 1, 10);
    ASSERT_FALSE(n) << bad;
    EXPECT_EQ(n.error().code, "cli.number");
    EXPECT_EQ(ExitCode(n.error().kind), 2);
  }
}

TEST(Table, TextAlignsByCharacters) {
  Table t({"name", "state"});
  t.Add({"Zürich", "packed"});
  t.Add({"Brno", "started"});
  EXPECT_EQ(t.Text(false), "name    state\nZürich  packed\nBrno    started\n");
}

TEST(Table, AnEmptyOneIsAnEmptyArray) {
  Table t({"name"});
  EXPECT_TRUE(t.empty());
  EXPECT_EQ(nlohmann::json::parse(t.Text(true)), nlohmann::json::array());
}

TEST(Table, JsonIsAnObjectARow) {
  Table t({"issues until", "name"});
  t.Add({"2028", "Site \"A\""});
  t.Add({"2029", "B"});
  auto j = nlohmann::json::parse(t.Text(true));
  ASSERT_EQ(j.size(), 2u);
  EXPECT_EQ(j[0]["issues_until"], "2028");
  EXPECT_EQ(j[0]["name"], "Site \"A\"");
  EXPECT_EQ(j[1]["name"], "B");
}

TEST(Fields, ANameGivenTwiceIsAnArray) {
  Fields f;
  f.Add("unit", "BMC-0001");
  f.Add("visit", "one");
  f.Add("first at", "now");
  f.Add("visit", "two");
  auto j = nlohmann::json::parse(f.Text(true));
  EXPECT_EQ(j["unit"], "BMC-0001");
  EXPECT_EQ(j["visit"], (nlohmann::json{"one", "two"}));
  EXPECT_EQ(j["first_at"], "now");
  EXPECT_EQ(f.Text(false), "unit      BMC-0001\nvisit     one\nfirst at  now\nvisit     two\n");
}

}  // namespace
}  // namespace birthmark::cli
