// SPDX-License-Identifier: Apache-2.0
// What the keys in a TPM are made like. Private to this folder. Pure functions.
#pragma once

#include <tss2/tss2_tpm2_types.h>

namespace birthmark::element::tpm {

// SigningKey is a P-256 key that never leaves its TPM; a `restricted` one signs only what the TPM
// itself has made.
TPM2B_PUBLIC SigningKey(bool restricted);
// StorageRootTemplate is a P-256 storage root key that anybody on the device may use.
TPM2B_PUBLIC StorageRootTemplate();
// EkTemplate is L-1 (RSA-2048) or L-2 (P-256) of the TCG EK Credential Profile, annex B.
TPM2B_PUBLIC EkTemplate(bool rsa);

}  // namespace birthmark::element::tpm
