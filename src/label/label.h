// SPDX-License-Identifier: Apache-2.0
// The label of a unit: a QR code with product and serial number, drawn and read back
// (docs/formats/label.md); with the initial password where the plan declares that, and no other
// secret. Leaves out printers and asking the chip (line).
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
  std::string password;  // empty: none is on it
  bool operator==(const Label&) const = default;
};

inline constexpr size_t kMaxField = 64;
inline constexpr size_t kMaxPngBytes = size_t{16} << 20;
inline constexpr size_t kMaxPngPixels = size_t{16} << 20;

// Make checks both fields: 1 to 64 printable ASCII characters without space, "/", "\" and ":",
// which scanners, file names and unit ids take for something else. Errors: label.field.
Result<Label> Make(std::string_view product, std::string_view serial);
// WithPassword adds the initial password: 8 to 64 characters as above. Errors: label.field.
Result<Label> WithPassword(Label label, std::string_view password);

// ToText is the message inside the code: ISO/IEC 15434 format 06 with the data identifiers 1P
// (product), S (serial number) and, for the password, Z (agreed between the parties) of ANSI
// MH10.8.2.
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
