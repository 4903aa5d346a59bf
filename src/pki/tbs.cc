// SPDX-License-Identifier: Apache-2.0
#include "pki/tbs.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::pki::internal {
namespace {

using crypto::Algorithm;
using crypto::DerWriter;
namespace der = crypto::der;

// RFC 5758 section 3.2, RFC 4055 section 5, RFC 8410 section 3.
constexpr uint8_t kEcdsaSha256[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
constexpr uint8_t kEcdsaSha384[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                    0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
constexpr uint8_t kRsaSha256[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                  0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};
constexpr uint8_t kEd25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

Bytes Extension(std::string_view oid, bool critical, const std::function<void(DerWriter&)>& fill) {
  Bytes value;
  DerWriter inner(value);
  fill(inner);
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Oid(oid);
    if (critical) w.Boolean(true);  // DEFAULT FALSE is not encoded (X.690 section 11.5)
    w.OctetString(value);
  });
  return out;
}

void Append(Bytes& to, const Bytes& b) { to.insert(to.end(), b.begin(), b.end()); }

Bytes EncodeHardwareName(const HardwareModule& hw) {
  return Extension(oid::kSubjectAltName, false, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& names) {
      names.Nest(der::Context(0, true), [&](DerWriter& other) {  // otherName
        other.Oid(oid::kHardwareModuleName);
        other.Nest(der::Context(0, true), [&](DerWriter& value) {
          value.Sequence([&](DerWriter& name) {
            name.Oid(hw.type);
            name.OctetString(hw.serial);
          });
        });
      });
    });
  });
}

Bytes EncodeDnsNames(const std::vector<std::string>& names) {
  return Extension(oid::kSubjectAltName, false, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& list) {
      for (const std::string& n : names) list.Text(der::Context(2, false), n);
    });
  });
}

Bytes EncodeOids(std::string_view extension, auto&& oids, bool each_in_sequence) {
  return Extension(extension, false, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& list) {
      for (std::string_view o : oids) {
        if (each_in_sequence) {
          list.Sequence([&](DerWriter& policy) { policy.Oid(o); });
        } else {
          list.Oid(o);
        }
      }
    });
  });
}

// RFC 5280 section 4.2.1.13: one distribution point a URI, so that each can be tried alone.
Bytes EncodeCrlPoints(const std::vector<std::string>& urls) {
  return Extension(oid::kCrlDistributionPoints, false, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& points) {
      for (const std::string& url : urls) {
        points.Sequence([&](DerWriter& point) {
          point.Nest(der::Context(0, true), [&](DerWriter& name) {
            name.Nest(der::Context(0, true),
                      [&](DerWriter& full) { full.Text(der::Context(6, false), url); });
          });
        });
      }
    });
  });
}

// RFC 5280 section 4.2.2.1: where the issuer's OCSP service is.
Bytes EncodeOcspUrls(const std::vector<std::string>& urls) {
  return Extension(oid::kAuthorityInfoAccess, false, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& list) {
      for (const std::string& url : urls) {
        list.Sequence([&](DerWriter& access) {
          access.Oid(oid::kOcsp);
          access.Text(der::Context(6, false), url);
        });
      }
    });
  });
}

Bytes EncodeUrl(std::string_view oid, std::string_view url) {
  return Extension(oid, false, [&](DerWriter& w) { w.Text(der::kIa5String, url); });
}

}  // namespace

ByteView SignatureAlgorithm(Algorithm a) {
  switch (a) {
    case Algorithm::kEcdsaP256:
      return kEcdsaSha256;
    case Algorithm::kEcdsaP384:
      return kEcdsaSha384;
    case Algorithm::kRsa2048:
    case Algorithm::kRsa3072:
    case Algorithm::kRsa4096:
      return kRsaSha256;
    case Algorithm::kEd25519:
      return kEd25519;
  }
  return {};
}

Bytes EncodeKeyUsage(uint16_t bits) {
  uint8_t octets[2] = {0, 0};
  int last = 0;
  for (int i = 0; i < 9; ++i) {
    if ((bits & (1 << i)) == 0) continue;
    octets[i / 8] |= static_cast<uint8_t>(0x80 >> (i % 8));
    last = i;
  }
  // X.690 section 11.2.2: a named bit list carries no trailing zero bits.
  return Extension(oid::kKeyUsage, true, [&](DerWriter& w) {
    w.BitString(ByteView(octets, static_cast<size_t>(last / 8) + 1), 7 - last % 8);
  });
}

