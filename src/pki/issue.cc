// SPDX-License-Identifier: Apache-2.0
#include "pki/issue.h"

#include <fmt/format.h>

#include <algorithm>

#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using crypto::Certificate;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr int kMaxPathLen = 16;
constexpr size_t kMaxUrl = 1024;

std::unexpected<Error> Against(const Profile& p, std::string_view what) {
  return Refused("pki.profile", fmt::format("profile {}: {}", p.id, what));
}

bool IsPlainAscii(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return c > 0x20 && c < 0x7f; });
}

Status CheckUrl(std::string_view what, std::string_view url, bool https_or_authority) {
  if (url.size() > kMaxUrl || !IsPlainAscii(url)) {
    return Refused("pki.url", fmt::format("the {} is not an ASCII URL of at most {} characters",
                                          what, kMaxUrl));
  }
  const bool https = url.starts_with("https://") && url.size() > 8;
  // RFC 8995 section 2.3.2: without a scheme and a path it is the authority alone.
  const bool authority = url.find("//") == std::string_view::npos && !url.starts_with('/');
  if (!https && !(https_or_authority && authority)) {
    return Refused("pki.url", fmt::format("the {} \"{}\" does not start with https://", what, url));
  }
  return {};
}

Status CheckHardware(const Profile& p, const Contents& c) {
  if (p.hardware_module == Need::kMust && !c.hardware) {
    return Against(p, "HardwareModuleName is missing");
  }
  if (p.hardware_module == Need::kNever && c.hardware) {
    return Against(p, "carries no HardwareModuleName");
  }
  if (!c.hardware) return {};
  if (!crypto::OidFromText(c.hardware->type)) {
    return Refused("pki.oid", fmt::format("hwType \"{}\" is no OID", c.hardware->type),
                   "give a dotted OID under the plan's enterprise number");
  }
  return internal::CheckHardwareSerial(c.hardware->serial);
}

Status CheckDnsNames(const Profile& p, const Contents& c) {
  if (p.dns_names == Need::kMust && c.dns_names.empty()) return Against(p, "a DNS name is missing");
  if (p.dns_names == Need::kNever && !c.dns_names.empty())
    return Against(p, "carries no DNS names");
  for (const std::string& n : c.dns_names) {
    const bool letters = std::ranges::all_of(n, [](char ch) {
      return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.';
    });
    if (n.empty() || n.size() > 253 || !letters || n.front() == '.' || n.back() == '.') {
      return Refused("pki.dns-name", fmt::format("\"{}\" is no DNS name in lower case", n));
    }
  }
  return {};
}

Status CheckUrls(const Profile& p, const Contents& c) {
  if (!p.device_urls && !(c.masa_url.empty() && c.mud_url.empty())) {
    return Against(p, "carries no MASA or MUD URL");
  }
  if (!c.masa_url.empty()) BM_CHECK(CheckUrl("MASA URL", c.masa_url, true));
  if (!c.mud_url.empty()) BM_CHECK(CheckUrl("MUD URL", c.mud_url, false));  // RFC 8520 section 1.8
  for (const std::string& u : c.ocsp_urls) {
    if (u.size() > kMaxUrl || !IsPlainAscii(u) || !u.starts_with("http://")) {
      // RFC 6960 appendix A.1: plain HTTP, since the answer protects itself.
      return Refused("pki.url", fmt::format("the OCSP URL \"{}\" is not http://", u));
    }
  }
  for (const std::string& u : c.crl_urls) {
    if (u.size() > kMaxUrl || !IsPlainAscii(u) ||
        !(u.starts_with("http://") || u.starts_with("ldap://"))) {
      // RFC 5280 section 8: an https URL here would make a loop.
      return Refused("pki.url", fmt::format("the CRL URL \"{}\" is not http:// or ldap://", u));
    }
  }
  return {};
}

Result<Certificate> Sign(crypto::Signer& signer, ByteView tbs) {
  BM_TRY(Bytes signature, signer.Sign(tbs));
  BM_TRY(Certificate cert,
         Certificate::FromDer(internal::Assemble(tbs, signer.algorithm(), signature)));
  // A module that signs wrongly once would otherwise be found by the first device that needs it.
  if (!cert.IsSignedBy(signer.public_key())) {
    return Fail(ErrorKind::kEnvironment, "pki.signature-fault",
                "the key signed, but the signature does not verify",
                "check the module that holds the key; nothing was issued");
  }
  return cert;
}

// RFC 5280 section 4.2.1.9: an authority's limit counts the authorities below it.
Status CheckRoom(const Issuer& issuer, const Profile& profile, const Contents& contents) {
  if (!profile.ca || !issuer.path_len()) return {};
  if (!contents.path_len) {
    return Refused(
        "pki.path-length",
        fmt::format("the issuer allows {} authorities below it, the child would be without "
                    "a limit",
                    *issuer.path_len()),
        "give the child a path length");
  }
  if (*contents.path_len >= *issuer.path_len()) {
    return Refused(
        "pki.path-length",
        fmt::format("the issuer's path length is {}, and a child of path length {} needs "
                    "at least {}",
                    *issuer.path_len(), *contents.path_len, *contents.path_len + 1),
        "plan fewer levels below, or an issuer that allows more");
  }
  return {};
}

}  // namespace

