// SPDX-License-Identifier: Apache-2.0
#include "custody/words.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "crypto/digest.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kWordsDomain = "birthmark share words v1";
// arXiv 0901.4016 section 4: a consonant is 4 bits, a vowel 2.
constexpr std::string_view kConsonants = "bdfghjklmnprstvz", kVowels = "aiou";
constexpr size_t kLetters = 5;
constexpr size_t kWords = kWordsPerLine * kWordLines;
constexpr size_t kLineOctets = 2 * (kWordsPerLine - 1);
static_assert(kLineOctets * kWordLines == kShareOctets);

using Word = std::array<char, kLetters>;

Word WordOf(uint16_t n) {
  return {kConsonants[n >> 12], kVowels[n >> 10 & 3], kConsonants[n >> 6 & 15], kVowels[n >> 4 & 3],
          kConsonants[n & 15]};
}

std::optional<uint16_t> NumberOf(const Word& w) {
  uint16_t n = 0;
  for (size_t i = 0; i < kLetters; ++i) {
    const bool vowel = i % 2 == 1;
    const size_t at = (vowel ? kVowels : kConsonants).find(w[i]);
    if (at == std::string_view::npos) return std::nullopt;
    n = static_cast<uint16_t>(n << (vowel ? 2 : 4) | at);
  }
  return n;
}

// CheckWord covers all octets up to the end of its line, so that lines of two shares, or lines in
// another order, do not fit either.
uint16_t CheckWord(ByteView octets, size_t line) {
  const Digest d = crypto::Sha256(AsBytes(kWordsDomain), octets.first(kLineOctets * (line + 1)));
  return static_cast<uint16_t>(d[0] << 8 | d[1]);
}

std::unexpected<Error> Mistake(std::string what) {
  return Refused("share.mistyped", std::move(what), "compare with the sheet and type it again");
}

// Typed holds the words as numbers and wipes them.
struct Typed {
  std::array<uint16_t, kWords> numbers{};
  SecretBytes octets = SecretBytes(kShareOctets);
  ~Typed() { Wipe(numbers.data(), sizeof numbers); }
  Typed() = default;
  Typed(const Typed&) = delete;
  Typed& operator=(const Typed&) = delete;

  // Fits writes a line's octets and tells whether its check word is theirs.
  bool Fits(size_t line) {
    const auto out = octets.Write(SecretAccess());
    const size_t first = line * kWordsPerLine;
    for (size_t i = 0; i + 1 < kWordsPerLine; ++i) {
      out[line * kLineOctets + 2 * i] = static_cast<uint8_t>(numbers[first + i] >> 8);
      out[line * kLineOctets + 2 * i + 1] = static_cast<uint8_t>(numbers[first + i]);
    }
    return CheckWord(out, line) == numbers[first + kWordsPerLine - 1];
  }

  // OneLetterOff is the word of a line with which one other letter makes the line fit, if only one
  // word is so.
  std::optional<size_t> OneLetterOff(size_t line) {
    std::optional<size_t> found;
    for (size_t i = line * kWordsPerLine; i < (line + 1) * kWordsPerLine; ++i) {
      const uint16_t typed = numbers[i];
      bool fits = false;
      // The five letters' bits: 4, 2, 4, 2, 4 from the left.
      for (const auto& [shift, mask] : {std::pair{12, 15}, {10, 3}, {6, 15}, {4, 3}, {0, 15}}) {
        for (int other = 0; other <= mask && !fits; ++other) {
          numbers[i] = static_cast<uint16_t>((typed & ~(mask << shift)) | other << shift);
          fits = Fits(line);
        }
      }
      numbers[i] = typed;
      if (fits && found) return std::nullopt;
      if (fits) found = i;
    }
    return found;
  }
};

std::string PlaceOf(size_t word) {
  return fmt::format("word {} (line {}, word {} of it)", word + 1, word / kWordsPerLine + 1,
                     word % kWordsPerLine + 1);
}

}  // namespace

Result<SecretBytes> ToWords(const Share& share) {
  BM_TRY(const SecretBytes octets, ToOctets(share));
  const ByteView plain = octets.Read(SecretAccess());
  Bytes text;
  text.reserve(kWords * (kLetters + 1));
  for (size_t line = 0; line < kWordLines; ++line) {
    for (size_t i = 0; i < kWordsPerLine; ++i) {
      const size_t at = line * kLineOctets + 2 * i;
      const Word w =
          WordOf(i + 1 < kWordsPerLine ? static_cast<uint16_t>(plain[at] << 8 | plain[at + 1])
                                       : CheckWord(plain, line));
      text.insert(text.end(), w.begin(), w.end());
      text.push_back(i + 1 < kWordsPerLine ? ' ' : '\n');
    }
  }
  return SecretBytes::Take(std::move(text));
}

Result<Share> FromWords(ByteView text) {
  Typed typed;
  size_t count = 0, letters = 0;
  Word word{};
  // One round more than there are characters ends the last word.
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? static_cast<char>(text[i]) : '\n';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t' && c != '-') {
      if (letters < kLetters) word[letters] = c;
      ++letters;
      continue;
    }
    if (letters == 0) continue;
    if (count == kWords) return Mistake(fmt::format("there are more than {} words", kWords));
    const std::optional<uint16_t> number = letters == kLetters ? NumberOf(word) : std::nullopt;
    Wipe(word.data(), word.size());
    if (!number) return Mistake(PlaceOf(count) + " is none of these words");
    typed.numbers[count++] = *number;
    letters = 0;
  }
  for (size_t line = 0; line < kWordLines; ++line) {
    if (count < (line + 1) * kWordsPerLine)
      return Mistake(
          fmt::format("there are {} words where {} belong; lines 1 to {} are complete "
                      "and right",
                      count, kWords, line));
    if (typed.Fits(line)) continue;
    if (count != kWords)
      return Mistake(
          fmt::format("in line {} a word is wrong or missing ({} words in all where {} "
                      "belong)",
                      line + 1, count, kWords));
    if (const std::optional<size_t> off = typed.OneLetterOff(line))
      return Mistake(PlaceOf(*off) + " is mistyped");
    return Mistake(fmt::format("line {} has a mistake", line + 1));
  }
  return FromOctets(typed.octets.Read(SecretAccess()));
}

}  // namespace birthmark::custody
