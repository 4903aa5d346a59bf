// SPDX-License-Identifier: Apache-2.0
// One certificate, request or public key in DER, cut into what an audit wants of it. Signatures are
// not checked: a key is looked at whoever sent it. Pure functions; thread-safe.
#pragma once

#include "audit/intake.h"

namespace birthmark::audit {

inline constexpr size_t kMaxName = 200;

// DocumentKind as told by the outermost elements; kRsa is an RSAPublicKey (RFC 8017 appendix A.1.1)
// of 512 bits and more.
enum class DocumentKind { kNone, kSigned, kSpki, kRsa };

DocumentKind LooksLike(ByteView der);

struct Document {
  std::string name;  // the subject's serialNumber, else its commonName, else empty
  Bytes spki;
  std::optional<SeenSignature> signature;
};

// ReadDocument reads a certificate (RFC 5280), a request (RFC 2986) or a bare key. Errors:
// audit.unreadable.
Result<Document> ReadDocument(ByteView der);

// RsaSpki wraps a modulus and an exponent (RFC 8017 appendix A.1.1, RFC 3279 section 2.3.1).
Bytes RsaSpki(ByteView modulus, ByteView exponent);

}  // namespace birthmark::audit