Bytes EncodeBasicConstraints(std::optional<int> path_len) {
  return Extension(oid::kBasicConstraints, true, [&](DerWriter& w) {
    w.Sequence([&](DerWriter& c) {
      c.Boolean(true);
      if (path_len) c.Unsigned(static_cast<uint64_t>(*path_len));
    });
  });
}

Bytes EncodeSubjectKeyId(ByteView id) {
  return Extension(oid::kSubjectKeyId, false, [&](DerWriter& w) { w.OctetString(id); });
}

Extensions EncodeExtensions(const Profile& profile, const Marks& marks,
                            const IssuerIdentity& issuer, const Contents& contents) {
  Extensions e;
  // RFC 5280 section 4.2.1.1: a self-signed certificate may leave it out, and all others must not.
  if (!profile.self_signed) {
    Append(e.before_san, Extension(oid::kAuthorityKeyId, false, [&](DerWriter& w) {
             w.Sequence([&](DerWriter& a) { a.Element(der::Context(0, false), issuer.key_id); });
           }));
  }
  if (profile.subject_key_id) {
    Append(e.before_san, EncodeSubjectKeyId(contents.key.KeyIdentifier()));
  }
  Append(e.before_san, EncodeKeyUsage(profile.key_usage));
  if (!marks.policies.empty()) {
    Append(e.before_san, EncodeOids(oid::kCertificatePolicies, marks.policies, true));
  }
  if (contents.hardware) e.san = EncodeHardwareName(*contents.hardware);
  if (!contents.dns_names.empty()) e.san = EncodeDnsNames(contents.dns_names);
  if (profile.basic_constraints) {
    Append(e.after_san, EncodeBasicConstraints(contents.path_len));
  }
  if (!profile.extended_key_usages.empty()) {
    Append(e.after_san, EncodeOids(oid::kExtendedKeyUsage, profile.extended_key_usages, false));
  }
  if (!contents.crl_urls.empty()) Append(e.after_san, EncodeCrlPoints(contents.crl_urls));
  if (!contents.ocsp_urls.empty()) Append(e.after_san, EncodeOcspUrls(contents.ocsp_urls));
  if (profile.no_check) {
    Append(e.after_san, Extension(oid::kOcspNoCheck, false, [](DerWriter& w) { w.Null(); }));
  }
  if (!contents.mud_url.empty()) Append(e.after_san, EncodeUrl(oid::kMudUrl, contents.mud_url));
  if (!contents.masa_url.empty()) Append(e.after_san, EncodeUrl(oid::kMasaUrl, contents.masa_url));
  return e;
}

void WriteNotAfter(DerWriter& w, const NotAfter& t) {
  if (t) {
    w.Validity(*t);
  } else {
    w.Text(der::kGeneralizedTime, kNever);
  }
}

Status CheckValidity(Time not_before, const NotAfter& not_after) {
  static const Time first = *ParseTime("1950-01-01");  // below, UTCTime would mean 2050 and later
  static const Time last = *ParseTime("9999-12-31T23:59:59Z");
  if (not_before < first || not_before > last || (not_after && *not_after > last)) {
    return Refused("pki.validity", "a date that a certificate cannot carry (1950 to 9999)");
  }
  if (not_after && *not_after <= not_before) {
    return Refused("pki.validity",
                   fmt::format("the certificate would end at {}, before it starts at {}",
                               FormatTime(*not_after), FormatTime(not_before)));
  }
  return {};
}

Status CheckHardwareSerial(ByteView serial) {
  if (serial.empty() || serial.size() > 64) {
    return Refused(
        "pki.hardware-module",
        fmt::format("a hardware serial number of {} octets; 1 to 64 are allowed", serial.size()));
  }
  return {};
}

Bytes Assemble(ByteView signed_part, Algorithm algorithm, ByteView signature) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Raw(signed_part);
    w.Raw(SignatureAlgorithm(algorithm));
    w.BitString(signature);
  });
  return out;
}

}  // namespace birthmark::pki::internal
