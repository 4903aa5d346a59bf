// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/request.h"

#include <algorithm>

#include "crypto/der.h"
#include "enroll/cmp/message.h"
#include "pki/profile.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerElement;
using crypto::DerReader;
namespace der = crypto::der;

constexpr uint8_t kEnumerated = 0x0a;
constexpr size_t kMaxQuestions = 16;
constexpr size_t kMaxControls = 16;

std::unexpected<Error> Malformed(std::string why) {
  return Refused("cmp.bad-data-format", std::move(why));
}

std::unexpected<Error> OneOnly(std::string what) {
  return Refused("cmp.bad-request", "one " + std::move(what) + " a message is served here");
}

// Runs a reader and gives its DER errors the name that this protocol has for them.
template <class F>
auto Reading(F read) -> decltype(read()) {
  auto result = read();
  if (!result && result.error().code.starts_with("der.")) return Malformed(result.error().message);
  return result;
}

// [n] EXPLICIT around a Name.
Result<ByteView> TaggedName(const DerElement& e) {
  DerReader inner(e.content);
  BM_TRY(DerElement name, inner.Next());
  BM_CHECK(inner.End());
  if (name.tag != der::kSequence) return Malformed("a name is no SEQUENCE");
  return name.whole;
}

// An IMPLICIT INTEGER without its sign octet.
Result<ByteView> ImplicitUnsigned(ByteView c) {
  if (c.empty() || c[0] >= 0x80 || (c.size() > 1 && c[0] == 0 && c[1] < 0x80))
    return Malformed("a serial number is no positive INTEGER");
  return c.size() > 1 && c[0] == 0 ? c.subspan(1) : c;
}

// The SEQUENCE that an IMPLICIT tag hides; empty when the key in it has no octets, which asks for
// central key generation (RFC 9483 section 4.1.6).
Result<Bytes> Key(const DerElement& e) {
  DerReader parts(e.content);
  BM_TRY(DerReader algorithm, parts.Enter());
  BM_CHECK(algorithm.Expect(der::kOid));
  BM_TRY(ByteView bits, parts.Expect(der::kBitString));
  BM_CHECK(parts.End());
  if (bits.size() == 1 && bits[0] == 0) return Bytes();
  Bytes spki(e.whole.begin(), e.whole.end());
  spki[0] = der::kSequence;
  return spki;
}

// Extensions, IMPLICIT: the attestation is evidence and not a wish; everything else is the
// profile's business.
Status ReadExtensions(ByteView content, Template& t) {
  static const Bytes kAttestation = *crypto::OidFromText(pki::oid::kAttestation);
  DerReader list(content);
  while (!list.AtEnd()) {
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(ByteView type, one.Expect(der::kOid));
    if (!std::ranges::equal(type, kAttestation)) {
      t.wishes = true;
      continue;
    }
    if (!t.attestation.empty()) return Malformed("the attestation stands twice");
    if (one.NextIs(der::kBoolean)) BM_CHECK(one.Boolean());
    BM_TRY(t.attestation, one.Expect(der::kOctetString));
    BM_CHECK(one.End());
    if (t.attestation.empty()) return Malformed("the attestation is empty");
  }
  return {};
}

Result<Template> ReadTemplate(DerReader r) {
  Template t;
  int last = -1;
  while (!r.AtEnd()) {
    BM_TRY(DerElement e, r.Next());
    const int n = e.tag & 0x1f;
    if ((e.tag & 0xc0) != 0x80 || n <= last || n > 9)
      return Malformed("CertTemplate has a field out of place");
    last = n;
    // Serial numbers are primitive, names, keys and extensions constructed.
    const bool constructed = (e.tag & 0x20) != 0;
    if (constructed != (n >= 2 && n != 7 && n != 8))
      return Malformed("CertTemplate has a field of another form");
    switch (n) {
      case 1: {
        BM_TRY(t.serial, ImplicitUnsigned(e.content));
        break;
      }
      case 3: {
        BM_TRY(t.issuer, TaggedName(e));
        break;
      }
      case 5: {
        BM_TRY(t.subject, TaggedName(e));
        break;
      }
      case 6: {
        BM_TRY(t.spki, Key(e));
        break;
      }
      case 4:
        t.wishes = true;
        break;
      case 9:
        BM_CHECK(ReadExtensions(e.content, t));
        break;
      default:
        break;
    }
  }
  return t;
}

