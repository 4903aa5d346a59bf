// SPDX-License-Identifier: Apache-2.0
#include "hardware/pkcs11/uri.h"

#include <fmt/format.h>

#include <charconv>
#include <set>

namespace birthmark::hardware {
namespace {

constexpr std::string_view kScheme = "pkcs11:";

std::unexpected<Error> BadUri(std::string_view why) {
  return Usage("pkcs11.uri", fmt::format("the pkcs11: URI does not read: {}", why),
               "pkcs11:token=LABEL?module-path=/path.so, other characters as %XX (RFC 7512)");
}

bool IsAlphaNumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// IsPlain: pk11-pchar and pk11-qchar of RFC 7512 section 2.3.
bool IsPlain(char c, bool query) {
  if (IsAlphaNumeric(c)) return true;
  constexpr std::string_view kBoth = "-._~:[]@!$'()*+,=";
  if (kBoth.find(c) != kBoth.npos) return true;
  return query ? c == '/' || c == '?' || c == '|' : c == '&';
}

std::optional<uint8_t> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

Result<std::string> Decoded(std::string_view name, std::string_view value, bool query) {
  std::string out;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      if (!IsPlain(value[i], query))
        return BadUri(fmt::format("a character of \"{}\" has to be written as %XX", name));
      out += value[i];
      continue;
    }
    auto high = i + 2 < value.size() ? HexDigit(value[i + 1]) : std::nullopt;
    auto low = i + 2 < value.size() ? HexDigit(value[i + 2]) : std::nullopt;
    if (!high || !low) return BadUri(fmt::format("a cut % in \"{}\"", name));
    out += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return out;
}

Status Assign(Pkcs11Uri& u, std::string_view name, std::string value) {
  // `id` is octets; everything else is UTF-8 without what would end a C string.
  if (name != "id" && (!IsUtf8(value) || value.find('\0') != value.npos))
    return BadUri(fmt::format("\"{}\" is no text", name));
  if (name == "token") {
    u.token = std::move(value);
  } else if (name == "manufacturer") {
    u.manufacturer = std::move(value);
  } else if (name == "serial") {
    u.serial = std::move(value);
  } else if (name == "model") {
    u.model = std::move(value);
  } else if (name == "object") {
    u.object = std::move(value);
  } else if (name == "id") {
    u.id = ToBytes(value);
  } else if (name == "slot-id") {
    uint64_t n = 0;
    auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (ec != std::errc() || end != value.data() + value.size())
      return BadUri("slot-id is no number");
    u.slot_id = n;
  } else {
    return BadUri(fmt::format("nobody here looks at \"{}\"", name));
  }
  return {};
}

Status AssignQuery(Pkcs11Uri& u, std::string_view name, std::string value) {
  if (!IsUtf8(value) || value.find('\0') != value.npos)
    return BadUri(fmt::format("\"{}\" is no text", name));
  if (name == "pin-value") {
    return Usage("pkcs11.uri-pin", "the URI holds the PIN itself",
                 "put it into a file that you alone can read: ?pin-source=file:/path");
  }
  if (name == "module-path") {
    u.module_path = std::move(value);
  } else if (name == "pin-source") {
    u.pin_source = std::move(value);
  } else {
    return BadUri(fmt::format("nobody here looks at \"{}\"", name));
  }
  return {};
}

Status Walk(std::string_view part, char between, bool query, Pkcs11Uri& u) {
  std::set<std::string_view> seen;
  while (!part.empty()) {
    const size_t end = part.find(between);
    std::string_view attribute = part.substr(0, end);
    part = end == part.npos ? std::string_view() : part.substr(end + 1);
    if (end != std::string_view::npos && part.empty()) return BadUri("an attribute is missing");
    const size_t is = attribute.find('=');
    if (is == attribute.npos || is == 0) return BadUri("an attribute has no name or no value");
    std::string_view name = attribute.substr(0, is);
    // RFC 7512 section 2.3: no attribute more than once.
    if (!seen.insert(name).second) return BadUri(fmt::format("\"{}\" stands twice", name));
    BM_TRY(std::string value, Decoded(name, attribute.substr(is + 1), query));
    BM_CHECK(query ? AssignQuery(u, name, std::move(value)) : Assign(u, name, std::move(value)));
  }
  return {};
}

}  // namespace

Result<Pkcs11Uri> ParsePkcs11Uri(std::string_view text) {
  if (text.size() > kMaxPkcs11Uri) return BadUri("it is too long");
  if (!text.starts_with(kScheme)) return BadUri("it does not begin with pkcs11:");
  text.remove_prefix(kScheme.size());
  // '?' is no pk11-pchar: the first one begins the query.
  const size_t query = text.find('?');
  Pkcs11Uri u;
  BM_CHECK(Walk(text.substr(0, query), ';', false, u));
  if (query != text.npos) BM_CHECK(Walk(text.substr(query + 1), '&', true, u));
  if (u.module_path.empty()) {
    return Usage("pkcs11.uri-module", "the pkcs11: URI names no module",
                 "add ?module-path=/path.so");
  }
  return u;
}

Result<std::string> PinPath(std::string_view pin_source) {
  std::string_view path = pin_source;
  if (path.starts_with("file:")) path.remove_prefix(5);
  if (path.starts_with("//")) path.remove_prefix(2);  // file:///path
  if (!path.starts_with("/"))
    return Usage("pkcs11.uri", "pin-source is no path of a file", "write pin-source=file:/path");
  return std::string(path);
}

}  // namespace birthmark::hardware
