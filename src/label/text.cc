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
                           kEnd = "\x1e\x04", kProduct = "1P", kSerial = "S", kPassword = "Z";
constexpr char kSeparator = '\x1d';
constexpr size_t kMinPassword = 8;

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
  return Label{std::string(product), std::string(serial), ""};
}

Result<Label> WithPassword(Label label, std::string_view password) {
  BM_CHECK(CheckField("password", password));
  if (password.size() < kMinPassword)
    return Refused("label.field", "a password on a label has 8 characters or more");
  label.password = password;
  return label;
}

std::string ToText(const Label& label) {
  std::string password;
  if (!label.password.empty())
    password = fmt::format("{}{}{}", kSeparator, kPassword, label.password);
  return fmt::format("{}{}{}{}{}{}{}{}", kStart, kProduct, label.product, kSeparator, kSerial,
                     label.serial, password, kEnd);
}

Result<Label> ParseText(std::string_view text) {
  if (text.size() > 5 * kMaxField || !text.starts_with(kStart) || !text.ends_with(kEnd))
    return NotOurs();
  text.remove_prefix(kStart.size());
  if (text.size() < kEnd.size()) return NotOurs();
  text.remove_suffix(kEnd.size());
  const size_t middle = text.find(kSeparator);
  if (middle == std::string_view::npos) return NotOurs();
  std::string_view product = text.substr(0, middle), serial = text.substr(middle + 1), password;
  if (const size_t end = serial.find(kSeparator); end != std::string_view::npos) {
    password = serial.substr(end + 1);
    serial = serial.substr(0, end);
    if (!password.starts_with(kPassword)) return NotOurs();
    password.remove_prefix(kPassword.size());
    if (password.size() < kMinPassword) return NotOurs();
  }
  if (!product.starts_with(kProduct) || !serial.starts_with(kSerial)) return NotOurs();
  product.remove_prefix(kProduct.size());
  serial.remove_prefix(kSerial.size());
  BM_TRY(Label label, Make(product, serial));
  if (password.empty()) return label;
  return WithPassword(std::move(label), password);
}

}  // namespace birthmark::label
