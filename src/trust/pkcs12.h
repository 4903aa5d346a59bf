// SPDX-License-Identifier: Apache-2.0
// PKCS #12 files of certificates alone, as Java's trust stores are since version 9. Certificates
// with a private key beside them are somebody's identity and no anchor; keys are never opened.
// Leaves out making encrypted files: anchors are public, a password only keeps them whole.
// Pure; thread-safe. Source: RFC 7292.
#pragma once

#include <optional>

#include "trust/store.h"

namespace birthmark::trust {

// LooksLikePkcs12 is true for a PFX of version 3.
bool LooksLikePkcs12(ByteView data);

// ReadPkcs12 reads the certificates. Without a password it tries none, the empty one and
// "changeit", which is Java's own. Iterations are bounded.
// Errors: trust.pkcs12-malformed, trust.pkcs12-password, trust.too-large.
// Findings: trust.private-key, trust.pkcs12-cipher (a part in a cipher that is not supported),
// trust.certificate-malformed, trust.not-checked (integrity needs the password).
Result<Store> ReadPkcs12(ByteView data, const SecretBytes* password = nullptr);

// WritePkcs12 writes the certificates in the clear, with friendlyName and Java's attribute that
// makes them trustedCertEntry; with a password under its MAC. Errors: trust.cannot-carry,
// key.encode.
Result<Bytes> WritePkcs12(const std::vector<TrustAnchor>& anchors,
                          const SecretBytes* password = nullptr);

}  // namespace birthmark::trust
