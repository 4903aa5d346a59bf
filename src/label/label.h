// SPDX-License-Identifier: Apache-2.0
// The label of a unit: a QR code with product and serial number, drawn and read back
// (docs/formats/label.md). It never holds a secret. Leaves out printers and asking the chip (line).
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::label {

// Label is what the code says.
struct Label {
  std::string product;
  std::string serial;
  bool operator==(const Label&) const = default;
};

inline constexpr size_t kMaxField = 64;
inline constexpr size_t kMaxPngBytes = size_t{16} << 20;
inline constexpr size_t kMaxPngPixels = size_t{16} << 20;

// Make checks both fields: 1 to 64 printable ASCII characters without space, "/", "\" and ":",
// which scanners, file names and unit ids take for something else. Errors: label.field.
Result<Label> Make(std::string_view product, std::string_view serial);

// ToText is the message inside the code: ISO/IEC 15434 format 06 with the data identifiers 1P
// (product) and S (serial number) of ANSI MH10.8.2.
std::string ToText(const Label& label);
// ParseText reads exactly what ToText writes. Errors: label.text, label.field.
Result<Label> ParseText(std::string_view text);

// ToSvg draws the code with product and serial number in letters below, in millimetres. Errors:
// label.field, label.draw.
Result<std::string> ToSvg(const Label& label);
// ToPng draws the code alone, 8 pixels a module. Errors: label.field, label.draw.
Result<Bytes> ToPng(const Label& label);

// ReadPng finds the one label in a picture, a photograph of a printed one too. Errors:
// label.picture (not a PNG, or too large), label.none, label.several (different ones), and those of
// ParseText where there are only codes of others.
Result<Label> ReadPng(ByteView png);

}  // namespace birthmark::label
