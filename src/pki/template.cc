// SPDX-License-Identifier: Apache-2.0
#include "pki/template.h"

#include "crypto/der.h"
#include "pki/cursor.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

namespace der = crypto::der;
using internal::DerCursor;
using internal::DerSize;
using internal::DerTime;

// id-at-serialNumber and id-on-hardwareModuleName as whole elements.
constexpr uint8_t kSerialNumberType[] = {0x06, 0x03, 0x55, 0x04, 0x05};
constexpr uint8_t kHardwareName[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04};
constexpr uint8_t kAltNameType[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
constexpr uint8_t kVersion3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};

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

  const DerTime from(stamp.at);
  const std::optional<DerTime> until =
      unit.not_after ? std::optional<DerTime>(*unit.not_after) : std::nullopt;
  const ByteView spki = unit.key.spki();

  // Sizes from the inside out; each name is the content of the element it stands for.
  const size_t validity =
      DerSize(from.size()) + DerSize(until ? until->size() : internal::kNever.size());
  const size_t pair = sizeof kSerialNumberType + DerSize(unit.serial_number.size());
  const size_t subject = subject_prefix_.size() + DerSize(DerSize(pair));
  const size_t module = hardware_type_.size() + DerSize(unit.hardware_serial.size());
  const size_t other = sizeof kHardwareName + DerSize(DerSize(module));
  const size_t names = DerSize(other);
  const size_t alt_name = sizeof kAltNameType + DerSize(DerSize(names));
  const size_t extensions = before_san_.size() + DerSize(alt_name) + after_san_.size();
  const size_t tbs = sizeof kVersion3 + DerSize(stamp.serial.bytes.size()) + after_serial_.size() +
                     DerSize(validity) + DerSize(subject) + spki.size() +
                     DerSize(DerSize(extensions));

  out.resize(DerSize(tbs));
  DerCursor c{out.data()};
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
  c.Header(der::kSet, DerSize(pair));
  c.Header(der::kSequence, pair);
  c.Raw(kSerialNumberType);
  c.Element(der::kPrintableString, AsBytes(unit.serial_number));
  c.Raw(spki);
  c.Header(der::Context(3, true), DerSize(extensions));
  c.Header(der::kSequence, extensions);
  c.Raw(before_san_);
  c.Header(der::kSequence, alt_name);
  c.Raw(kAltNameType);
  c.Header(der::kOctetString, DerSize(names));
  c.Header(der::kSequence, names);
  c.Header(der::Context(0, true), other);
  c.Raw(kHardwareName);
  c.Header(der::Context(0, true), DerSize(module));
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
  const size_t content = tbs.size() + signature_algorithm_.size() + DerSize(bits);
  Bytes out(DerSize(content));
  DerCursor c{out.data()};
  c.Header(der::kSequence, content);
  c.Raw(tbs);
  c.Raw(signature_algorithm_);
  c.Header(der::kBitString, bits);
  *c.p++ = 0;  // no unused bits
  c.Raw(signature);
  return out;
}

}  // namespace birthmark::pki