Result<CertName> ReadCertName(DerReader r) {
  CertName c;
  // RFC 4211 section 6.5: CertId has a GeneralName, of which a certificate's issuer can only be
  // directoryName.
  BM_TRY(DerElement issuer, r.Next());
  if (issuer.tag != der::Context(4, true)) return Malformed("CertId names no directory name");
  BM_TRY(c.issuer, TaggedName(issuer));
  BM_TRY(c.serial, r.Unsigned());
  BM_CHECK(r.End());
  return c;
}

Status ReadControls(DerReader list, CertRequest& out) {
  for (size_t n = 0; !list.AtEnd(); ++n) {
    if (n == kMaxControls) return Malformed("too many controls");
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(ByteView type, one.Expect(der::kOid));
    BM_TRY(DerElement value, one.Next());
    BM_CHECK(one.End());
    if (!Is(type, oid::kOldCertId)) continue;
    if (out.old || value.tag != der::kSequence) return Malformed("oldCertID is not one CertId");
    BM_TRY(out.old, ReadCertName(DerReader(value.content)));
  }
  return {};
}

Status ReadProof(const DerElement& e, CertRequest& out) {
  switch (e.tag) {
    case der::Context(0, false):
      if (!e.content.empty()) return Malformed("raVerified is no NULL");
      out.proof = Proof::kRaVerified;
      return {};
    case der::Context(1, true): {
      DerReader r(e.content);
      if (r.NextIs(der::Context(0, true))) {
        return Refused("cmp.bad-pop", "a proof over POPOSigningKeyInput is not taken here",
                       "name the subject in the template and sign the request itself");
      }
      BM_TRY(DerElement algorithm, r.Next());
      out.signature_algorithm = algorithm.whole;
      BM_TRY(out.signature, r.BitStringOctets());
      BM_CHECK(r.End());
      out.proof = Proof::kSignature;
      return {};
    }
    case der::Context(2, true):
    case der::Context(3, true):
      out.proof = Proof::kOther;
      return {};
    default:
      return Malformed("popo has no known tag");
  }
}

}  // namespace

Result<CertRequest> ReadCertRequest(ByteView body) {
  return Reading([&]() -> Result<CertRequest> {
    DerReader file(body);
    BM_TRY(DerReader messages, file.Enter());
    BM_TRY(DerReader message, messages.Enter());
    if (!messages.AtEnd()) return OneOnly("certificate request");
    CertRequest out;
    BM_TRY(DerElement request, message.Next());
    if (request.tag != der::kSequence) return Malformed("certReq is no SEQUENCE");
    out.request = request.whole;
    DerReader r(request.content);
    BM_TRY(out.id, SignedInteger(r));
    BM_TRY(DerReader wanted, r.Enter());
    BM_TRY(out.wanted, ReadTemplate(wanted));
    if (!r.AtEnd()) {
      BM_TRY(DerReader controls, r.Enter());
      BM_CHECK(ReadControls(controls, out));
    }
    BM_CHECK(r.End());
    if (!message.AtEnd() && !message.NextIs(der::kSequence)) {
      BM_TRY(DerElement proof, message.Next());
      BM_CHECK(ReadProof(proof, out));
    }
    // regInfo has nothing for us.
    if (!message.AtEnd()) BM_CHECK(message.Enter());
    BM_CHECK(message.End());
    // RFC 9483 section 4.1: the one request has the number 0.
    if (out.id != 0) return Refused("cmp.bad-request", "certReqId is not 0");
    return out;
  });
}

