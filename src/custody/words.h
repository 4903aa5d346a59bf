// SPDX-License-Identifier: Apache-2.0
// A share as 49 pronounceable words in 7 lines: proquints (arXiv 0901.4016), 16 bits a word, the
// last word of each line a checksum over everything up to there, so that a typing mistake is found
// in its line. The words are the plain share: whoever reads them has it. Thread-safe functions.
#pragma once

#include <string>
#include <string_view>

#include "custody/share.h"

namespace birthmark::custody {

inline constexpr size_t kWordsPerLine = 7;
inline constexpr size_t kWordLines = 7;

// ToWords gives 7 lines of 7 words. Errors: share.mistyped.
Result<SecretBytes> ToWords(const Share& share);
// FromWords reads words that stand apart by spaces, line ends or hyphens, in either case. Errors:
// share.mistyped, which names the word or the line by its number and never quotes it.
Result<Share> FromWords(ByteView text);

}  // namespace birthmark::custody
