// SPDX-License-Identifier: Apache-2.0
// PEM bundles of anchors: CERTIFICATE, OpenSSL's TRUSTED CERTIFICATE (a certificate with what it is
// trusted and refused for) and PUBLIC KEY blocks. Pure; thread-safe.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

// ReadPemStore reads every block that is an anchor. Errors: trust.pem-malformed, trust.too-large.
// Findings: trust.certificate-malformed, trust.key-malformed, trust.private-key (a private key
// stands among the anchors; it is not read), trust.pem-label (a block that is no anchor).
Result<Store> ReadPemStore(ByteView text);
// WritePemStore writes a block for each anchor: a certificate, or a public key where there is none.
// `trusted` makes it TRUSTED CERTIFICATE blocks, which keep purposes and refusal.
// Errors: trust.cannot-carry.
Result<std::string> WritePemStore(const std::vector<TrustAnchor>& anchors, bool trusted = false);

// ReadTrustedCertificate reads the content of one TRUSTED CERTIFICATE block.
// Errors: trust.certificate-malformed.
Result<TrustAnchor> ReadTrustedCertificate(ByteView der);

// ReadPins reads curl's pins, "sha256//BASE64;…", and WritePins writes them.
// Errors: trust.pin-malformed; trust.cannot-carry.
Result<Store> ReadPins(ByteView text);
Result<std::string> WritePins(const std::vector<TrustAnchor>& anchors);

}  // namespace birthmark::trust
