// SPDX-License-Identifier: Apache-2.0
// A request as EST looks at it: proof of possession, channel binding, and what a renewal must keep.
// EST-coaps uses the same. Leaves out who may have what (desk). Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "crypto/cert.h"
#include "pki/csr.h"

namespace birthmark::enroll::est {

// Binding is what ties a request to its connection, as the server's side of TLS has it.
struct Binding {
  ByteView tls_unique;    // RFC 5929; empty when there is none
  ByteView tls_exporter;  // RFC 9266; empty when there is none
};

// Asked is what the attributes of a request ask for beside its extensions.
struct Asked {
  std::optional<std::string> challenge;  // challengePassword, RFC 2985 section 5.4.1
  bool encrypted_key =
      false;  // the private key of serverkeygen encrypted for a key of the client's
};

// ReadAsked looks into a request that ReadCsr has read. Errors: csr.malformed.
Result<Asked> ReadAsked(ByteView csr);

// CheckBinding compares a challengePassword with the connection: base64 of tls-unique, or of
// tls-exporter where TLS 1.3 has no tls-unique. No challengePassword is no error: the client did
// not want the proof. Errors: est.binding. Source: RFC 7030 section 3.5, RFC 9266.
Status CheckBinding(const Asked& asked, const Binding& binding);

// CheckSameName refuses a renewal whose subject or subjectAltName are not those of the certificate
// that it renews (RFC 7030 section 4.2.2). A request that names no subjectAltName keeps the old
// one. Errors: est.other-name.
Status CheckSameName(const pki::Csr& csr, const crypto::Certificate& certificate);

}  // namespace birthmark::enroll::est
