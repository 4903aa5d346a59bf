// SPDX-License-Identifier: Apache-2.0
#include "vocab/render.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace birthmark::vocab {
namespace {

std::string Committed(const std::string& path) {
  std::ifstream in(std::string(BIRTHMARK_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// ExpectCommitted compares, or writes the file anew when BIRTHMARK_UPDATE is set.
void ExpectCommitted(const std::string& path, const std::string& text) {
  if (std::getenv("BIRTHMARK_UPDATE") != nullptr) {
    std::ofstream(std::string(BIRTHMARK_SOURCE_DIR) + "/" + path) << text;
  }
  EXPECT_EQ(Committed(path), text)
      << "run this test with BIRTHMARK_UPDATE=1 and review the difference";
}

TEST(Render, CommittedVocabularyIsTheTables) {
  ExpectCommitted("docs/vocabulary.md", VocabularyMarkdown());
}

TEST(Render, CommittedAnswerSchemaIsTheTables) {
  ExpectCommitted("docs/formats/answer.schema.json", AnswerSchema());
}

TEST(Render, MarkdownCellsCannotBreakTheirTable) {
  for (const Row& r : Table()) {
    for (std::string_view cell : {r.name, r.in02, r.in15, r.summary, r.evidence, r.unit}) {
      EXPECT_EQ(cell.find_first_of("|\n"), cell.npos) << r.name;
    }
  }
}

TEST(Render, SchemaAndJsonBalance) {
  // No JSON reader in this room: braces outside strings must pair, quotes must close.
  for (const std::string& text : {AnswerSchema(), VocabularyJson(Revision::k02)}) {
    std::string open;
    bool string = false;
    for (size_t i = 0; i < text.size(); ++i) {
      char c = text[i];
      if (string) {
        if (c == '\\') ++i;
        if (c == '"') string = false;
        ASSERT_NE(c, '\n') << "a string runs over a line's end";
      } else if (c == '"') {
        string = true;
      } else if (c == '{' || c == '[') {
        open += c;
      } else if (c == '}' || c == ']') {
        ASSERT_FALSE(open.empty());
        ASSERT_EQ(open.back(), c == '}' ? '{' : '[');
        open.pop_back();
      }
    }
    EXPECT_TRUE(open.empty());
  }
}

TEST(Render, TextShowsTheRevisionsNames) {
  EXPECT_NE(VocabularyText(Revision::k02).find("bamboo"), std::string::npos);
  std::string later = VocabularyText(Revision::k15);
  EXPECT_NE(later.find("broccoli"), std::string::npos);
  EXPECT_EQ(later.find("bamboo "), std::string::npos);
}

TEST(Render, CompletionHasStoredAndLaterNamesOnce) {
  std::vector<std::string> words = CompletionWords();
  EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
  EXPECT_EQ(std::count(words.begin(), words.end(), "avocado"), 1);
  EXPECT_EQ(std::count(words.begin(), words.end(), "broccoli"), 1);
  EXPECT_EQ(std::count(words.begin(), words.end(), "pki-level"), 1);
}

}  // namespace
}  // namespace birthmark::vocab
