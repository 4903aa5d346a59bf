// SPDX-License-Identifier: Apache-2.0
// What EST puts on the wire: certs-only CMS, base64 bodies, the multipart answer of serverkeygen.
// EST-coaps uses the same without base64. Leaves out HTTP (est.h). Pure functions; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/cert.h"

namespace birthmark::enroll::est {

// CertsOnly is a degenerate SignedData that carries certificates (DER) and nothing else, in the
// order given. Source: RFC 5272 section 4.1, RFC 5652 section 5.
Bytes CertsOnly(std::span<const ByteView> certificates);

// ReadCertsOnly reads one back. Errors: est.certs-only and those of Certificate::FromDer.
Result<std::vector<crypto::Certificate>> ReadCertsOnly(ByteView der);

// ToBody is base64 on one unbroken line with a newline at its end, which every known client takes:
// some do not skip line breaks inside, one needs the last one.
Bytes ToBody(ByteView der);

// FromBody reads base64 with any white space in it (RFC 8951 section 3.1), or a PEM block. A
// Content-Transfer-Encoding header has no say. Errors: est.body.
Result<Bytes> FromBody(ByteView body);

// KeyAndCertificate is the body of a serverkeygen answer (RFC 7030 section 4.4.2): the private key
// and the certificate, in the clear. The buffers on the way are wiped; the caller wipes this one.
Bytes KeyAndCertificate(const SecretBytes& pkcs8, ByteView certs_only);
inline constexpr std::string_view kKeyAndCertificateType =
    "multipart/mixed; boundary=birthmark-server-generated-key";

}  // namespace birthmark::enroll::est