Result<CertRevocation> ReadRevocation(ByteView body) {
  return Reading([&]() -> Result<CertRevocation> {
    DerReader file(body);
    BM_TRY(DerReader all, file.Enter());
    BM_TRY(DerReader one, all.Enter());
    if (!all.AtEnd()) return OneOnly("revocation");
    CertRevocation out;
    BM_TRY(DerReader which, one.Enter());
    BM_TRY(out.which, ReadTemplate(which));
    if (!one.AtEnd()) {
      BM_TRY(DerReader extensions, one.Enter());
      while (!extensions.AtEnd()) {
        BM_TRY(DerReader extension, extensions.Enter());
        BM_TRY(ByteView type, extension.Expect(der::kOid));
        if (extension.NextIs(der::kBoolean)) BM_CHECK(extension.Boolean());
        BM_TRY(ByteView value, extension.Expect(der::kOctetString));
        BM_CHECK(extension.End());
        if (!Is(type, oid::kCrlReason)) continue;
        DerReader inner(value);
        BM_TRY(ByteView reason, inner.Expect(kEnumerated));
        BM_CHECK(inner.End());
        // RFC 5280 section 5.3.1: 7 is not used.
        if (reason.size() != 1 || reason[0] > 10 || reason[0] == 7)
          return Malformed("there is no such reason for a revocation");
        out.reason = reason[0];
      }
    }
    BM_CHECK(one.End());
    return out;
  });
}

Result<Confirmation> ReadConfirmation(ByteView body) {
  return Reading([&]() -> Result<Confirmation> {
    DerReader file(body);
    BM_TRY(DerReader all, file.Enter());
    Confirmation out;
    if (all.AtEnd()) {
      out.empty = true;
      out.accepted = false;
      return out;
    }
    BM_TRY(DerReader one, all.Enter());
    if (!all.AtEnd()) return OneOnly("confirmation");
    BM_TRY(out.hash, one.Expect(der::kOctetString));
    BM_TRY(out.id, SignedInteger(one));
    if (one.NextIs(der::kSequence)) {
      BM_TRY(DerReader status, one.Enter());
      BM_TRY(int value, SignedInteger(status));
      if (value < 0 || value > 2) return Malformed("a confirmation neither accepts nor rejects");
      out.accepted = value != static_cast<int>(PkiStatus::kRejection);
    }
    if (one.NextIs(der::Context(0, true))) {
      BM_TRY(DerReader tagged, one.Enter(der::Context(0, true)));
      BM_TRY(DerElement algorithm, tagged.Next());
      BM_CHECK(tagged.End());
      out.hash_algorithm = algorithm.whole;
    }
    BM_CHECK(one.End());
    return out;
  });
}

Result<int> ReadPoll(ByteView body) {
  return Reading([&]() -> Result<int> {
    DerReader file(body);
    BM_TRY(DerReader all, file.Enter());
    BM_TRY(DerReader one, all.Enter());
    if (!all.AtEnd()) return OneOnly("poll");
    BM_TRY(int id, SignedInteger(one));
    BM_CHECK(one.End());
    return id;
  });
}

Result<std::vector<Question>> ReadQuestions(ByteView body) {
  return Reading([&]() -> Result<std::vector<Question>> {
    DerReader file(body);
    BM_TRY(DerReader all, file.Enter());
    std::vector<Question> out;
    while (!all.AtEnd()) {
      if (out.size() == kMaxQuestions) return Malformed("too many questions");
      BM_TRY(DerReader one, all.Enter());
      Question q;
      BM_TRY(q.type, one.Expect(der::kOid));
      if (!one.AtEnd()) {
        BM_TRY(DerElement value, one.Next());
        q.value = value.whole;
      }
      BM_CHECK(one.End());
      out.push_back(q);
    }
    return out;
  });
}

Result<CertFacts> ReadCertFacts(ByteView certificate) {
  DerReader file(certificate);
  BM_TRY(DerReader whole, file.Enter());
  BM_TRY(DerReader tbs, whole.Enter());
  CertFacts f;
  BM_TRY(DerElement algorithm, whole.Next());
  f.signature_algorithm = algorithm.whole;
  if (tbs.NextIs(der::Context(0, true))) BM_CHECK(tbs.Next());
  BM_TRY(ByteView serial, tbs.Unsigned());
  f.serial.assign(serial.begin(), serial.end());
  // signature, issuer, validity.
  for (int i = 0; i < 3; ++i) BM_CHECK(tbs.Next());
  BM_TRY(DerElement subject, tbs.Next());
  f.subject = subject.whole;
  return f;
}

}  // namespace birthmark::enroll::cmp
