// SPDX-License-Identifier: Apache-2.0
// What a TPM calls each algorithm: templates of authorities' keys, their public areas as keys of
// X.509, signatures as certificates carry them. Private to this folder. Pure functions.
#pragma once

#include <tss2/tss2_tpm2_types.h>

#include <optional>

#include "crypto/key.h"

namespace birthmark::keystore::tpm2 {

// SigningTemplate is a key that never leaves its TPM, signs what it is told, and whose
// authorisation is protected against guessing. Nothing: TPMs of this interface make no such keys.
std::optional<TPM2B_PUBLIC> SigningTemplate(crypto::Algorithm a);
// RootTemplate is the P-256 storage root key that keys are wrapped by.
TPM2B_PUBLIC RootTemplate();

// KeyOf gives the public key of a public area. Errors: keystore.corrupt.
Result<crypto::PublicKey> KeyOf(const TPMT_PUBLIC& area);
// DigestOf hashes a message as the key's scheme says.
TPM2B_DIGEST DigestOf(crypto::Algorithm a, ByteView message);
// FromTpm gives the form that certificates carry. Errors: element.failed.
Result<Bytes> FromTpm(crypto::Algorithm a, const TPMT_SIGNATURE& signature);

}  // namespace birthmark::keystore::tpm2
