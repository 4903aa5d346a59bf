// SPDX-License-Identifier: Apache-2.0
// Values and answers in a few words for a terminal, and the wrapping of text into columns. A
// disclosure is a stranger's file: whatever it says is made harmless before it reaches a screen.
// Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "disclose/opened.h"

namespace birthmark::disclose {

// Plain replaces control characters, line ends and marks that turn the reading direction by U+FFFD,
// so that a text cannot move the cursor, colour the screen or pass for another.
std::string Plain(std::string_view s);

// ValueWords is answer::Describe made harmless and cut where it would fill the screen.
std::string ValueWords(std::string_view question, const cbor::Value& v);

// AnswerWords is an answer in one line: "measured 3, declared 3", "measured 2 ≠ declared 0",
// "withheld (5.3.1)", "not answered".
std::string AnswerWords(const answer::Answer& a);
// AnswerShort is the same with m, a and d for the basis.
std::string AnswerShort(const answer::Answer& a);

// ShortDigest is the first and last eight digits: "8f3a41c9…77d0e25b".
std::string ShortDigest(const Digest& d);
// Dates is "2026-08-01 to 2026-11-21". Units: ms since 1970.
std::string Dates(int64_t from, int64_t to);

// MarkLine is the first line of every rendering of a rehearsal, empty for production.
std::string MarkLine(const Disclosure& d);

// QuestionName is how a revision of the draft calls a question or aspect; an unknown name stays
// itself.
std::string QuestionName(std::string_view stored, std::string_view revision);
// QuestionRank orders answers as the draft does; unknown names come last.
size_t QuestionRank(std::string_view stored);

// Columns counts the characters of a text, each taken as one column wide.
size_t Columns(std::string_view s);
// Wrap breaks a text at spaces, and inside words that are too long, into lines of at most `width`.
std::vector<std::string> Wrap(std::string_view s, size_t width);
// SideBySide sets texts into columns of equal width that fill `total` after an indent of two.
std::string SideBySide(const std::vector<std::string>& cells, size_t total = 80);

}  // namespace birthmark::disclose
