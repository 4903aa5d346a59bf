// SPDX-License-Identifier: Apache-2.0
#include "vocab/explain.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace birthmark::vocab {
namespace {

TEST(Explain, EveryQuestionHasAReadingOf3To8Lines) {
  for (Question q : All<Question>()) {
    std::string_view text = Reading(q);
    auto lines = 1 + std::count(text.begin(), text.end(), '\n');
    EXPECT_GE(lines, 3) << ToText(q);
    EXPECT_LE(lines, 8) << ToText(q);
  }
}

TEST(Explain, NoLineIsWiderThanATerminal) {
  auto check = [](std::string_view text) {
    while (!text.empty()) {
      size_t end = text.find('\n');
      EXPECT_LE(text.substr(0, end).size(), 100u) << text.substr(0, end);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
  };
  for (Question q : All<Question>()) check(Reading(q));
  for (Method m : All<Method>()) check(Reading(m));
}

TEST(Explain, ReadingsStandWithTheirOwnQuestion) {
  // Each from a place where a shifted array would show.
  EXPECT_NE(Reading(Question::kInitialEnclavePrivacyKey).find("confidentiality-key"),
            std::string_view::npos);
  EXPECT_NE(Reading(Question::kFirstStageExposure).find("90 days"), std::string_view::npos);
  EXPECT_NE(Reading(Question::kIdentitySplitExtra).find("n-k"), std::string_view::npos);
  EXPECT_NE(Reading(Question::kPkiBreadth).find("design number"), std::string_view::npos);
  EXPECT_NE(Reading(Question::kPkiAnchorStorage).find("5.3.1"), std::string_view::npos);
  EXPECT_NE(Reading(Method::kSapodilla).find("spinach"), std::string_view::npos);
}

TEST(Explain, AQuestionTellsReadingMeasureAndSecrecy) {
  std::string text = FindExplanation("first-stage-exposure");
  EXPECT_NE(text.find("draft section 6.1"), std::string::npos);
  EXPECT_NE(text.find("how we read it"), std::string::npos);
  EXPECT_NE(text.find("how it is measured"), std::string::npos);
  EXPECT_NE(text.find("disclosed: public"), std::string::npos);
}

TEST(Explain, NamesOfLaterRevisionsAreFound) {
  EXPECT_NE(FindExplanation("broccoli").find("bamboo"), std::string::npos);
  EXPECT_NE(FindExplanation("bamboo", Revision::k15).find("broccoli  (Methods"), std::string::npos);
}

TEST(Explain, AWordOfTwoGroupsIsExplainedTwice) {
  // "co-generated" is a source of the slides; "rom" is a stage and a store.
  std::string text = FindExplanation("rom");
  EXPECT_NE(text.find("Stages"), std::string::npos);
  EXPECT_NE(text.find("Stores"), std::string::npos);
}

TEST(Explain, UnknownWordsHaveNone) { EXPECT_EQ(FindExplanation("durian"), ""); }

}  // namespace
}  // namespace birthmark::vocab
