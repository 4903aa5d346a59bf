// SPDX-License-Identifier: Apache-2.0
// What a pkiMessage's envelope holds (RFC 8894 section 3.3): a PKCS #10 request with its
// challengePassword, and the names that a poll gives. Free functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "enroll/scep/message.h"
#include "pki/csr.h"

namespace birthmark::enroll::scep {

// CertRequest is a request whose signature was checked.
struct CertRequest {
  pki::Csr csr;        // without its octets: they have the challenge in them
  std::string serial;  // subject serialNumber; may be empty
  std::optional<SecretBytes> challenge;
};

// ReadCertRequest reads the PKCS #10 of PKCSReq and RenewalReq. `why` says what a client is told
// when there is none.
std::optional<CertRequest> ReadCertRequest(const SecretBytes& der, Failure& why);

// SplitToken cuts a challenge "ID:SECRET" at its first colon; nothing when there is none, or one
// half is empty.
struct TokenProof {
  std::string id;
  SecretBytes secret;
};
std::optional<TokenProof> SplitToken(const SecretBytes& challenge);

// ReadPolledSubject gives the subject of an IssuerAndSubject (RFC 8894 section 3.3.3), a DER Name.
// Errors: scep.malformed.
Result<Bytes> ReadPolledSubject(ByteView der);

}  // namespace birthmark::enroll::scep
