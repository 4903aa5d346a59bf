// SPDX-License-Identifier: Apache-2.0
// MakeCredential without a TPM: a secret that only the TPM with this endorsement key opens, and
// only while the key of this name is loaded in it. That is what binds an attestation key to an EK
// certificate. Pure functions; thread-safe.
// Source: TPM 2.0 Library, Part 1, section 24 and annexes B.10.4, C.6.4.
#pragma once

#include "attest/tpm.h"
#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::attest {

// EndorsementKey is an EK's public half with what its template says of protecting a credential.
struct EndorsementKey {
  Bytes spki;
  uint16_t name_alg = alg::kSha256;
  uint16_t aes_bits = 128;
};
// EndorsementKeyOf takes the parameters of the TCG's EK templates for this kind of key: RSA-2048
// and P-256 with SHA-256 and AES-128; RSA-3072, RSA-4096 and P-384 with SHA-384 and AES-256. It
// takes SubjectPublicKeyInfos with id-RSAES-OAEP too, as some makers' EK certificates have them.
// Errors: tpm.key.
Result<EndorsementKey> EndorsementKeyOf(ByteView spki);
// EndorsementKeyOf takes the parameters out of the EK's own public area.
Result<EndorsementKey> EndorsementKeyOf(const TpmPublic& ek);

// Credential is what goes to the TPM for TPM2_ActivateCredential.
struct Credential {
  Bytes id_object;  // TPM2B_ID_OBJECT without its size
  Bytes secret;     // TPM2B_ENCRYPTED_SECRET without its size
  // ToFile is the form of tpm2_makecredential and tpm2_activatecredential.
  Bytes ToFile() const;
};
// MakeCredential wraps `secret` (at most the digest size of the EK's nameAlg) for the key with
// `name`. Errors: tpm.key, tpm.value, attest.crypto.
Result<Credential> MakeCredential(const EndorsementKey& ek, ByteView name,
                                  const SecretBytes& secret);

// Kdfa and Kdfe are the TPM's key derivations. Part 1 sections 11.4.10.2 and 11.4.10.3.
Result<SecretBytes> Kdfa(uint16_t hash_alg, const SecretBytes& key, std::string_view label,
                         ByteView context_u, ByteView context_v, uint32_t bits);
Result<SecretBytes> Kdfe(uint16_t hash_alg, const SecretBytes& z, std::string_view label,
                         ByteView party_u, ByteView party_v, uint32_t bits);

}  // namespace birthmark::attest
