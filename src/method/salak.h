// SPDX-License-Identifier: Apache-2.0
// Salak (draft 4.1.1.4): a secure element makes the key on the device's order, signs the request
// and keeps the certificate. What a TPM says about the key is verified before anything is
// certified: its endorsement certificate leads to a pinned root, its attestation key opened a
// credential that only this TPM opens, and its statement is over this station's nonce. A part that
// signs no statements (PKCS#11) leaves its own words, kept as facts. The same for a firmware TPM,
// whose key the draft files under avocado. One thread.
#pragma once

#include "base/ids.h"
#include "crypto/cert.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// SalakTerms is what the plan says of the slot.
struct SalakTerms {
  enum class Attestation { kOptional, kRequired, kForbidden };
  Attestation attestation = Attestation::kOptional;
  std::vector<crypto::Certificate> roots;  // of the makers whose parts may attest
  std::string method = "salak";            // "avocado" for a TPM that is the processor's firmware
  std::string kind = "";                   // "tpm2" or "pkcs11" that must be there; empty: either
};

// ProvisionSalak brings a slot to "key in the element, certificate stored there and in the device,
// read back". It may be called again after any interruption. Errors: salak.other-key,
// salak.other-unit, salak.proof, salak.activation (the attestation key is not in the TPM of that
// endorsement certificate), salak.evidence-missing, salak.evidence-forbidden, salak.read-back,
// salak.element (another kind of part); those of attest::Verify, of the link and of the desk.
Result<Outcome> ProvisionSalak(link::DeviceConsole& device, Desk& desk, const Job& job,
                               const SalakTerms& terms, Rng& rng);

}  // namespace birthmark::method
