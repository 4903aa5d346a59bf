// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "enroll/cmp/protect.h"
#include "enroll/cmp/request.h"
#include "pki/csr.h"
#include "pki/name.h"

namespace birthmark::enroll::cmp {
namespace {

std::unexpected<Error> NotAuthorised(std::string why) {
  return Refused("cmp.not-authorised", std::move(why));
}

std::unexpected<Error> BadPop(std::string why) {
  return Refused("cmp.bad-pop",
                 "the request does not prove possession of its key: " + std::move(why));
}

Result<std::string> SerialIn(ByteView subject) {
  if (subject.empty()) return std::string();
  auto name = pki::Name::FromDer(subject);
  if (!name) return Refused("cmp.bad-template", "the subject is no name: " + name.error().message);
  return name->Find("serialNumber").value_or("");
}

bool SameCertificate(const CertName& n, const crypto::Certificate& c) {
  return std::ranges::equal(n.issuer, c.issuer_der()) && std::ranges::equal(n.serial, c.serial());
}

Result<Ask> FromCsr(const Message& m) {
  auto csr = pki::ReadCsr(m.body);
  if (!csr) {
    const std::string& code = csr.error().code;
    if (code == "csr.signature") return BadPop("its signature does not verify");
    if (code == "csr.key-type" || code == "csr.weak-key")
      return Refused("cmp.bad-template", csr.error().message);
    return Refused("cmp.bad-data-format", csr.error().message);
  }
  Ask ask;
  ask.key = std::move(csr->key);
  ask.proof = "csr-signature";
  ask.serial = csr->subject.Find("serialNumber").value_or("");
  if (!csr->subject.empty()) ask.subject = csr->subject.der();
  ask.as_asked = csr->extensions.empty();
  ask.attestation = std::move(csr->attestation);
  return ask;
}

Status CheckProof(const CertRequest& r, const Caller& caller, Ask& ask) {
  switch (r.proof) {
    case Proof::kNone:
      return BadPop("there is no proof");
    case Proof::kOther:
      return BadPop("only signatures are taken as a proof");
    case Proof::kRaVerified:
      // RFC 9483 section 5.2.1: the word of a registration authority, which a device is not.
      if (caller.kind != Caller::Kind::kStation && caller.kind != Caller::Kind::kPerson)
        return BadPop("raVerified is the word of a station or a person");
      ask.proof = "ra-verified";
      return {};
    case Proof::kSignature:
      break;
  }
  if (auto ok = VerifySignature(r.signature_algorithm, ask.key, r.request, r.signature); !ok)
    return BadPop(ok.error().message);
  ask.proof = "crmf-signature";
  return {};
}

Result<Ask> FromCrmf(const Message& m, const Caller& caller) {
  BM_TRY(CertRequest r, ReadCertRequest(m.body));
  Ask ask;
  BM_TRY(ask.serial, SerialIn(r.wanted.subject));
  ask.subject.assign(r.wanted.subject.begin(), r.wanted.subject.end());
  ask.as_asked = !r.wanted.wishes;
  ask.attestation.assign(r.wanted.attestation.begin(), r.wanted.attestation.end());
  ask.central = r.wanted.spki.empty();
  if (ask.central) {
    // RFC 9483 section 4.1.6: there is no key yet that could be proved.
    if (r.proof != Proof::kNone) return BadPop("a proof without a key");
    ask.proof = "none";
  } else {
    auto key = crypto::PublicKey::FromSpki(r.wanted.spki);
    if (!key) return Refused("cmp.bad-template", key.error().message, key.error().fix);
    ask.key = std::move(*key);
    BM_CHECK(CheckProof(r, caller, ask));
  }
  if (m.type != Body::kKur) return ask;

  ask.renewal = true;
  switch (caller.kind) {
    case Caller::Kind::kStation:
    case Caller::Kind::kPerson:
      return ask;  // the desk knows what the role allows
    case Caller::Kind::kDevice:
      break;
    default:
      // RFC 9483 section 4.1.3: the certificate that is updated protects the request.
      return NotAuthorised("a key update is protected by the certificate that is updated");
  }
  if (!caller.certificate) return NotAuthorised("a device without its certificate");
  if (r.old && !SameCertificate(*r.old, *caller.certificate))
    return NotAuthorised("a device updates its own certificate and no other");
  const std::string own = caller.certificate->subject_serial_number().value_or("");
  if (ask.serial.empty()) ask.serial = own;
  if (ask.serial != own) return NotAuthorised("a device updates its own identity and no other");
  return ask;
}

}  // namespace

Result<Ask> ReadAsk(const Message& m, const Caller& caller) {
  BM_TRY(Ask ask, m.type == Body::kP10cr ? FromCsr(m) : FromCrmf(m, caller));
  ask.type = m.type;
  if (!m.header.profile || *m.header.profile == ask.slot) return ask;
  ask.bare_key = *m.header.profile == kBareKeyProfile && ask.central;
  if (!ask.bare_key) {
    return Refused(
        "cmp.unaccepted-policy",
        fmt::format("there is no such certificate profile; \"{}\" is offered, and \"{}\" "
                    "where the key is made here",
                    ask.slot, kBareKeyProfile));
  }
  return ask;
}

Result<Revocation> ReadRevoke(const Message& m, const Caller& caller, const std::string& product) {
  BM_TRY(CertRevocation r, ReadRevocation(m.body));
  Revocation out;
  out.product = product;
  out.via = "cmp";
  out.caller = caller;
  out.reason = r.reason;
  CertName which{r.which.issuer, r.which.serial};
  const bool device = caller.kind == Caller::Kind::kDevice && caller.certificate.has_value();
  // RFC 4210 section 5.3.9 lets a template name a certificate by its key. We take that from the
  // holder, who has just proved the key.
  if (which.serial.empty() && device && caller.certificate->public_key() &&
      std::ranges::equal(r.which.spki, caller.certificate->public_key()->spki())) {
    which = {caller.certificate->issuer_der(), caller.certificate->serial()};
  }
  if (which.serial.empty() || which.issuer.empty()) {
    return Refused("cmp.bad-cert-id", "the certificate is not named by issuer and serial number");
  }
  switch (caller.kind) {
    case Caller::Kind::kDevice:
      if (!device || !SameCertificate(which, *caller.certificate))
        return NotAuthorised("a device revokes its own certificate and no other");
      break;
    case Caller::Kind::kStation:
    case Caller::Kind::kPerson:
      break;  // the desk knows what the role allows
    default:
      return NotAuthorised("a token is for enrolling; it revokes nothing");
  }
  auto issuer = pki::Name::FromDer(which.issuer);
  if (!issuer) return Refused("cmp.bad-cert-id", "the issuer is no name");
  out.issuer = issuer->ToText();
  out.serial.assign(which.serial.begin(), which.serial.end());
  return out;
}

Result<bool> CheckConfirmation(ByteView body, int id, ByteView certificate) {
  BM_TRY(Confirmation c, ReadConfirmation(body));
  if (c.empty) return false;
  // Clients number the certificate of p10cr 0 or -1.
  if (c.id != id && !(id == -1 && c.id == 0))
    return Refused("cmp.bad-request", "certReqId is not the one that was answered");
  BM_TRY(CertFacts facts, ReadCertFacts(certificate));
  BM_TRY(Bytes hash, CertHash(certificate, facts.signature_algorithm, c.hash_algorithm));
  // RFC 9810 section 5.3.18.
  if (!std::ranges::equal(hash, c.hash))
    return Refused("cmp.bad-cert-id", "certHash is not that of the certificate that was issued");
  return c.accepted;
}

}  // namespace birthmark::enroll::cmp
