// SPDX-License-Identifier: Apache-2.0
// Reading revocation lists strictly.
#include <fmt/format.h>

#include <algorithm>

#include "pki/crl.h"
#include "pki/cursor.h"
#include "pki/profile.h"

namespace birthmark::pki {
namespace {

using crypto::DerReader;
namespace der = crypto::der;

constexpr uint8_t kReasonTag = 0x0a;
constexpr std::string_view kReasonCodeOid = "2.5.29.21", kInvalidityDate = "2.5.29.24",
                           kCertificateIssuer = "2.5.29.29", kDeltaIndicator = "2.5.29.27";
// id-ce-cRLReasons as it is encoded, so that a million entries compare octets and no text.
constexpr uint8_t kReasonCodeDer[] = {0x55, 0x1d, 0x15};

std::unexpected<Error> BadCrl(std::string_view why) {
  return Refused("crl.malformed", fmt::format("not a revocation list in DER: {}", why));
}
std::unexpected<Error> BadCrl(const Error& e) { return BadCrl(e.message); }

std::unexpected<Error> UnknownCritical(std::string_view oid) {
  return Refused("crl.critical",
                 fmt::format("the extension {} must not be ignored, and is not known", oid));
}

struct ExtensionView {
  ByteView oid, value;
  bool critical = false;
};

Result<ExtensionView> NextExtension(DerReader& list) {
  ExtensionView e;
  BM_TRY(DerReader one, list.Enter());
  BM_TRY(e.oid, one.Expect(der::kOid));
  if (one.NextIs(der::kBoolean)) {
    BM_TRY(e.critical, one.Boolean());
    if (!e.critical) return BadCrl("a default value is encoded");
  }
  BM_TRY(e.value, one.Expect(der::kOctetString));
  BM_CHECK(one.End());
  return e;
}

Status EntryExtensions(DerReader list, CrlEntry& entry) {
  bool reasoned = false;
  while (!list.AtEnd()) {
    BM_TRY(ExtensionView e, NextExtension(list));
    if (std::ranges::equal(e.oid, kReasonCodeDer)) {
      if (reasoned) return BadCrl("a reason stands twice");
      reasoned = true;
      DerReader value(e.value);
      BM_TRY(ByteView code, value.Expect(kReasonTag));
      BM_CHECK(value.End());
      auto reason = code.size() == 1 ? CrlReasonOf(code[0]) : std::nullopt;
      if (!reason) return BadCrl("a reason that RFC 5280 section 5.3.1 does not have");
      entry.reason = *reason;
      continue;
    }
    const std::string oid = crypto::OidToText(e.oid).value_or("");
    if (oid == kCertificateIssuer) {
      return Refused("crl.indirect", "an entry is of another issuer's certificate",
                     "only lists of the issuer itself are read");
    }
    if (oid != kInvalidityDate && e.critical) return UnknownCritical(oid);
  }
  return {};
}

Status ReadEntries(DerReader list, Crl& crl, const std::function<Status(const CrlEntry&)>& fn) {
  while (!list.AtEnd()) {
    CrlEntry entry;
    auto read = [&]() -> Status {
      BM_TRY(DerReader one, list.Enter());
      BM_TRY(entry.serial, one.Unsigned());
      BM_TRY(entry.at, internal::ReadDerTime(one));
      if (!one.AtEnd()) {
        BM_TRY(DerReader extensions, one.Enter());
        if (extensions.AtEnd()) return BadCrl("an entry with no extensions says so");
        BM_CHECK(EntryExtensions(extensions, entry));
      }
      return one.End();
    };
    BM_CHECK(read());
    ++crl.count;
    if (fn) BM_CHECK(fn(entry));
  }
  return {};
}

// RFC 5280 section 5.2.5; only a name in its full form and nothing that narrows the list.
Status ReadPoint(ByteView value, Crl& crl) {
  DerReader outer(value);
  BM_TRY(DerReader idp, outer.Enter());
  BM_CHECK(outer.End());
  while (!idp.AtEnd()) {
    BM_TRY(crypto::DerElement part, idp.Next());
    if (part.tag == der::Context(4, false))
      return Refused("crl.indirect", "the list is of several issuers' certificates",
                     "only lists of the issuer itself are read");
    if (part.tag != der::Context(0, true)) continue;
    DerReader name(part.content);
    if (!name.NextIs(der::Context(0, true))) continue;
    BM_TRY(DerReader full, name.Enter(der::Context(0, true)));
    while (!full.AtEnd()) {
      BM_TRY(crypto::DerElement one, full.Next());
      if (one.tag == der::Context(6, false) && crl.distribution_point.empty())
        crl.distribution_point = std::string(AsText(one.content));
    }
  }
  return {};
}

Status ReadCrlExtensions(DerReader outer, Crl& crl) {
  BM_TRY(DerReader list, outer.Enter());
  BM_CHECK(outer.End());
  std::vector<std::string> seen;
  while (!list.AtEnd()) {
    BM_TRY(ExtensionView e, NextExtension(list));
    std::string oid = crypto::OidToText(e.oid).value_or("");
    if (std::ranges::find(seen, oid) != seen.end() || seen.size() == 32)
      return BadCrl("an extension stands twice, or there are too many");
    DerReader value(e.value);
    if (oid == oid::kAuthorityKeyId) {
      BM_TRY(DerReader aki, value.Enter());
      if (aki.NextIs(der::Context(0, false))) {
        BM_TRY(ByteView id, aki.Expect(der::Context(0, false)));
        crl.key_id.assign(id.begin(), id.end());
      }
    } else if (oid == oid::kCrlNumber) {
      BM_TRY(ByteView number, value.Unsigned());
      BM_CHECK(value.End());
      if (number.size() > 8) return BadCrl("a cRLNumber of more than 64 bits");
      uint64_t n = 0;
      for (uint8_t b : number) n = n << 8 | b;
      crl.number = n;
    } else if (oid == oid::kIssuingDistributionPoint) {
      BM_CHECK(ReadPoint(e.value, crl));
    } else if (oid == kDeltaIndicator) {
      return Refused("crl.delta", "a delta list says only what changed",
                     "ask for the complete list");
    } else if (e.critical) {
      return UnknownCritical(oid);
    }
    seen.push_back(std::move(oid));
  }
  return {};
}

Result<Crl> WalkCrl(ByteView data, const std::function<Status(const CrlEntry&)>& fn) {
  Crl crl;
  DerReader file(data);
  BM_TRY(DerReader list, file.Enter());
  BM_CHECK(file.End());
  const ByteView from_tbs = list.rest();
  BM_TRY(DerReader tbs, list.Enter());
  crl.tbs = from_tbs.first(from_tbs.size() - list.rest().size());
  BM_TRY(crypto::DerElement outer, list.Next());
  BM_TRY(crl.signature, list.BitStringOctets());
  BM_CHECK(list.End());

  // RFC 5280 section 5.1.2.1: extensions make version 2, and ours always have some.
  if (!tbs.NextIs(der::kInteger)) return BadCrl("a list of version 1");
  BM_TRY(uint64_t version, tbs.SmallUnsigned());
  if (version != 1) return BadCrl("a list of an unknown version");
  BM_TRY(crypto::DerElement inner, tbs.Next());
  if (!std::ranges::equal(inner.whole, outer.whole))
    return BadCrl("the signed and the unsigned algorithm differ");
  BM_TRY(crypto::DerElement issuer, tbs.Next());
  BM_TRY(crl.issuer, Name::FromDer(issuer.whole));
  BM_TRY(crl.this_update, internal::ReadDerTime(tbs));
  if (tbs.NextIs(der::kUtcTime) || tbs.NextIs(der::kGeneralizedTime)) {
    BM_TRY(crl.next_update, internal::ReadDerTime(tbs));
  }
  std::optional<DerReader> entries;
  if (tbs.NextIs(der::kSequence)) {
    BM_TRY(entries, tbs.Enter());
    if (entries->AtEnd()) return BadCrl("an empty list of entries is left out");
  }
  // The extensions say whether the entries are ours to read: they come first.
  if (!tbs.AtEnd()) {
    BM_TRY(DerReader extensions, tbs.Enter(der::Context(0, true)));
    BM_CHECK(ReadCrlExtensions(extensions, crl));
  }
  BM_CHECK(tbs.End());
  if (entries) BM_CHECK(ReadEntries(*entries, crl, fn));
  return crl;
}

}  // namespace

namespace internal {

Result<Time> ReadDerTime(DerReader& r) {
  BM_TRY(crypto::DerElement e, r.Next());
  const std::string_view s = AsText(e.content);
  const bool utc = e.tag == der::kUtcTime;
  auto bad = [] { return Refused("der.value", "a time that is not as RFC 5280 has it"); };
  if ((!utc && e.tag != der::kGeneralizedTime) || s.size() != (utc ? 13 : 15) || s.back() != 'Z')
    return bad();
  if (!std::ranges::all_of(s.substr(0, s.size() - 1), [](char c) { return c >= '0' && c <= '9'; }))
    return bad();
  auto two = [&](size_t at) { return (s[at] - '0') * 10 + (s[at + 1] - '0'); };
  int year = two(0);
  size_t at = 2;
  if (utc) {
    year += year < 50 ? 2000 : 1900;
  } else {
    year = year * 100 + two(2);
    at = 4;
  }
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(two(at))),
                                         std::chrono::day(static_cast<unsigned>(two(at + 2))));
  const int hour = two(at + 4), minute = two(at + 6), second = two(at + 8);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return bad();
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second);
}

}  // namespace internal

Result<Crl> ReadCrl(ByteView data, const std::function<Status(const CrlEntry&)>& fn) {
  // What the callback says is told as it is; what the walk says is about the file.
  std::optional<Error> theirs;
  std::function<Status(const CrlEntry&)> watched;
  if (fn) {
    watched = [&](const CrlEntry& e) -> Status {
      Status s = fn(e);
      if (!s) theirs = s.error();
      return s;
    };
  }
  auto crl = WalkCrl(data, watched);
  if (crl || theirs || crl.error().code.starts_with("crl.")) return crl;
  return BadCrl(crl.error());
}

}  // namespace birthmark::pki
