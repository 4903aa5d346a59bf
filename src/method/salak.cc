// SPDX-License-Identifier: Apache-2.0
#include "method/salak.h"

#include <algorithm>

#include "attest/chain.h"
#include "attest/credential.h"
#include "attest/verify.h"
#include "crypto/digest.h"
#include "method/request.h"

namespace birthmark::method {
namespace {

using Policy = SalakTerms::Attestation;

ledger::ReadBack CertificateRead(std::string what, ByteView found, const Certified& meant) {
  Digest d = crypto::Sha256(found);
  return {.what = std::move(what),
          .equal = d == meant.certificate.digest(),
          .found = d,
          .meant = meant.certificate.digest()};
}

class Work {
 public:
  Work(link::DeviceConsole& device, Desk& desk, const Job& job, const SalakTerms& terms, Rng& rng)
      : device_(device), desk_(desk), job_(job), terms_(terms), rng_(rng) {}

  Result<Outcome> Run() {
    BM_TRY(std::optional<Certified> live, desk_.Live(job_.unit, job_.slot));
    if (live && live->state != "issued") {
      BM_TRY(std::vector<Bytes> held, device_.GetCertificate(job_.slot));
      BM_TRY(Bytes leaf, device_.CertificateInElement(job_.slot));
      if (held == live->chain && leaf == live->chain.front())
        return Told(held.front(), leaf, *live, "key and certificate found in the element");
    }
    BM_TRY(about_, device_.Element());
    if (!terms_.kind.empty() && about_.kind != terms_.kind) {
      return Refused("salak.element",
                     fmt::format("{}: its element is of kind {}, the plan's store of kind {}",
                                 job_.unit, about_.kind, terms_.kind),
                     "check the board, or the plan's store");
    }
    const bool asked = about_.kind == "tpm2" && terms_.attestation != Policy::kForbidden;
    if (asked) BM_CHECK(ActivateAttestationKey());
    BM_TRY(link::SlotInfo slot, device_.MakeInElement(job_.slot));
    Bytes challenge(32), nonce(32);
    rng_.Fill(challenge);
    rng_.Fill(nonce);
    BM_TRY(link::CsrAnswer answer,
           device_.Csr(job_.slot, job_.subject, challenge, asked ? ByteView(nonce) : ByteView()));
    BM_TRY(pki::Csr request, CheckRequest(answer, challenge, slot, job_, "salak"));
    BM_TRY(std::optional<Evidence> evidence, EvidenceOf(request, nonce));
    std::string said = evidence ? evidence->kind : "no statement about the key";
    BM_TRY(Certified certified, desk_.Issue({.job = job_,
                                             .key = request.key,
                                             .method = terms_.method,
                                             .proof = "csr-signature",
                                             .evidence = std::move(evidence)}));
    BM_TRY(link::SlotInfo stored, device_.PutCertificate(job_.slot, certified.chain));
    BM_TRY(std::vector<Bytes> back, device_.GetCertificate(job_.slot));
    BM_TRY(Bytes leaf, device_.CertificateInElement(job_.slot));
    if (!stored.certificate || back != certified.chain || leaf != certified.chain.front()) {
      return Refused("salak.read-back",
                     job_.unit + ": the element does not hold the certificate it was given",
                     "retry the unit; scrap it if this comes back");
    }
    if (certified.state == "issued") {
      BM_CHECK(
          desk_.SetState(job_, certified.certificate, "installed", "read back from the element"));
    }
    return Told(back.front(), leaf, certified,
                fmt::format("key in {} {} {}, generation {}; {}", about_.kind, about_.manufacturer,
                            about_.model, slot.generation, said));
  }

 private:
  Result<Outcome> Told(ByteView device_has, ByteView element_has, const Certified& meant,
                       std::string detail) const {
    Outcome out{.proof = "read-back", .detail = std::move(detail), .read_backs = {}};
    out.read_backs.push_back(CertificateRead("certificate:" + job_.slot, device_has, meant));
    out.read_backs.push_back(
        CertificateRead("certificate:" + job_.slot + ":element", element_has, meant));
    return out;
  }

