// SPDX-License-Identifier: Apache-2.0
// What a desk asks of attestation: whether a slot's plan wants it, and whether it holds.
#include "app/enrol_desk_state.h"
#include "attest/event.h"
#include "crypto/cert.h"

namespace birthmark::app {
namespace {

// Who a nonce is given to, so that nobody uses another's.
std::string WhoAsks(const enroll::Caller& c) {
  return std::to_string(static_cast<int>(c.kind)) + ":" + c.id;
}

// The protocols know what "not authorised" is; the log gets the reason with it.
std::unexpected<Error> NotAttested(const Error& e) {
  return Refused("enroll.not-authorised", e.code + ": " + e.message, e.fix);
}

}  // namespace

Status EnrolDesk::CheckAttestation(const enroll::Enrolment& e, const Product& product,
                                   Permit& permit) {
  const plan::IdentitySlot* slot = SlotNamed(product.plan, e.slot);
  if (e.attestation.empty()) {
    if (slot->attestation != plan::Attestation::kRequired) return {};
    return NotAttested({ErrorKind::kNegative, "attest.required",
                        "the plan wants proof of where this key was made, and none came",
                        "put an attestation into the request: docs/attestation.md"});
  }
  if (slot->attestation == plan::Attestation::kForbidden) {
    return NotAttested({ErrorKind::kNegative, "attest.forbidden",
                        "the plan wants no attestation for this slot",
                        "send the request without it"});
  }
  auto roots = product.vendor_roots.find(e.slot);
  const bool none = roots == product.vendor_roots.end() || roots->second.empty();
  // Without a root there is nothing it could be checked against; nothing is said about it then.
  if (none && slot->attestation == plan::Attestation::kOptional) return {};
  // A client that lost the reply sends the same evidence again: it was checked, its nonce is used.
  BM_TRY(bool again, IssuedBefore(permit.unit, e));
  if (again) return {};

  auto verdict = [&]() -> Result<attest::Verdict> {
    BM_TRY(attest::Bundle bundle, attest::DecodeBundle(e.attestation));
    BM_TRY(attest::Evidence evidence, attest::EvidenceFrom(bundle));
    attest::VerifyOptions options{.at = s_.clock.Now()};
    if (!none) options.roots = roots->second;
    if (slot->attestation == plan::Attestation::kOptional) options.needed = 0;
    // Whatever does not read here is refused by Verify, which says what it is.
    if (auto attest = attest::ReadAttest(evidence.statement.attest);
        attest && !attest->extra.empty()) {
      BM_TRY(attest::Challenges::Answer answer, challenges_.Take(WhoAsks(e.caller), attest->extra));
      if (answer.ours) options.nonce = attest->extra;
      if (answer.activation) options.activated.push_back(*answer.activation);
    }
    return attest::Verify(evidence, e.key.spki(), options);
  }();
  if (!verdict) return NotAttested(verdict.error());
  permit.attested = attest::EventOf(*verdict, permit.unit, e.slot, e.attestation);
  permit.policies = verdict->policies;
  return {};
}

Result<enroll::GivenNonce> EnrolDesk::AttestationNonce(const enroll::NonceRequest& request) {
  if (request.caller.kind == enroll::Caller::Kind::kNobody)
    return NotAuthorised("no certificate and no token was shown");
  BM_CHECK(ProductOf(request.product));
  const std::string who = WhoAsks(request.caller);
  enroll::GivenNonce out{
      .seconds =
          std::chrono::duration_cast<std::chrono::seconds>(attest::Challenges::kLife).count()};
  auto refused = [](const Error& e) {
    return Refused(e.code == "attest.busy" ? "enroll.wait" : "enroll.bad-request",
                   e.code + ": " + e.message, e.fix);
  };
  if (request.ek_certificate.empty()) {
    auto nonce = challenges_.Nonce(who);
    if (!nonce) return refused(nonce.error());
    out.nonce = std::move(*nonce);
    return out;
  }
  auto credential = [&]() -> Result<attest::Credential> {
    BM_TRY(crypto::Certificate ek, crypto::Certificate::FromDer(request.ek_certificate));
    BM_TRY(attest::TpmPublic ak, attest::ReadSizedPublic(request.ak_public));
    return challenges_.ForTpm(who, ek, ak);
  }();
  if (!credential) return refused(credential.error());
  out.credential = credential->ToFile();
  return out;
}

}  // namespace birthmark::app
