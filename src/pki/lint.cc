// SPDX-License-Identifier: Apache-2.0
// Each rule is a function that knows when it applies; the table at the end is all of them. Sources
// of the rules: docs/formats/certificates.md.
#include "pki/lint.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <algorithm>

#include "crypto/der.h"
#include "pki/profile.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using crypto::CertExtension;
using crypto::Certificate;
using crypto::DerElement;
using crypto::DerReader;
namespace der = crypto::der;

// Raw is what Certificate does not tell: encodings.
struct Raw {
  uint64_t version = 0;
  ByteView serial, inner_algorithm, outer_algorithm;
  DerElement not_before, not_after;
};

Result<Raw> ReadRaw(ByteView data) {
  Raw raw;
  DerReader file(data);
  BM_TRY(DerReader cert, file.Enter());
  BM_TRY(DerReader tbs, cert.Enter());
  BM_TRY(DerElement outer, cert.Next());
  raw.outer_algorithm = outer.whole;
  if (tbs.NextIs(der::Context(0, true))) {
    BM_TRY(DerReader version, tbs.Enter(der::Context(0, true)));
    BM_TRY(raw.version, version.SmallUnsigned());
  }
  BM_TRY(raw.serial, tbs.Expect(der::kInteger));
  BM_TRY(DerElement inner, tbs.Next());
  raw.inner_algorithm = inner.whole;
  BM_CHECK(tbs.Next());  // issuer
  BM_TRY(DerReader validity, tbs.Enter());
  BM_TRY(raw.not_before, validity.Next());
  BM_TRY(raw.not_after, validity.Next());
  return raw;
}

struct Look {
  const Certificate& cert;
  const Raw& raw;
  LintKind kind;
  const Certificate* issuer;
  Findings& f;

  bool ca() const { return kind == LintKind::kAuthority; }
  bool idevid() const { return kind == LintKind::kIDevId; }
  bool HasUsage(std::string_view name) const {
    const auto& u = cert.key_usage();
    return u && std::ranges::find(*u, name) != u->end();
  }
};

bool IsRehearsal(const Certificate& c) {
  return std::ranges::find(c.policies(), oid::kRehearsalPolicy) != c.policies().end();
}

void Version(Look& l) {
  if (l.raw.version != 2) {
    l.f.Error("pki.version", fmt::format("version {}, not 3", l.raw.version + 1),
              "issue version 3: only it has extensions (RFC 5280 section 4.1.2.1)");
  }
}

void Serial(Look& l) {
  const ByteView s = l.raw.serial;
  const bool zero = std::ranges::all_of(s, [](uint8_t b) { return b == 0; });
  if (zero) {
    l.f.Error("pki.serial-zero", "the serial number is zero", "use a positive, unpredictable one");
  } else if ((s[0] & 0x80) != 0) {
    l.f.Error("pki.serial-negative", "the serial number is negative", "use a positive one");
  }
  if (s.size() > 20) {
    l.f.Error("pki.serial-long", fmt::format("the serial number has {} octets", s.size()),
              "use at most 20 (RFC 5280 section 4.1.2.2)");
  } else if (!zero && s.size() < 8) {
    l.f.Warn("pki.serial-short", fmt::format("the serial number has {} octets", s.size()),
             "use 8 or more from a random generator, so that it cannot be predicted or counted");
  }
}

void SignatureAlgorithm(Look& l) {
  if (!std::ranges::equal(l.raw.inner_algorithm, l.raw.outer_algorithm)) {
    l.f.Error("pki.algorithm-mismatch",
              "the signed and the unsigned signature algorithm differ (RFC 5280 section 4.1.1.2)");
  }
  int hash = NID_undef, kind = NID_undef;
  OBJ_find_sigid_algs(X509_get_signature_nid(l.cert.x509()), &hash, &kind);
  if (hash == NID_md5 || hash == NID_sha1 || hash == NID_md5_sha1 || hash == NID_md4) {
    l.f.Error("pki.signature-weak", fmt::format("signed with {}", l.cert.signature_algorithm()),
              "sign with SHA-256 or better");
  }
}

void Key(Look& l) {
  const auto& key = l.cert.public_key();
  if (key) return;
  const EVP_PKEY* evp = X509_get0_pubkey(l.cert.x509());
  ERR_clear_error();
  if (key.error().code == "key.malformed") {
    l.f.Error("pki.key-malformed", key.error().message);
  } else if (key.error().code == "key.weak" ||
             (evp != nullptr && EVP_PKEY_get_security_bits(evp) < 112)) {
    l.f.Error("pki.key-weak", fmt::format("the key is {}", l.cert.key_text()),
              "use P-256, P-384, Ed25519 or RSA of 2048 bits and more");
  } else {
    l.f.Warn("pki.key-type",
             fmt::format("the key is {}, which Birthmark does not use", l.cert.key_text()));
  }
}

