// SPDX-License-Identifier: Apache-2.0
#include "pki/template.h"

#include <algorithm>
#include <chrono>

#include "crypto/der.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

namespace der = crypto::der;

// id-at-serialNumber and id-on-hardwareModuleName as whole elements.
constexpr uint8_t kSerialNumberType[] = {0x06, 0x03, 0x55, 0x04, 0x05};
constexpr uint8_t kHardwareName[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04};
constexpr uint8_t kAltNameType[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
constexpr uint8_t kVersion3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

constexpr size_t HeaderSize(size_t content) {
  return content < 0x80 ? 2 : content < 0x100 ? 3 : content < 0x10000 ? 4 : 5;
}
// Size is an element's whole size.
constexpr size_t Size(size_t content) { return HeaderSize(content) + content; }

// Cursor writes into memory that was measured before.
struct Cursor {
  uint8_t* p;
  void Header(uint8_t tag, size_t n) {
    *p++ = tag;
    if (n < 0x80) {
      *p++ = static_cast<uint8_t>(n);
      return;
    }
    const size_t octets = HeaderSize(n) - 2;
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

// TimeText is a time cut into its fields, for the form that its year takes.
struct TimeText {
  explicit TimeText(Time t) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
    const auto days = std::chrono::floor<std::chrono::days>(seconds);
    date = std::chrono::year_month_day(days);
    clock = std::chrono::hh_mm_ss(seconds - days);
    year = static_cast<unsigned>(static_cast<int>(date.year()));
  }
  // RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
  bool Utc() const { return year < 2050; }
  size_t size() const { return Utc() ? 13 : 15; }
  void Write(Cursor& c) const {
    c.Header(Utc() ? der::kUtcTime : der::kGeneralizedTime, size());
    c.Digits(Utc() ? year % 100 : year, Utc() ? 2 : 4);
    c.Digits(static_cast<unsigned>(date.month()), 2);
    c.Digits(static_cast<unsigned>(date.day()), 2);
    c.Digits(static_cast<unsigned>(clock.hours().count()), 2);
    c.Digits(static_cast<unsigned>(clock.minutes().count()), 2);
    c.Digits(static_cast<unsigned>(clock.seconds().count()), 2);
    *c.p++ = 'Z';
  }
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::seconds> clock;
  unsigned year;
};

}  // namespace

Result<IssuerTemplate> IssuerTemplate::Make(const Issuer& issuer, const Profile& profile,
                                            const Marks& marks, const Fixed& fixed) {
  if (profile.subject_serial != Need::kMust || profile.hardware_module != Need::kMust ||
      profile.subject_key_id || profile.ca) {
    return Refused("pki.template-profile",
                   "a template is for device identities; other certificates are issued one by one");
  }
  // The generic builder judges the fixed part, with a unit that stands for all.
  BM_TRY(Name sample, fixed.subject.With("serialNumber", "0"));
  const Contents contents{.subject = std::move(sample),
                          .key = issuer.signer().public_key(),
                          .hardware = HardwareModule{fixed.hardware_type, Bytes{0}},
                          .masa_url = fixed.masa_url,
                          .mud_url = fixed.mud_url,
                          .crl_urls = fixed.crl_urls.empty() ? issuer.urls().crl : fixed.crl_urls,
                          .ocsp_urls = issuer.urls().ocsp};
  BM_CHECK(BuildTbs(profile, marks, issuer.identity(), Stamp{}, contents));
  if (fixed.subject.Find("serialNumber")) {
    return Refused("pki.template-profile", "the product's part of the subject has a serialNumber");
  }

  IssuerTemplate t;
  t.issuer_key_ = issuer.signer().public_key().spki_digest();
  const ByteView algorithm = internal::SignatureAlgorithm(issuer.identity().algorithm);
  t.signature_algorithm_.assign(algorithm.begin(), algorithm.end());
  t.after_serial_ = t.signature_algorithm_;
  const Bytes& name = issuer.identity().name.der();
  t.after_serial_.insert(t.after_serial_.end(), name.begin(), name.end());
  BM_TRY(ByteView prefix, crypto::DerReader(fixed.subject.der()).Expect(der::kSequence));
  t.subject_prefix_.assign(prefix.begin(), prefix.end());
  internal::Extensions ext =
      internal::EncodeExtensions(profile, marks, issuer.identity(), contents);
  t.before_san_ = std::move(ext.before_san);
  t.after_san_ = std::move(ext.after_san);
  crypto::DerWriter(t.hardware_type_).Oid(fixed.hardware_type);
  return t;
}

Status IssuerTemplate::Tbs(const Stamp& stamp, const Unit& unit, Bytes& out) const {
  if (unit.key.evp() == nullptr) return Refused("pki.profile", "there is no public key");
  BM_CHECK(CheckSerialAttribute(unit.serial_number));
  BM_CHECK(internal::CheckHardwareSerial(unit.hardware_serial));
  BM_CHECK(internal::CheckValidity(stamp.at, unit.not_after));

  const TimeText from(stamp.at);
  const std::optional<TimeText> until =
      unit.not_after ? std::optional<TimeText>(*unit.not_after) : std::nullopt;
  const ByteView spki = unit.key.spki();

  // Sizes from the inside out; each name is the content of the element it stands for.
  const size_t validity = Size(from.size()) + Size(until ? until->size() : internal::kNever.size());
  const size_t pair = sizeof kSerialNumberType + Size(unit.serial_number.size());
  const size_t subject = subject_prefix_.size() + Size(Size(pair));
  const size_t module = hardware_type_.size() + Size(unit.hardware_serial.size());
  const size_t other = sizeof kHardwareName + Size(Size(module));
  const size_t names = Size(other);
  const size_t alt_name = sizeof kAltNameType + Size(Size(names));
  const size_t extensions = before_san_.size() + Size(alt_name) + after_san_.size();
  const size_t tbs = sizeof kVersion3 + Size(stamp.serial.bytes.size()) + after_serial_.size() +
                     Size(validity) + Size(subject) + spki.size() + Size(Size(extensions));

  out.resize(Size(tbs));
  Cursor c{out.data()};
  c.Header(der::kSequence, tbs);
  c.Raw(kVersion3);
  c.Element(der::kInteger, stamp.serial.bytes);
  c.Raw(after_serial_);
  c.Header(der::kSequence, validity);
  from.Write(c);
  if (until) {
    until->Write(c);
  } else {
    c.Element(der::kGeneralizedTime, AsBytes(internal::kNever));
  }
  c.Header(der::kSequence, subject);
  c.Raw(subject_prefix_);
  c.Header(der::kSet, Size(pair));
  c.Header(der::kSequence, pair);
  c.Raw(kSerialNumberType);
  c.Element(der::kPrintableString, AsBytes(unit.serial_number));
  c.Raw(spki);
  c.Header(der::Context(3, true), Size(extensions));
  c.Header(der::kSequence, extensions);
  c.Raw(before_san_);
  c.Header(der::kSequence, alt_name);
  c.Raw(kAltNameType);
  c.Header(der::kOctetString, Size(names));
  c.Header(der::kSequence, names);
  c.Header(der::Context(0, true), other);
  c.Raw(kHardwareName);
  c.Header(der::Context(0, true), Size(module));
  c.Header(der::kSequence, module);
  c.Raw(hardware_type_);
  c.Element(der::kOctetString, unit.hardware_serial);
  c.Raw(after_san_);
  return {};
}

Result<Bytes> IssuerTemplate::Issue(const Stamp& stamp, const Unit& unit,
                                    crypto::Signer& signer) const {
  if (signer.public_key().spki_digest() != issuer_key_) {
    return Refused("pki.issuer-key", "the key is not the one this template was made for");
  }
  Bytes tbs;
  BM_CHECK(Tbs(stamp, unit, tbs));
  BM_TRY(Bytes signature, signer.Sign(tbs));
  const size_t bits = signature.size() + 1;
  const size_t content = tbs.size() + signature_algorithm_.size() + Size(bits);
  Bytes out(Size(content));
  Cursor c{out.data()};
  c.Header(der::kSequence, content);
  c.Raw(tbs);
  c.Raw(signature_algorithm_);
  c.Header(der::kBitString, bits);
  *c.p++ = 0;  // no unused bits
  c.Raw(signature);
  return out;
}

}  // namespace birthmark::pki
