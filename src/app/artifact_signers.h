// SPDX-License-Identifier: Apache-2.0
// Who signs under an anchor besides the workspace's own key: a signer in each of the plan's time
// zones, and those certified on a request of their own, whose keys are elsewhere. Also what the
// locks of a PKI's anchors ask of all of them. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/making.h"
#include "custody/share.h"
#include "ledger/events_artifact.h"

namespace birthmark::app {

// SignerTerms is what every signer of a PKI gets because an anchor's lock asks for it.
struct SignerTerms {
  std::vector<std::string> uses;      // extended key usages; empty: the profile's own
  std::vector<std::string> policies;  // certificate policies
};
SignerTerms TermsOfSigner(const plan::Plan& plan, const plan::Pki& pki);
// NameOfSigner is the commonName of the signer with a number: with its time zone, where it has one.
std::string NameOfSigner(const plan::Pki& pki, size_t number);

// SignerKeyId is "PKI-ee" for the workspace's own and "PKI-ee-2" for the second.
std::string SignerKeyId(const plan::Pki& pki, size_t number);
// ZoneFolder is where a rehearsal puts a zone's key and passphrase, to be carried there.
fs::path ZoneFolder(const Layout& layout, const std::string& pki, const std::string& zone);

// MakeZoneSigners makes the signers of all zones but the first, each with a key store and a
// passphrase of its own, and adds their events.
Status MakeZoneSigners(Making& m, const plan::Pki& pki, const std::vector<Authority>& authorities,
                       const pki::Profile& profile);

// AdmittedSigners reads the signers beside the workspace's own, the oldest first.
Result<std::vector<ledger::SignerAdmitted>> AdmittedSigners(ledger::LogReader& reader);

// SignerRequest asks for a signer's certificate.
struct SignerRequest {
  fs::path workspace;
  std::string product, as, anchor;
  std::string zone;  // a seat of the plan's time-zones; empty: none
  std::string name;  // commonName; empty: the plan's, with the zone
  fs::path csr;      // or, for a threshold key:
  std::optional<fs::path> set, round;
  std::vector<fs::path> vendor_roots;  // of the makers whose modules may hold the key
  bool dry_run = false;
};
struct AdmittedSigner {
  ledger::SignerAdmitted signer;
  std::string pem;    // its chain
  std::string waits;  // what has to happen first; empty: it is certified
};
// AdmitSigner certifies a signer. Errors: artifact.anchor (none of ours), artifact.zone,
// artifact.signer-exists, artifact.proof-required and artifact.proof (the plan wants proof that the
// key is in hardware), those of pki::ReadCsr and attest::VerifyBundle.
Result<AdmittedSigner> AdmitSigner(const SignerRequest& request, const KeySource& keys,
                                   const Clock& clock);

// ChallengeSigner gives a credential for the TPM with this endorsement key's certificate; the nonce
// inside, in the evidence of a later request, proves that the attestation key is in that TPM.
// Errors: those of attest::CheckAttestationKey and attest::MakeCredential.
Result<Bytes> ChallengeSigner(const fs::path& workspace, const std::string& as, const fs::path& ek,
                              const fs::path& ak, const KeySource& keys, const Clock& clock);

// PkiBehind is the plan's PKI behind an anchor of ours. Errors: artifact.anchor.
Result<const plan::Pki*> PkiBehind(const plan::Plan& plan, const std::string& anchor);

}  // namespace birthmark::app