void Names(Look& l) {
  const Bytes empty = {0x30, 0x00};
  if (std::ranges::equal(l.cert.issuer_der(), empty)) {
    l.f.Error("pki.issuer-empty", "the issuer's name is empty (RFC 5280 section 4.1.2.4)");
  }
  const CertExtension* san = l.cert.Extension(oid::kSubjectAltName);
  if (std::ranges::equal(l.cert.subject_der(), empty) &&
      (l.ca() || san == nullptr || !san->critical)) {
    l.f.Error("pki.subject-empty", "the subject is empty",
              "name the subject, or make subjectAltName critical (RFC 5280 section 4.1.2.6)");
  }
}

// RFC 5280 sections 4.1.2.5.1 and .2: to the second, in UTC, no fraction; the form follows the
// year.
void TimeForm(Look& l, const char* which, const DerElement& e, Time t) {
  const std::string_view text = AsText(e.content);
  const bool utc = e.tag == der::kUtcTime;
  const size_t size = utc ? 13 : 15;
  const bool digits =
      text.size() == size && text.back() == 'Z' &&
      std::ranges::all_of(text.substr(0, size - 1), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) {
    l.f.Error("pki.time-form", fmt::format("{} is not written to the second in UTC", which));
  } else if (utc != (t < *ParseTime("2050-01-01"))) {
    l.f.Error("pki.time-form",
              fmt::format("{} is {} and written as {}", which, FormatDate(t),
                          utc ? "UTCTime" : "GeneralizedTime"),
              "write UTCTime through 2049 and GeneralizedTime from 2050");
  }
}

void Validity(Look& l) {
  TimeForm(l, "notBefore", l.raw.not_before, l.cert.not_before());
  TimeForm(l, "notAfter", l.raw.not_after, l.cert.not_after());
  if (l.cert.not_after() <= l.cert.not_before()) {
    l.f.Error("pki.validity-order", "the certificate ends before it starts");
  }
  if (l.idevid() && AsText(l.raw.not_after.content) != internal::kNever) {
    l.f.Warn("pki.idevid-expires",
             fmt::format("the identity ends on {}", FormatDate(l.cert.not_after())),
             "a device's first identity has no well-defined end: 99991231235959Z (IEEE 802.1AR)");
  }
}

void KeyIds(Look& l) {
  const CertExtension* aki = l.cert.Extension(oid::kAuthorityKeyId);
  if (aki != nullptr && aki->critical) {
    l.f.Error("pki.aki-critical", "authorityKeyIdentifier is critical (RFC 5280 section 4.2.1.1)");
  }
  const bool self = l.cert.IsSelfIssued() && l.ca();
  if (!self && !l.cert.aki()) {
    l.f.Error(
        "pki.aki-missing", "authorityKeyIdentifier is missing",
        "carry the issuer's key identifier: RFC 5280 section 4.2.1.1, IEEE 802.1AR section 8");
  }
  const CertExtension* ski = l.cert.Extension(oid::kSubjectKeyId);
  if (ski != nullptr && ski->critical) {
    l.f.Error("pki.ski-critical", "subjectKeyIdentifier is critical (RFC 5280 section 4.2.1.2)");
  }
  if (l.ca() && ski == nullptr) {
    l.f.Error("pki.ski-missing", "an authority without subjectKeyIdentifier",
              "carry one (RFC 5280 section 4.2.1.2)");
  }
  if (l.idevid() && ski != nullptr) {
    l.f.Note("pki.ski-in-leaf", "subjectKeyIdentifier stands in a device identity",
             "IEEE 802.1AR-2018 does not recommend it there");
  }
}

void KeyUsage(Look& l) {
  const CertExtension* e = l.cert.Extension(oid::kKeyUsage);
  if (e == nullptr) {
    if (l.ca()) {
      l.f.Error("pki.key-usage-missing",
                "an authority without keyUsage (RFC 5280 section 4.2.1.3)");
    } else {
      l.f.Warn("pki.key-usage-missing", "keyUsage is missing", "carry digitalSignature, critical");
    }
    return;
  }
  if (!e->critical) {
    l.f.Warn("pki.key-usage-not-critical", "keyUsage is not critical (RFC 5280 section 4.2.1.3)");
  }
  if (l.ca()) {
    if (!l.HasUsage("keyCertSign")) {
      l.f.Error("pki.key-usage", "an authority whose keyUsage lacks keyCertSign");
    }
    return;
  }
  if (l.HasUsage("keyCertSign") || l.HasUsage("cRLSign")) {
    l.f.Error("pki.key-usage", "an end entity whose keyUsage has keyCertSign or cRLSign");
  } else if (!l.HasUsage("digitalSignature") && !l.HasUsage("keyAgreement")) {
    l.f.Error("pki.key-usage", "keyUsage lacks digitalSignature");
  }
}

