// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/request.h"

#include <algorithm>

#include "crypto/der.h"
#include "pki/profile.h"

namespace birthmark::enroll::est {
namespace {

namespace der = crypto::der;
using crypto::DerReader;

constexpr std::string_view kChallengePassword = "1.2.840.113549.1.9.7";
constexpr std::string_view kDecryptKeyId = "1.2.840.113549.1.9.16.2.37";
constexpr std::string_view kAsymmDecryptKeyId = "1.2.840.113549.1.9.16.2.54";

std::unexpected<Error> Malformed(std::string_view why) {
  return Refused("csr.malformed", "not a PKCS #10 request in DER: " + std::string(why));
}

// The value of one extension in an Extensions SEQUENCE.
std::optional<ByteView> FindExtension(ByteView extensions, std::string_view oid) {
  if (extensions.empty()) return std::nullopt;
  DerReader outer(extensions);
  auto list = outer.Enter();
  while (list && !list->AtEnd()) {
    auto one = list->Enter();
    if (!one) break;
    auto id = one->Oid();
    if (one->NextIs(der::kBoolean)) (void)one->Boolean();
    auto value = one->Expect(der::kOctetString);
    if (id && value && *id == oid) return *value;
  }
  return std::nullopt;
}

}  // namespace

Result<Asked> ReadAsked(ByteView csr) {
  Asked out;
  auto walk = [&]() -> Status {
    DerReader file(csr);
    BM_TRY(DerReader request, file.Enter());
    BM_TRY(DerReader info, request.Enter());
    BM_CHECK(info.SmallUnsigned());
    BM_CHECK(info.Expect(der::kSequence));
    BM_CHECK(info.Expect(der::kSequence));
    BM_TRY(DerReader attributes, info.Enter(der::Context(0, true)));
    while (!attributes.AtEnd()) {
      BM_TRY(DerReader attribute, attributes.Enter());
      BM_TRY(std::string type, attribute.Oid());
      out.encrypted_key |= type == kDecryptKeyId || type == kAsymmDecryptKeyId;
      if (type != kChallengePassword) continue;
      // RFC 2985 section 5.4.1: a single DirectoryString; RFC 7030 section 3.5 needs ASCII alone.
      if (out.challenge) return Malformed("challengePassword stands twice");
      BM_TRY(DerReader values, attribute.Enter(der::kSet));
      BM_TRY(crypto::DerElement value, values.Next());
      BM_CHECK(values.End());
      if (value.tag != der::kUtf8String && value.tag != der::kPrintableString &&
          value.tag != der::kIa5String) {
        return Malformed("challengePassword is no text");
      }
      out.challenge = std::string(AsText(value.content));
    }
    return {};
  };
  if (auto ok = walk(); !ok) {
    if (ok.error().code == "csr.malformed") return std::unexpected(std::move(ok).error());
    return Malformed(ok.error().message);
  }
  return out;
}

Status CheckBinding(const Asked& asked, const Binding& binding) {
  if (!asked.challenge) return {};
  for (ByteView side : {binding.tls_unique, binding.tls_exporter}) {
    if (side.empty()) continue;
    if (EqualSecret(AsBytes(*asked.challenge), AsBytes(ToBase64(side)))) return {};
  }
  return Refused(
      "est.binding",
      "the request's challengePassword is not of this connection: it was made for "
      "another one, or somebody sits between",
      "put base64 of tls-unique (TLS 1.2) or tls-exporter (TLS 1.3) there, or leave it out");
}

Status CheckSameName(const pki::Csr& csr, const crypto::Certificate& certificate) {
  // By type and value: the same text may be encoded as another string type (RFC 5280 section 7.1).
  auto subject = pki::Name::FromDer(certificate.subject_der());
  if (!subject || subject->attributes() != csr.subject.attributes()) {
    return Refused("est.other-name",
                   "the request names \"" + csr.subject.ToText() +
                       "\", the certificate that it would renew \"" + certificate.subject() + "\"",
                   "a renewal keeps the subject (RFC 7030 section 4.2.2)");
  }
  auto asked = FindExtension(csr.extensions, pki::oid::kSubjectAltName);
  if (!asked) return {};
  const crypto::CertExtension* has = certificate.Extension(pki::oid::kSubjectAltName);
  if (has == nullptr || !std::ranges::equal(*asked, has->value)) {
    return Refused("est.other-name",
                   "the request's subjectAltName is not that of the certificate it would renew",
                   "a renewal keeps the subjectAltName (RFC 7030 section 4.2.2)");
  }
  return {};
}

}  // namespace birthmark::enroll::est
