// SPDX-License-Identifier: Apache-2.0
#include "pki/openssl_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace birthmark::pki {
namespace {

constexpr size_t kFields = 6;
constexpr size_t kMaxLine = 16 * 1024;
constexpr size_t kMaxSerial = 20;  // octets, RFC 5280 section 4.1.2.2

bool Number(std::string_view digits, int& out) {
  out = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  return true;
}

// ReadTime takes UTCTime (YYMMDDHHMMSSZ, RFC 5280 section 4.1.2.5.1: years 50-99 are 19xx) and
// GeneralizedTime (YYYYMMDDHHMMSSZ).
std::optional<Time> ReadTime(std::string_view s) {
  if ((s.size() != 13 && s.size() != 15) || s.back() != 'Z') return std::nullopt;
  size_t year_digits = s.size() == 15 ? 4 : 2;
  int year = 0;
  if (!Number(s.substr(0, year_digits), year)) return std::nullopt;
  if (year_digits == 2) year += year >= 50 ? 1900 : 2000;
  int v[5];
  for (size_t i = 0; i < 5; ++i) {
    if (!Number(s.substr(year_digits + 2 * i, 2), v[i])) return std::nullopt;
  }
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(v[0])),
                                   std::chrono::day(static_cast<unsigned>(v[1]))};
  if (!date.ok() || v[2] > 23 || v[3] > 59 || v[4] > 59) return std::nullopt;
  int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return TimeFromMillis((((days * 24 + v[2]) * 60 + v[3]) * 60 + v[4]) * 1000);
}

std::optional<Bytes> ReadSerial(std::string_view text) {
  std::string padded = (text.size() % 2 ? "0" : "") + std::string(text);
  auto bytes = FromHex(padded);
  if (text.empty() || !bytes) return std::nullopt;
  bytes->erase(bytes->begin(), std::ranges::find_if(*bytes, [](uint8_t b) { return b != 0; }));
  if (bytes->empty()) bytes->push_back(0);
  if (bytes->size() > kMaxSerial) return std::nullopt;
  return bytes;
}

bool Split(std::string_view line, std::array<std::string_view, kFields>& fields) {
  for (size_t i = 0; i < kFields; ++i) {
    size_t end = i + 1 < kFields ? line.find('\t') : line.size();
    if (end == std::string_view::npos) return false;
    fields[i] = line.substr(0, end);
    line.remove_prefix(std::min(line.size(), end + 1));
  }
  return fields[5].find('\t') == std::string_view::npos;
}

// ReadLine gives what is wrong, or nothing.
const char* ReadLine(std::string_view line, IndexEntry& out) {
  std::array<std::string_view, kFields> f;
  if (line.size() > kMaxLine) return "is too long";
  if (!Split(line, f)) return "has not six fields between tabs";
  if (f[0] != "V" && f[0] != "R" && f[0] != "E") return "begins with neither V, R nor E";
  out.status = f[0][0];
  auto expires = ReadTime(f[1]);
  if (!expires) return "has no date of expiry";
  out.expires = *expires;
  if ((out.status == 'R') == f[2].empty()) return "is revoked without a date, or dated and not";
  if (out.status == 'R') {
    size_t comma = f[2].find(',');
    out.revoked = ReadTime(f[2].substr(0, comma));
    if (!out.revoked) return "has no date of revocation";
    if (comma != std::string_view::npos) out.reason = f[2].substr(comma + 1);
  }
  auto serial = ReadSerial(f[3]);
  if (!serial) return "has no serial number of 1 to 20 octets in hexadecimal";
  out.serial = std::move(*serial);
  out.serial_text = f[3];
  if (!IsUtf8(f[5]) || !IsUtf8(out.reason)) return "is not UTF-8";
  out.subject = f[5];
  return nullptr;
}

}  // namespace

bool LooksLikeIndex(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  IndexEntry entry;
  return ReadLine(line, entry) == nullptr;
}

std::vector<IndexEntry> ReadIndex(std::string_view text, Findings& findings) {
  std::vector<IndexEntry> out;
  for (int number = 1; !text.empty(); ++number) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    IndexEntry entry;
    entry.line = number;
    if (const char* wrong = ReadLine(line, entry)) {
      findings.Error("adopt.index-line", fmt::format("line {} {}", number, wrong),
                     "mend the line, or leave it out", number);
      continue;
    }
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace birthmark::pki