  // ActivateAttestationKey proves that the TPM with this endorsement certificate holds the
  // attestation key: it opens a secret that was sealed to both. Source: TPM 2.0 Part 1 section 24.
  Status ActivateAttestationKey() {
    if (about_.certificates.empty()) {
      if (terms_.attestation != Policy::kRequired) return {};
      return Refused("salak.evidence-missing",
                     job_.unit + ": its TPM holds no endorsement certificate",
                     "ask the part's maker for it; or let attestation be optional in the plan");
    }
    BM_TRY(crypto::Certificate ek, crypto::Certificate::FromDer(about_.certificates.front()));
    // Out of the certificate, not of what the device calls its EK: only then does the TPM's answer
    // say anything about the certificate.
    BM_TRY(attest::EndorsementKey key, attest::EndorsementKeyOf(attest::SpkiOf(ek)));
    BM_TRY(attest::TpmPublic ak, attest::ReadPublic(about_.ak_public));
    Bytes octets(32);
    rng_.Fill(octets);
    SecretBytes secret = SecretBytes::Take(std::move(octets));
    BM_TRY(attest::Credential sealed, attest::MakeCredential(key, ak.Name(), secret));
    Result<SecretBytes> opened = device_.Activate(sealed.id_object, sealed.secret);
    if (!opened && !link::IsRefusal(opened.error())) return std::unexpected(opened.error());
    if (!opened || !(*opened == secret)) {
      return Refused("salak.activation",
                     job_.unit +
                         ": its TPM does not open a credential for its endorsement certificate and "
                         "attestation key",
                     "scrap the unit: certificate and TPM do not belong together");
    }
    activated_.push_back({.ek = attest::EkDigestOf(ek), .ak_name = ak.Name()});
    return {};
  }

  Result<std::optional<Evidence>> EvidenceOf(const pki::Csr& request, const Bytes& nonce) {
    const Bytes& bundle = request.attestation;
    if (!bundle.empty() && terms_.attestation == Policy::kForbidden) {
      return Refused("salak.evidence-forbidden",
                     job_.unit + ": its request carries evidence, which the plan forbids",
                     "evidence names the part's maker and its EK: use a device that sends none, or "
                     "let attestation be optional");
    }
    // A part that nobody can hold to its word: with no endorsement certificate there is nothing
    // that the statement could be led back to.
    const bool checked = !bundle.empty() && !activated_.empty();
    if (!checked && terms_.attestation == Policy::kRequired) {
      return Refused("salak.evidence-missing",
                     fmt::format("{}: its {} element gives no signed statement about the key",
                                 job_.unit, about_.kind),
                     "use a part that attests, or let attestation be optional in the plan");
    }
    if (checked) {
      BM_TRY(
          attest::Verdict verdict,
          attest::VerifyBundle(
              bundle, request.key.spki(),
              {.roots = terms_.roots, .at = desk_.Now(), .nonce = nonce, .activated = activated_}));
      Evidence out{.kind = verdict.kind,
                   .facts = {},
                   .nonce = nonce,
                   .root = verdict.root,
                   .statement = bundle,
                   .policies = verdict.policies};
      for (attest::Fact& f : verdict.facts) out.facts.push_back({std::move(f.name), f.value});
      return out;
    }
    if (terms_.attestation == Policy::kForbidden) return std::nullopt;
    BM_TRY(auto facts, device_.ElementFacts(job_.slot));
    Evidence out{.kind = about_.kind + "-attributes",
                 .facts = {},
                 .nonce = std::nullopt,
                 .root = std::nullopt,
                 .statement = std::nullopt};
    for (auto& [name, value] : facts) out.facts.push_back({name, value});
    return out;
  }

  link::DeviceConsole& device_;
  Desk& desk_;
  const Job& job_;
  const SalakTerms& terms_;
  Rng& rng_;
  link::ElementInfo about_;
  std::vector<attest::Activation> activated_;
};

}  // namespace

Result<Outcome> ProvisionSalak(link::DeviceConsole& device, Desk& desk, const Job& job,
                               const SalakTerms& terms, Rng& rng) {
  return Work(device, desk, job, terms, rng).Run();
}

}  // namespace birthmark::method
