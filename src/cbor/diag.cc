// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cbor/codec.h"

namespace birthmark::cbor {
namespace {

std::string Quote(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void Print(const Value& v, int indent, std::string& out) {
  std::string pad(static_cast<size_t>(indent) * 2 + 2, ' '),
      end(static_cast<size_t>(indent) * 2, ' ');
  std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, uint64_t>) out += fmt::format("{}", x);
        if constexpr (std::is_same_v<T, Negative>) {
          out += x.n == UINT64_MAX ? "-18446744073709551616" : fmt::format("-{}", x.n + 1);
        }
        if constexpr (std::is_same_v<T, Bytes>) out += "h'" + ToHex(x) + "'";
        if constexpr (std::is_same_v<T, std::string>) out += Quote(x);
        if constexpr (std::is_same_v<T, bool>) out += x ? "true" : "false";
        if constexpr (std::is_same_v<T, Null>) out += "null";
        if constexpr (std::is_same_v<T, Tagged>) {
          out += fmt::format("{}(", x.tag);
          Print(x.item.at(0), indent, out);
          out += ")";
        }
        if constexpr (std::is_same_v<T, Array>) {
          if (x.empty()) {
            out += "[]";
            return;
          }
          out += "[\n";
          for (size_t i = 0; i < x.size(); ++i) {
            out += pad;
            Print(x[i], indent + 1, out);
            out += i + 1 < x.size() ? ",\n" : "\n";
          }
          out += end + "]";
        }
        if constexpr (std::is_same_v<T, Map>) {
          if (x.empty()) {
            out += "{}";
            return;
          }
          out += "{\n";
          for (size_t i = 0; i < x.size(); ++i) {
            out += pad;
            Print(x[i].first, indent + 1, out);
            out += ": ";
            Print(x[i].second, indent + 1, out);
            out += i + 1 < x.size() ? ",\n" : "\n";
          }
          out += end + "}";
        }
      },
      v.variant());
}

}  // namespace

std::string Diagnose(const Value& v) {
  std::string out;
  Print(v, 0, out);
  return out;
}

}  // namespace birthmark::cbor
