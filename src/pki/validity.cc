// SPDX-License-Identifier: Apache-2.0
#include "pki/validity.h"

#include <algorithm>

#include "crypto/der.h"

namespace birthmark::pki {
namespace {

// MillisOf reads YYMMDDHHMMSSZ and YYYYMMDDHHMMSSZ, the two forms of RFC 5280 section 4.1.2.5.
std::optional<int64_t> MillisOf(const crypto::DerElement& e) {
  const bool utc = e.tag == crypto::der::kUtcTime;
  std::string_view s = AsText(e.content);
  if ((!utc && e.tag != crypto::der::kGeneralizedTime) || s.size() != (utc ? 13 : 15) ||
      s.back() != 'Z')
    return std::nullopt;
  s.remove_suffix(1);
  if (!std::ranges::all_of(s, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  auto pair = [&s] {
    const int n = (s[0] - '0') * 10 + (s[1] - '0');
    s.remove_prefix(2);
    return n;
  };
  int year = pair();
  if (utc) {
    year += year < 50 ? 2000 : 1900;
  } else {
    year = year * 100 + pair();
  }
  const int month = pair(), day = pair(), hour = pair(), minute = pair(), second = pair();
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto at = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                  std::chrono::minutes(minute) + std::chrono::seconds(second);
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

}  // namespace

Result<Validity> ReadValidity(ByteView certificate) {
  crypto::DerReader outer(certificate);
  BM_TRY(crypto::DerReader whole, outer.Enter());
  BM_TRY(crypto::DerReader tbs, whole.Enter());
  // version where it stands; serialNumber, signature, issuer
  for (int left = tbs.NextIs(crypto::der::Context(0, true)) ? 4 : 3; left > 0; --left) {
    BM_TRY([[maybe_unused]] crypto::DerElement passed, tbs.Next());
  }
  BM_TRY(crypto::DerReader dates, tbs.Enter());
  BM_TRY(crypto::DerElement from, dates.Next());
  BM_TRY(crypto::DerElement to, dates.Next());
  const auto first = MillisOf(from), last = MillisOf(to);
  if (!first || !last) return Refused("cert.malformed", "a date of the certificate is no date");
  return Validity{*first, *last, to.tag == crypto::der::kGeneralizedTime};
}

}  // namespace birthmark::pki
