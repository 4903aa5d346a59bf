// SPDX-License-Identifier: Apache-2.0
#include "answer/ee.h"

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::answer {
namespace {

using crypto::DerReader;
namespace der = crypto::der;

constexpr uint8_t kAuthorityKeyId[] = {0x55, 0x1d, 0x23};  // 2.5.29.35

std::optional<int> Digits(std::string_view s) {
  int n = 0;
  for (char c : s) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + (c - '0');
  }
  return n;
}

// ReadTime is RFC 5280 section 4.1.2.5: UTCTime YYMMDDHHMMSSZ, GeneralizedTime YYYYMMDDHHMMSSZ.
Result<std::optional<int64_t>> ReadTime(DerReader& r) {
  BM_TRY(crypto::DerElement e, r.Next());
  std::string_view s = AsText(e.content);
  const size_t year_digits = e.tag == der::kUtcTime ? 2 : e.tag == der::kGeneralizedTime ? 4 : 0;
  if (year_digits == 0 || s.size() != year_digits + 11 || s.back() != 'Z') {
    return Refused("der.value", "a time that is neither UTCTime nor GeneralizedTime");
  }
  if (s == "99991231235959Z") return std::optional<int64_t>();  // RFC 5280: no well-defined end
  std::optional<int> f[6];
  f[0] = Digits(s.substr(0, year_digits));
  for (size_t i = 0; i < 5; ++i) f[i + 1] = Digits(s.substr(year_digits + 2 * i, 2));
  for (const auto& x : f) {
    if (!x) return Refused("der.value", "a time with something else than digits");
  }
  int year = *f[0];
  if (year_digits == 2) year += year >= 50 ? 1900 : 2000;
  const std::chrono::year_month_day day(std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(*f[1])),
                                        std::chrono::day(static_cast<unsigned>(*f[2])));
  if (!day.ok() || *f[3] > 23 || *f[4] > 59 || *f[5] > 59) {
    return Refused("der.value", "a time that no calendar has");
  }
  const auto t = std::chrono::sys_days(day) + std::chrono::hours(*f[3]) +
                 std::chrono::minutes(*f[4]) + std::chrono::seconds(*f[5]);
  return std::optional<int64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count());
}

// AuthorityKeyId finds the keyIdentifier of RFC 5280 section 4.2.1.1 among the extensions.
Result<std::optional<ByteView>> AuthorityKeyId(DerReader extensions) {
  while (!extensions.AtEnd()) {
    BM_TRY(DerReader extension, extensions.Enter());
    BM_TRY(ByteView oid, extension.Expect(der::kOid));
    if (!std::ranges::equal(oid, kAuthorityKeyId)) continue;
    if (extension.NextIs(der::kBoolean)) BM_CHECK(extension.Next());
    BM_TRY(ByteView value, extension.Expect(der::kOctetString));
    BM_TRY(DerReader id, DerReader(value).Enter());
    if (!id.NextIs(der::Context(0, false))) return std::optional<ByteView>();
    BM_TRY(ByteView key, id.Expect(der::Context(0, false)));
    return std::optional<ByteView>(key);
  }
  return std::optional<ByteView>();
}

}  // namespace

Result<EndEntity> ReadEndEntity(ByteView bytes) {
  EndEntity out;
  DerReader whole(bytes);
  BM_TRY(DerReader cert, whole.Enter());
  BM_CHECK(whole.End());
  BM_TRY(crypto::DerElement tbs_element, cert.Next());
  if (tbs_element.tag != der::kSequence)
    return Refused("der.tag", "the signed part is no SEQUENCE");
  out.tbs = tbs_element.whole;
  BM_CHECK(cert.Expect(der::kSequence));
  BM_TRY(out.signature, cert.BitStringOctets());
  BM_CHECK(cert.End());

  DerReader tbs(tbs_element.content);
  BM_CHECK(tbs.Expect(der::Context(0, true)));
  BM_TRY(out.serial, tbs.Unsigned());
  BM_CHECK(tbs.Expect(der::kSequence));
  BM_TRY(crypto::DerElement issuer, tbs.Next());
  out.issuer = issuer.whole;
  BM_TRY(DerReader validity, tbs.Enter());
  BM_CHECK(ReadTime(validity));
  BM_TRY(out.not_after, ReadTime(validity));
  BM_CHECK(tbs.Expect(der::kSequence));
  BM_TRY(crypto::DerElement spki, tbs.Next());
  out.spki = spki.whole;
  if (tbs.NextIs(der::Context(3, true))) {
    BM_TRY(DerReader wrapper, tbs.Enter(der::Context(3, true)));
    BM_TRY(DerReader extensions, wrapper.Enter());
    BM_TRY(out.authority_key_id, AuthorityKeyId(extensions));
  }
  return out;
}

bool MatchesEvent(const EndEntity& ee, const Digest& spki, ByteView serial) {
  if (crypto::Sha256(ee.spki) != spki) return false;
  // Leading zeros do not count: a serial number is a number, the event's has a fixed width.
  while (!serial.empty() && serial.front() == 0) serial = serial.subspan(1);
  return std::ranges::equal(ee.serial, serial);
}

bool NamesIssuer(const EndEntity& ee, const crypto::Certificate& authority) {
  if (!std::ranges::equal(ee.issuer, authority.subject_der())) return false;
  // RFC 5280 section 4.2.1.1: where both name the key, they name the same.
  return !ee.authority_key_id || !authority.ski() ||
         std::ranges::equal(*ee.authority_key_id, *authority.ski());
}

}  // namespace birthmark::answer
