// SPDX-License-Identifier: Apache-2.0
// PKCS #10 requests (RFC 2986): reading those of devices and stations, making those of authorities.
// A request that is read has proven possession of its key; nothing else in it is believed.
// Free functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "crypto/key.h"
#include "pki/name.h"

namespace birthmark::pki {

inline constexpr size_t kMaxCsrBytes = 16 * 1024;

// Csr is a request whose signature was checked.
struct Csr {
  crypto::PublicKey key;
  Name subject;
  Bytes extensions;   // the value of extensionRequest, an Extensions SEQUENCE; empty when absent
  Bytes attestation;  // the value of id-aa-attestation, an AttestationBundle; empty when absent
  Bytes der;
};

// ReadCsr reads DER strictly and checks the signature. ECDSA P-256 with SHA-256 takes the fast
// walk, the other algorithms of crypto::Algorithm go through OpenSSL. Errors: csr.too-large,
// csr.malformed, csr.key-type, csr.weak-key, csr.signature.
Result<Csr> ReadCsr(ByteView der);
// ReadCsrPem reads the first CERTIFICATE REQUEST block of a PEM text. Errors: csr.malformed and
// ReadCsr's.
Result<Csr> ReadCsrPem(std::string_view pem);

// AuthorityRequest is what a request for a subordinate asks for.
struct AuthorityRequest {
  std::optional<int> path_len;
};

// BuildCsr makes a signed request. With `authority`, extensionRequest asks for what an authority's
// certificate carries (basicConstraints, keyUsage, subjectKeyIdentifier), so that an external
// root's tool can copy it. Errors: those of the Signer.
Result<Bytes> BuildCsr(const Name& subject, crypto::Signer& signer,
                       const std::optional<AuthorityRequest>& authority = {});

// ReadAuthorityRequest reads basicConstraints out of a request's extensions; nullopt when the
// request does not ask to become an authority. Errors: csr.malformed.
Result<std::optional<AuthorityRequest>> ReadAuthorityRequest(const Csr& csr);

}  // namespace birthmark::pki
