// SPDX-License-Identifier: Apache-2.0
// A QR code of any text and its drawing as an SVG path, for labels and for sheets of paper. Leaves
// out what is around the code. Thread-safe functions.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace birthmark::label {

// kQuiet is how many light modules go around a code (ISO/IEC 18004).
inline constexpr int kQuiet = 4;

// Qr is a square of modules without its quiet zone.
struct Qr {
  int width = 0;
  std::vector<bool> dark;  // row by row
  bool IsDark(int x, int y) const { return dark[static_cast<size_t>(y) * width + x]; }
};

// MakeQr encodes a text without NUL at level M, which mends 15 % of the code. Errors: label.draw.
Result<Qr> MakeQr(const std::string& text);
// PathOf is the `d` of an SVG path, one unit a module, with the quiet zone.
std::string PathOf(const Qr& qr);

}  // namespace birthmark::label
