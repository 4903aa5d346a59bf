// SPDX-License-Identifier: Apache-2.0
#include "trust/x509_frame.h"

#include "crypto/der.h"
#include "trust/store.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerElement;
using crypto::DerReader;

std::unexpected<Error> BadCertificate(std::string why) {
  return Refused("trust.certificate-malformed", "not a certificate: " + std::move(why),
                 "take the certificate from its issuer again");
}

Result<CertFrame> WalkTbs(ByteView content) {
  CertFrame f;
  DerReader r(content);
  if (r.NextIs(der::Context(0, true))) BM_CHECK(r.Next());  // version
  BM_CHECK(r.Expect(der::kInteger));
  BM_CHECK(r.Expect(der::kSequence));  // signature
  BM_CHECK(r.Expect(der::kSequence));  // issuer
  BM_CHECK(r.Expect(der::kSequence));  // validity
  if (!r.NextIs(der::kSequence)) return BadCertificate("it has no subject");
  BM_TRY(DerElement subject, r.Next());
  f.subject = subject.whole;
  if (!r.NextIs(der::kSequence)) return BadCertificate("it has no public key");
  BM_TRY(DerElement spki, r.Next());
  f.spki = spki.whole;
  if (r.NextIs(der::Context(1, false))) BM_CHECK(r.Next());  // issuerUniqueID
  if (r.NextIs(der::Context(2, false))) BM_CHECK(r.Next());  // subjectUniqueID
  if (r.NextIs(der::Context(3, true))) {
    BM_TRY(DerReader wrapped, r.Enter(der::Context(3, true)));
    BM_TRY(f.extensions, wrapped.Expect(der::kSequence));
    BM_CHECK(wrapped.End());
  }
  BM_CHECK(r.End());
  return f;
}

Result<CertFrame> WalkCertificate(ByteView data) {
  DerReader file(data);
  BM_TRY(DerReader certificate, file.Enter());
  BM_CHECK(file.End());
  if (!certificate.NextIs(der::kSequence)) return BadCertificate("it has no content");
  BM_TRY(DerElement tbs, certificate.Next());
  BM_TRY(CertFrame f, WalkTbs(tbs.content));
  f.tbs = tbs.whole;
  BM_CHECK(certificate.Expect(der::kSequence));
  BM_CHECK(certificate.Expect(der::kBitString));
  BM_CHECK(certificate.End());
  return f;
}

template <class T>
Result<T> InOurWords(Result<T> r) {
  if (!r && r.error().code.starts_with("der.")) return BadCertificate(r.error().message);
  return r;
}

}  // namespace

Result<CertFrame> FrameOfCertificate(ByteView data) {
  if (data.size() > kMaxAnchorSize) return BadCertificate("it is larger than 64 KiB");
  return InOurWords(WalkCertificate(data));
}

Result<CertFrame> FrameOfTbs(ByteView content) { return InOurWords(WalkTbs(content)); }

Result<std::optional<ByteView>> ExtensionValue(ByteView extensions, std::string_view oid) {
  DerReader r(extensions);
  while (!r.AtEnd()) {
    BM_TRY(DerReader one, r.Enter());
    BM_TRY(std::string name, one.Oid());
    if (one.NextIs(der::kBoolean)) BM_CHECK(one.Boolean());
    BM_TRY(ByteView value, one.Expect(der::kOctetString));
    if (name == oid) return value;
  }
  return std::optional<ByteView>();
}

Result<ByteView> CertificateAtFront(ByteView data) {
  DerReader r(data);
  auto first = r.Next();
  if (!first) return BadCertificate(first.error().message);
  BM_CHECK(FrameOfCertificate(first->whole));
  return first->whole;
}

}  // namespace birthmark::trust