Result<Issuer> Issuer::Make(Certificate certificate, crypto::Signer& signer) {
  const auto& key = certificate.public_key();
  if (!key || key->spki_digest() != signer.public_key().spki_digest()) {
    return Refused("pki.issuer-key", "the key is not the one in the issuer's certificate");
  }
  const auto& usage = certificate.key_usage();
  const bool may_sign = !usage || std::ranges::find(*usage, "keyCertSign") != usage->end();
  if (!certificate.is_ca() || !may_sign) {
    return Refused("pki.issuer-not-ca",
                   fmt::format("{} is not an authority's certificate", certificate.subject()));
  }
  // RFC 5280 section 4.2.1.2: authorities carry it; the certificates below repeat it.
  if (!certificate.ski() || certificate.ski()->empty()) {
    return Refused("pki.issuer-key-id",
                   fmt::format("{} has no subjectKeyIdentifier", certificate.subject()),
                   "use a root that carries one (RFC 5280 section 4.2.1.2)");
  }
  BM_TRY(Name name, Name::FromDer(certificate.subject_der()));
  IssuerIdentity identity{std::move(name), *certificate.ski(), signer.algorithm()};
  const std::optional<int> path_len = certificate.path_len();
  return Issuer(std::move(certificate), std::move(identity), path_len, &signer);
}

Result<Name> MarkSubject(const Profile& profile, const Marks& marks, const Name& subject) {
  if (!profile.ca || marks.ca_unit.empty()) return subject;
  const Attribute mark{"OU", marks.ca_unit};
  if (std::ranges::find(subject.attributes(), mark) != subject.attributes().end()) return subject;
  return subject.With(mark.type, mark.value);
}

Status CheckContents(const Profile& p, const Contents& c, Time not_before) {
  if (c.key.evp() == nullptr) return Against(p, "there is no public key");
  if (c.subject.empty()) return Against(p, "the subject is empty");
  const auto serial = c.subject.Find("serialNumber");
  if (p.subject_serial == Need::kMust && !serial) return Against(p, "serialNumber is missing");
  if (serial) BM_CHECK(CheckSerialAttribute(*serial));
  if (!p.ca && c.path_len) return Against(p, "only authorities have a path length");
  if (c.path_len && (*c.path_len < 0 || *c.path_len > kMaxPathLen)) {
    return Refused("pki.path-length", fmt::format("a path length of {}; 0 to {} are allowed",
                                                  *c.path_len, kMaxPathLen));
  }
  BM_CHECK(CheckHardware(p, c));
  BM_CHECK(CheckDnsNames(p, c));
  BM_CHECK(CheckUrls(p, c));
  return internal::CheckValidity(not_before, c.not_after);
}

Result<Bytes> BuildTbs(const Profile& profile, const Marks& marks, const IssuerIdentity& issuer,
                       const Stamp& stamp, const Contents& contents) {
  BM_CHECK(CheckContents(profile, contents, stamp.at));
  for (const std::string& policy : marks.policies) {
    if (!crypto::OidFromText(policy)) {
      return Refused("pki.oid", fmt::format("the mark \"{}\" is no OID", policy));
    }
  }
  BM_TRY(const Name subject, MarkSubject(profile, marks, contents.subject));
  const internal::Extensions ext = internal::EncodeExtensions(profile, marks, issuer, contents);
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Nest(der::Context(0, true), [](DerWriter& v) { v.Unsigned(2); });  // version 3
    w.Unsigned(ByteView(stamp.serial.bytes));
    w.Raw(internal::SignatureAlgorithm(issuer.algorithm));
    w.Raw(issuer.name.der());
    w.Sequence([&](DerWriter& v) {
      v.Validity(stamp.at);
      internal::WriteNotAfter(v, contents.not_after);
    });
    w.Raw(subject.der());
    w.Raw(contents.key.spki());
    w.Nest(der::Context(3, true), [&](DerWriter& x) {
      x.Sequence([&](DerWriter& list) {
        list.Raw(ext.before_san);
        list.Raw(ext.san);
        list.Raw(ext.after_san);
      });
    });
  });
  return out;
}

Result<Certificate> Issue(const Issuer& issuer, const Profile& profile, const Marks& marks,
                          const Stamp& stamp, const Contents& contents) {
  if (profile.self_signed) return Against(profile, "signs itself; it is not issued");
  BM_CHECK(CheckRoom(issuer, profile, contents));
  Contents all = contents;
  if (!profile.no_check) {
    if (all.crl_urls.empty()) all.crl_urls = issuer.urls().crl;
    if (all.ocsp_urls.empty()) all.ocsp_urls = issuer.urls().ocsp;
  }
  BM_TRY(Bytes tbs, BuildTbs(profile, marks, issuer.identity(), stamp, all));
  return Sign(issuer.signer(), tbs);
}

Result<Certificate> SelfSign(crypto::Signer& signer, const Profile& profile, const Marks& marks,
                             const Stamp& stamp, Contents contents) {
  if (!profile.self_signed) return Against(profile, "does not sign itself");
  contents.key = signer.public_key();
  BM_TRY(Name subject, MarkSubject(profile, marks, contents.subject));
  const auto id = contents.key.KeyIdentifier();
  const IssuerIdentity self{std::move(subject), Bytes(id.begin(), id.end()), signer.algorithm()};
  BM_TRY(Bytes tbs, BuildTbs(profile, marks, self, stamp, contents));
  return Sign(signer, tbs);
}

}  // namespace birthmark::pki