void BasicConstraints(Look& l) {
  const CertExtension* e = l.cert.Extension(oid::kBasicConstraints);
  if (!l.ca()) {
    // CA:FALSE is accepted: RFC 8995's own example carries it.
    if (l.cert.is_ca()) {
      l.f.Error("pki.ca-flag", "an end entity's certificate says CA:TRUE");
    }
    if (l.issuer != nullptr && !l.issuer->is_ca()) {
      l.f.Error("pki.issuer-not-ca", "the issuer is not an authority");
    }
    return;
  }
  if (e == nullptr || !l.cert.is_ca()) {
    l.f.Error("pki.ca-flag", "an authority without basicConstraints CA:TRUE");
    return;
  }
  if (!e->critical) {
    l.f.Error("pki.ca-not-critical", "basicConstraints is not critical (RFC 5280 section 4.2.1.9)");
  }
  if (!l.cert.path_len()) {
    l.f.Note("pki.path-length-missing", "the authority may grow any number of levels below it",
             "carry a path length of the levels planned");
  }
  const bool root = l.issuer != nullptr && l.issuer->digest() == l.cert.digest();
  if (l.issuer == nullptr || root || !l.issuer->path_len()) return;
  if (*l.issuer->path_len() == 0 ||
      (l.cert.path_len() && *l.cert.path_len() >= *l.issuer->path_len())) {
    l.f.Error(
        "pki.path-length",
        fmt::format("the issuer's path length is {}, which leaves no room for this authority{}",
                    *l.issuer->path_len(),
                    l.cert.path_len() ? fmt::format(" of path length {}", *l.cert.path_len())
                                      : std::string()),
        "issue from an authority with a longer path length");
  }
}

// HardwareType gives hwType of a HardwareModuleName, or why there is none.
struct Hardware {
  bool present = false;
  std::string type;
};
Result<Hardware> ReadHardware(ByteView san) {
  Hardware out;
  DerReader outer(san);
  BM_TRY(DerReader names, outer.Enter());
  BM_CHECK(outer.End());
  while (!names.AtEnd()) {
    BM_TRY(DerElement name, names.Next());
    if (name.tag != der::Context(0, true)) continue;  // otherName alone
    DerReader other(name.content);
    BM_TRY(std::string type, other.Oid());
    if (type != oid::kHardwareModuleName) continue;
    out.present = true;
    // RFC 4108 section 5: SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }.
    BM_TRY(DerReader value, other.Enter(der::Context(0, true)));
    BM_CHECK(other.End());
    BM_TRY(DerReader module, value.Enter());
    BM_CHECK(value.End());
    BM_TRY(out.type, module.Oid());
    BM_TRY(ByteView serial, module.Expect(der::kOctetString));
    BM_CHECK(module.End());
    if (serial.empty()) return Refused("pki.hardware-module-form", "hwSerialNum is empty");
  }
  return out;
}

void DeviceNames(Look& l) {
  if (!l.idevid()) return;
  if (!l.cert.subject_serial_number()) {
    l.f.Error("pki.subject-serial-missing", "the subject has no serialNumber",
              "carry it: RFC 8995 section 2.3.1 takes the voucher's serial number from it");
  }
  const CertExtension* san = l.cert.Extension(oid::kSubjectAltName);
  if (san == nullptr) {
    l.f.Warn("pki.san-missing", "subjectAltName is missing",
             "carry HardwareModuleName (IEEE 802.1AR-2018 section 8)");
    return;
  }
  auto hw = ReadHardware(san->value);
  if (!hw) {
    l.f.Error("pki.hardware-module-form", "HardwareModuleName is malformed: " + hw.error().message,
              "SEQUENCE { OBJECT IDENTIFIER, OCTET STRING } (RFC 4108 section 5)");
  } else if (!hw->present) {
    l.f.Error("pki.hardware-module-missing", "subjectAltName is there without HardwareModuleName",
              "IEEE 802.1AR-2018 section 8 wants it where subjectAltName stands");
  } else if (hw->type.starts_with("1.3.6.1.4.1.32473.") && !IsRehearsal(l.cert)) {
    l.f.Warn(
        "pki.example-number",
        fmt::format("hwType {} lies under the enterprise number for examples (RFC 5612)", hw->type),
        "use the manufacturer's own number");
  }
}

void Uses(Look& l) {
  if (l.kind != LintKind::kEndEntity) return;
  if (l.cert.eku().empty()) {
    l.f.Warn("pki.use-missing", "extendedKeyUsage is missing: the key may be used for anything",
             "name what the certificate is for");
  }
  for (const std::string& use : l.cert.eku()) {
    if (use == "2.5.29.37.0") {
      l.f.Warn("pki.use-any", "extendedKeyUsage allows any use",
               "name what the certificate is for");
    }
  }
}

