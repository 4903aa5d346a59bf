// SPDX-License-Identifier: Apache-2.0
// Attestation verified without a TPM: a signature of a restricted key inside a TPM, over the name
// of the key that asks for a certificate, led back to a maker's root. Believes nothing it has not
// checked; what cannot be checked from the evidence is a fact with value false. Thread-safe.
// docs/attestation.md says what all this proves.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attest/bundle.h"
#include "attest/tpm.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"

namespace birthmark::attest {

// Evidence is one statement about one key, with the certificates that came along.
struct Evidence {
  TpmStatement statement;
  std::optional<TcgCsr> tcg;  // then `statement` is its signing part
  std::vector<crypto::Certificate> certs;
};
// EvidenceFrom picks the first statement of a kind that is understood. Errors: attest.kind,
// attest.malformed, those of the decoders.
Result<Evidence> EvidenceFrom(const Bundle& b);
Result<Evidence> EvidenceFrom(const TcgCsr& c);

// AkBinding says why the attestation key is believed to be in the maker's TPM.
enum class AkBinding {
  kNone,         // nothing says so: the EK and the AK only travel together
  kCertificate,  // a certificate for the AK leads to a vendor root
  kActivated,    // the TPM with the EK opened a credential for it (credential.h)
};
std::string_view ToText(AkBinding b);  // "none", "certificate", "activated"

// Activation is a credential that was opened: the TPM with this EK holds the key of this name.
struct Activation {
  Digest ek{};  // SHA-256 of the EK's SubjectPublicKeyInfo, as its certificate has it
  Bytes ak_name;
};

// kIdentityAttributes are those of a key that was made inside and can never leave.
inline constexpr uint32_t kIdentityAttributes =
    object::kFixedTpm | object::kFixedParent | object::kSensitiveDataOrigin | object::kSign;

struct VerifyOptions {
  std::span<const crypto::Certificate> roots;  // pinned; empty refuses everything
  Time at;
  // nonce is what the evidence must hold; absent: no protocol gave one, and the fact "fresh" is
  // false.
  std::optional<Bytes> nonce;
  std::vector<Activation> activated;
  // needed are the bits that the key must have (attest.attributes). 0 takes facts as they are.
  uint32_t needed = kIdentityAttributes;
  // need_binding refuses AkBinding::kNone (attest.not-bound). A desk always needs it; a reader of a
  // file may look without.
  bool need_binding = true;
};

// Covered is what one signature vouches for.
struct Covered {
  std::string signer;  // "attestation key", "vendor certificate CN=…"
  std::string what;
};

// Verdict is evidence that holds.
struct Verdict {
  std::string kind;         // "tpm2-certify", "tpm2-certify-creation", "tcg-csr-idevid"
  Digest key{};             // SHA-256 of the SubjectPublicKeyInfo
  Bytes key_name, ak_name;  // ak_name is empty when only the AK's certificate is known
  AkBinding binding = AkBinding::kNone;
  // facts: all TPMA_OBJECT bits of the key by name; "primaryKey" where creation data says;
  // "fresh" (the nonce was ours), "akBound".
  std::vector<Fact> facts;
  std::optional<Digest> root;              // SHA-256 of the vendor root
  std::vector<crypto::Certificate> chain;  // EK or AK certificate up to the root
  Bytes nonce;                             // what the evidence holds
  uint64_t firmware = 0;
  std::vector<Covered> covers;
  std::string product_model, product_serial;  // of a TCG_CSR_IDEVID
  // policies are the TCG's certificate policies that the verdict allows in a certificate.
  std::vector<std::string> policies;
};

// Verify checks the evidence for the key `spki` (DER; empty: whatever key the evidence is about).
// Errors, all naming the element at fault: attest.malformed, attest.tampered, attest.signature,
// attest.name, attest.key-differs, attest.attributes, attest.not-restricted, attest.nonce,
// attest.creation, attest.unknown-root, attest.chain, attest.not-bound.
Result<Verdict> Verify(const Evidence& e, ByteView spki, const VerifyOptions& options);
// CheckAttestationKey refuses a key that could sign anything: it must be a restricted signing key
// that its TPM made and keeps. Errors: attest.not-restricted.
Status CheckAttestationKey(const TpmPublic& ak);
// EkDigestOf is the Activation::ek of a certificate.
Digest EkDigestOf(const crypto::Certificate& c);
// VerifyBundle decodes and verifies.
Result<Verdict> VerifyBundle(ByteView bundle, ByteView spki, const VerifyOptions& options);

}  // namespace birthmark::attest
