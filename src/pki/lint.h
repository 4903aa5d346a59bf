// SPDX-License-Identifier: Apache-2.0
// The profile linter: what in a certificate is not as IEEE 802.1AR-2018, RFC 5280 and our profiles
// want it, all at once. A finding is a fact about a certificate, never a mark out of ten.
// Thread-safe.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/findings.h"
#include "crypto/cert.h"

namespace birthmark::pki {

enum class LintKind { kIDevId, kAuthority, kEndEntity };

// LintCertificate looks at one certificate, and at its relation to the issuer when that is given
// (for a root, give it to itself). Codes: docs/formats/certificates.md lists them with their
// sources.
Findings LintCertificate(ByteView der, LintKind kind, const crypto::Certificate* issuer = nullptr);

}  // namespace birthmark::pki
