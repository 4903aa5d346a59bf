// SPDX-License-Identifier: Apache-2.0
#include "disclose/words.h"

#include <gtest/gtest.h>

namespace birthmark::disclose {
namespace {

answer::Answer Both(cbor::Value measured, cbor::Value declared, bool differs) {
  answer::Answer a;
  a.state = "answered";
  a.differs = differs;
  a.measured.emplace().value = std::move(measured);
  a.declared = answer::Declared{"2026-11-01", "engineer", std::move(declared), {}};
  return a;
}

TEST(Plain, TakesEscapesAndDirectionMarksAway) {
  EXPECT_EQ(Plain("a\x1b[31mred\n"), "a\xef\xbf\xbd[31mred\xef\xbf\xbd");
  EXPECT_EQ(Plain("\xe2\x80\xae"
                  "desrever"),
            "\xef\xbf\xbd"
            "desrever");
  EXPECT_EQ(Plain("\xc2\x9b"
                  "31m"),
            "\xef\xbf\xbd"
            "31m");
  EXPECT_EQ(Plain("Zürich …"), "Zürich …");
}

TEST(AnswerWords, SaysBasisAndDifference) {
  EXPECT_EQ(AnswerWords(Both(3, 3, false)), "measured 3, declared 3");
  EXPECT_EQ(AnswerShort(Both(2, 0, true)), "m 2 ≠ d 0");
  answer::Answer a = Both(3, 3, false);
  a.measured->basis = "attested";
  EXPECT_EQ(AnswerShort(a), "a 3, d 3");
}

TEST(AnswerWords, SaysWhyThereIsNoValue) {
  answer::Answer a;
  EXPECT_EQ(AnswerWords(a), "not answered");
  a.state = "withheld";
  a.why = "5.3.1";
  EXPECT_EQ(AnswerWords(a), "withheld (5.3.1)");
  a.state = "not-applicable";
  a.why = "root is not split";
  EXPECT_EQ(AnswerShort(a), "not applicable (root is not split)");
}

TEST(ValueWords, IsCutAndHarmless) {
  EXPECT_EQ(ValueWords("identity-pki-level", cbor::Value(3)), "3");
  EXPECT_EQ(ValueWords("replace", cbor::Value("no\x1b[2J")), "no\xef\xbf\xbd[2J");
  EXPECT_EQ(Columns(ValueWords("replace", cbor::Value(std::string(5000, 'x')))), 401u);
}

TEST(Wrap, BreaksAtSpacesAndInsideLongWords) {
  EXPECT_EQ(Wrap("ab cd ef", 5), (std::vector<std::string>{"ab cd", "ef"}));
  EXPECT_EQ(Wrap("abcdefg h", 3), (std::vector<std::string>{"abc", "def", "g h"}));
  EXPECT_EQ(Wrap("", 3), (std::vector<std::string>{""}));
}

TEST(SideBySide, NeverPassesTheEdge) {
  const std::string text = SideBySide({std::string(200, 'a'), "b b b", "ü ü", "…"});
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    EXPECT_LE(Columns(text.substr(start, end - start)), 80u);
  }
}

TEST(QuestionName, FollowsTheRevision) {
  EXPECT_EQ(QuestionName("initial-enclave-privacy-key", "15"),
            "initial-enclave-confidentiality-key");
  EXPECT_EQ(QuestionName("initial-enclave-privacy-key", "02"), "initial-enclave-privacy-key");
  EXPECT_EQ(QuestionName("a-later-question", "33"), "a-later-question");
  EXPECT_LT(QuestionRank("initial-enclave-location"), QuestionRank("pki-level"));
  EXPECT_LT(QuestionRank("pki-level"), QuestionRank("replace"));
  EXPECT_LT(QuestionRank("replace"), QuestionRank("a-later-question"));
}

}  // namespace
}  // namespace birthmark::disclose
