// SPDX-License-Identifier: Apache-2.0
// Writing DER into memory that was measured before, for what is made many times a second. Inside
// the pki room only.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "crypto/der.h"

namespace birthmark::pki::internal {

constexpr size_t DerHeaderSize(size_t content) {
  size_t octets = 2;
  if (content >= 0x80)
    for (size_t n = content; n > 0; n >>= 8) ++octets;
  return octets;
}
// DerSize is an element's whole size.
constexpr size_t DerSize(size_t content) { return DerHeaderSize(content) + content; }

struct DerCursor {
  uint8_t* p;
  void Header(uint8_t tag, size_t n) {
    *p++ = tag;
    const size_t octets = DerHeaderSize(n) - 2;
    if (octets == 0) {
      *p++ = static_cast<uint8_t>(n);
      return;
    }
    *p++ = static_cast<uint8_t>(0x80 | octets);
    for (size_t i = octets; i-- > 0;) *p++ = static_cast<uint8_t>(n >> (8 * i));
  }
  void Raw(ByteView b) { p = std::copy(b.begin(), b.end(), p); }
  void Element(uint8_t tag, ByteView b) {
    Header(tag, b.size());
    Raw(b);
  }
  void Digits(unsigned value, int width) {
    for (int i = width; i-- > 0; value /= 10) p[i] = static_cast<uint8_t>('0' + value % 10);
    p += width;
  }
};

// DerTime is a moment cut into its fields.
struct DerTime {
  explicit DerTime(Time t) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
    const auto days = std::chrono::floor<std::chrono::days>(seconds);
    date = std::chrono::year_month_day(days);
    clock = std::chrono::hh_mm_ss(seconds - days);
    year = static_cast<unsigned>(static_cast<int>(date.year()));
  }
  static constexpr size_t kGeneralized = 15;
  // RFC 5280 sections 4.1.2.5 and 5.1.2.4: UTCTime through 2049, GeneralizedTime from 2050.
  bool Utc() const { return year < 2050; }
  size_t size() const { return Utc() ? 13 : kGeneralized; }
  void Write(DerCursor& c) const { Write(c, Utc()); }
  void WriteGeneralized(DerCursor& c) const { Write(c, false); }

  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::seconds> clock;
  unsigned year;

 private:
  void Write(DerCursor& c, bool utc) const {
    c.Header(utc ? crypto::der::kUtcTime : crypto::der::kGeneralizedTime, utc ? 13 : kGeneralized);
    c.Digits(utc ? year % 100 : year, utc ? 2 : 4);
    c.Digits(static_cast<unsigned>(date.month()), 2);
    c.Digits(static_cast<unsigned>(date.day()), 2);
    c.Digits(static_cast<unsigned>(clock.hours().count()), 2);
    c.Digits(static_cast<unsigned>(clock.minutes().count()), 2);
    c.Digits(static_cast<unsigned>(clock.seconds().count()), 2);
    *c.p++ = 'Z';
  }
};

// ReadDerTime reads UTCTime or GeneralizedTime in the one form that RFC 5280 section 4.1.2.5
// allows. Errors: der.value, and those of DerReader.
Result<Time> ReadDerTime(crypto::DerReader& r);

}  // namespace birthmark::pki::internal
