// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "label/label.h"

namespace birthmark::label {
namespace {

// ISO/IEC 15434: message header, format header 06 with its separator; fields end in GS, the format
// in RS, the message in EOT.
constexpr std::string_view kStart =
                               "[)>\x1e"
                               "06\x1d",
                           kEnd = "\x1e\x04", kProduct = "1P", kSerial = "S";
constexpr char kSeparator = '\x1d';

Status CheckField(std::string_view what, std::string_view value) {
  const bool fits =
      !value.empty() && value.size() <= kMaxField && std::ranges::all_of(value, [](char c) {
        return c > ' ' && c < '\x7f' && c != '/' && c != '\\' && c != ':';
      });
  if (fits) return {};
  return Refused("label.field",
                 fmt::format("the {} is not 1 to {} printable ASCII characters without spaces, "
                             "\"/\", \"\\\" and \":\"",
                             what, kMaxField),
                 "give units serial numbers of letters, digits and hyphens");
}

std::unexpected<Error> NotOurs() {
  return Refused("label.text",
                 "the code does not hold product and serial number in the form of these labels",
                 "scan the label that `birthmark unit label` made");
}

}  // namespace

Result<Label> Make(std::string_view product, std::string_view serial) {
  BM_CHECK(CheckField("product", product));
  BM_CHECK(CheckField("serial number", serial));
  return Label{std::string(product), std::string(serial)};
}

std::string ToText(const Label& label) {
  return fmt::format("{}{}{}{}{}{}{}", kStart, kProduct, label.product, kSeparator, kSerial,
                     label.serial, kEnd);
}

Result<Label> ParseText(std::string_view text) {
  if (text.size() > 4 * kMaxField || !text.starts_with(kStart) || !text.ends_with(kEnd))
    return NotOurs();
  text.remove_prefix(kStart.size());
  if (text.size() < kEnd.size()) return NotOurs();
  text.remove_suffix(kEnd.size());
  const size_t middle = text.find(kSeparator);
  if (middle == std::string_view::npos) return NotOurs();
  std::string_view product = text.substr(0, middle), serial = text.substr(middle + 1);
  if (!product.starts_with(kProduct) || !serial.starts_with(kSerial)) return NotOurs();
  product.remove_prefix(kProduct.size());
  serial.remove_prefix(kSerial.size());
  return Make(product, serial);
}

}  // namespace birthmark::label