void Urls(Look& l) {
  for (const auto& [id, what] : {std::pair(oid::kMasaUrl, "MASA"), {oid::kMudUrl, "MUD"}}) {
    const CertExtension* e = l.cert.Extension(id);
    if (e == nullptr) continue;
    DerReader r(e->value);
    auto text = r.Expect(der::kIa5String);
    const bool plain = text && r.AtEnd() && !text->empty() &&
                       std::ranges::all_of(*text, [](uint8_t c) { return c > 0x20 && c < 0x7f; });
    const bool https = plain && (id == oid::kMasaUrl || AsText(*text).starts_with("https://"));
    if (!https || e->critical) {
      l.f.Error(
          "pki.url-form",
          fmt::format("the {} URL extension is critical, or not an IA5String of its URL", what),
          "RFC 8995 section 2.3.2, RFC 8520 section 11");
    }
  }
}

void CriticalExtensions(Look& l) {
  static constexpr std::string_view kKnown[] = {oid::kSubjectKeyId,
                                                oid::kKeyUsage,
                                                oid::kSubjectAltName,
                                                oid::kBasicConstraints,
                                                oid::kNameConstraints,
                                                oid::kCrlDistributionPoints,
                                                oid::kCertificatePolicies,
                                                oid::kPolicyMappings,
                                                oid::kAuthorityKeyId,
                                                oid::kPolicyConstraints,
                                                oid::kExtendedKeyUsage,
                                                oid::kInhibitAnyPolicy,
                                                oid::kMudUrl,
                                                oid::kMasaUrl};
  for (const CertExtension& e : l.cert.extensions()) {
    if (e.critical && std::ranges::find(kKnown, e.oid) == std::end(kKnown)) {
      l.f.Error("pki.critical-unknown",
                fmt::format("extension {} is critical and not known here", e.oid),
                "a verifier must refuse the certificate (RFC 5280 section 4.2)");
    }
  }
}

void Issuer(Look& l) {
  if (l.issuer == nullptr) return;
  if (!std::ranges::equal(l.cert.issuer_der(), l.issuer->subject_der())) {
    l.f.Error("pki.issuer-name",
              fmt::format("issued by {}, not by {}", l.cert.issuer(), l.issuer->subject()));
  }
  if (l.cert.aki() && l.issuer->ski() && *l.cert.aki() != *l.issuer->ski()) {
    l.f.Error("pki.aki-mismatch", "authorityKeyIdentifier is not the issuer's key identifier");
  }
  const auto& key = l.issuer->public_key();
  if (!key || !l.cert.IsSignedBy(*key)) {
    l.f.Error("pki.signature", "the signature is not the issuer's");
  }
  if (l.cert.not_after() > l.issuer->not_after()) {
    l.f.Note(
        "pki.outlives-issuer",
        fmt::format("ends on {}, its issuer on {}", FormatDate(l.cert.not_after()),
                    FormatDate(l.issuer->not_after())),
        "give the issuer a certificate as long-lived as its leaves, or say so in the disclosure");
  }
  const auto& own = l.cert.public_key();
  if (l.idevid() && own && key && own->algorithm() != key->algorithm()) {
    l.f.Note("pki.mixed-suites",
             fmt::format("the key is {}, the issuer's {}", l.cert.key_text(), l.issuer->key_text()),
             "IEEE 802.1AR-2018 wants one signature suite along the chain");
  }
}

void Mark(Look& l) {
  if (IsRehearsal(l.cert)) {
    l.f.Note("pki.rehearsal", "a rehearsal certificate: it carries the policy " +
                                  std::string(oid::kRehearsalPolicy));
  }
}

constexpr void (*kRules[])(Look&) = {
    Version,  Serial,           SignatureAlgorithm, Key,  Names, Validity,           KeyIds,
    KeyUsage, BasicConstraints, DeviceNames,        Uses, Urls,  CriticalExtensions, Issuer,
    Mark,
};

}  // namespace

Findings LintCertificate(ByteView data, LintKind kind, const Certificate* issuer) {
  Findings f;
  auto cert = Certificate::FromDer(data);
  if (!cert) {
    f.Error(cert.error().code == "cert.extension-twice" ? "pki.extension-twice" : "pki.malformed",
            cert.error().message);
    return f;
  }
  auto raw = ReadRaw(cert->der());
  if (!raw) {
    f.Error("pki.malformed", raw.error().message);
    return f;
  }
  Look look{*cert, *raw, kind, issuer, f};
  for (auto* rule : kRules) rule(look);
  return f;
}

}  // namespace birthmark::pki
