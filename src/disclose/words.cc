// SPDX-License-Identifier: Apache-2.0
#include "disclose/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "answer/value.h"
#include "base/clock.h"
#include "vocab/vocab.h"

namespace birthmark::disclose {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
constexpr size_t kMaxWords = 400;  // longer values are cut; --json has them whole

// NextChar is the octets of the UTF-8 character at `at`; the texts come from a strict decoder.
std::string_view NextChar(std::string_view s, size_t at) {
  auto c = static_cast<unsigned char>(s[at]);
  size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return s.substr(at, n);
}

bool IsHarmful(std::string_view c) {
  if (c.size() == 1) return static_cast<unsigned char>(c[0]) < 0x20 || c[0] == 0x7f;
  if (c.size() == 2)
    return c[0] == '\xc2' && static_cast<unsigned char>(c[1]) < 0xa0;  // C1 controls
  // U+200B..200F, U+2028..202E, U+2060..206F: widthless, line ends and direction marks; U+FEFF.
  if (c.size() == 3 && c[0] == '\xe2' && c[1] == '\x80') {
    auto b = static_cast<unsigned char>(c[2]);
    return (b >= 0x8b && b <= 0x8f) || (b >= 0xa8 && b <= 0xae);
  }
  if (c.size() == 3 && c[0] == '\xe2' && c[1] == '\x81')
    return static_cast<unsigned char>(c[2]) >= 0xa0;
  return c == "\xef\xbb\xbf";
}

std::string StateWords(const answer::Answer& a) {
  std::string state = a.state == "not-applicable" ? "not applicable"
                      : a.state == "not-answered" ? "not answered"
                                                  : Plain(a.state);
  return a.why && !a.why->empty() ? fmt::format("{} ({})", state, Plain(*a.why)) : state;
}

std::string Both(const answer::Answer& a, bool brief) {
  if (a.state != "answered") return StateWords(a);
  std::string out;
  if (a.measured) {
    const std::string basis = Plain(a.measured->basis);
    out = fmt::format("{} {}", brief ? std::string(NextChar(basis + " ", 0)) : basis,
                      ValueWords(a.question, a.measured->value));
  }
  if (a.declared) {
    if (!out.empty()) out += a.differs ? " ≠ " : ", ";
    out +=
        fmt::format("{} {}", brief ? "d" : "declared", ValueWords(a.question, a.declared->value));
  }
  return out;
}

}  // namespace

std::string Plain(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size();) {
    std::string_view c = NextChar(s, i);
    out += IsHarmful(c) ? kReplacement : c;
    i += c.size();
  }
  return out;
}

std::string ValueWords(std::string_view question, const cbor::Value& v) {
  std::string out = Plain(answer::Describe(question, v));
  if (Columns(out) <= kMaxWords) return out;
  size_t at = 0;
  for (size_t n = 0; n < kMaxWords; ++n) at += NextChar(out, at).size();
  return out.substr(0, at) + "…";
}

std::string AnswerWords(const answer::Answer& a) { return Both(a, false); }
std::string AnswerShort(const answer::Answer& a) { return Both(a, true); }

std::string ShortDigest(const Digest& d) {
  const std::string hex = ToHex(d);
  return hex.substr(0, 8) + "…" + hex.substr(hex.size() - 8);
}

std::string Dates(int64_t from, int64_t to) {
  return fmt::format("{} to {}", FormatDate(TimeFromMillis(from)), FormatDate(TimeFromMillis(to)));
}

std::string MarkLine(const Disclosure& d) {
  std::string out = d.rehearsal ? "REHEARSAL" : "";
  for (const std::string& m : d.marks) {
    out += (out.empty() ? "" : out == "REHEARSAL" ? ": " : ", ") + Plain(m);
  }
  return out;
}

std::string QuestionName(std::string_view stored, std::string_view revision) {
  vocab::Revision r = vocab::kDefaultRevision;
  vocab::FromText(revision, r);
  if (vocab::Question q{}; vocab::FromText(stored, q)) return std::string(vocab::NameIn(q, r));
  return Plain(stored);
}

size_t QuestionRank(std::string_view stored) {
  if (vocab::Question q{}; vocab::FromText(stored, q)) return static_cast<size_t>(q);
  if (vocab::Aspect a{}; vocab::FromText(stored, a)) {
    return vocab::kQuestionCount + static_cast<size_t>(a);
  }
  return vocab::kQuestionCount + vocab::kAspectCount;
}

size_t Columns(std::string_view s) {
  return static_cast<size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::vector<std::string> Wrap(std::string_view s, size_t width) {
  std::vector<std::string> out;
  std::string line;
  size_t used = 0;
  auto flush = [&] {
    out.push_back(line);
    line.clear();
    used = 0;
  };
  for (size_t i = 0; i < s.size();) {
    if (s[i] == ' ') {
      ++i;
      continue;
    }
    size_t end = std::min(s.find(' ', i), s.size());
    const size_t columns = Columns(s.substr(i, end - i));
    if (used > 0 && used + 1 + columns > width) flush();
    if (used > 0) {
      line += ' ';
      ++used;
    }
    while (i < end) {
      if (used == width) flush();
      std::string_view c = NextChar(s, i);
      line += c;
      ++used;
      i += c.size();
    }
  }
  if (used > 0 || out.empty()) flush();
  return out;
}

std::string SideBySide(const std::vector<std::string>& cells, size_t total) {
  const size_t gap = 2, indent = 2;
  const size_t width = (total - indent - gap * (cells.size() - 1)) / cells.size();
  std::vector<std::vector<std::string>> wrapped;
  size_t rows = 0;
  for (const std::string& c : cells) {
    wrapped.push_back(Wrap(c, width));
    rows = std::max(rows, wrapped.back().size());
  }
  std::string out;
  for (size_t r = 0; r < rows; ++r) {
    std::string line(indent, ' ');
    for (size_t c = 0; c < cells.size(); ++c) {
      const std::string text = r < wrapped[c].size() ? wrapped[c][r] : "";
      line += text + std::string(width - Columns(text) + gap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace birthmark::disclose
