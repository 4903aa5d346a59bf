// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 token as an element, by p11-kit: keys are token objects, certificates are certificate
// objects beside them. The token signs no statement about its keys, so their attributes are facts
// that it only tells. Not thread-safe.
#pragma once

#include "element/element.h"

namespace birthmark::element::pkcs11 {

// Open opens the token that a pkcs11: URI (RFC 7512) names, with module-path, and the user PIN from
// pin-source (a file: URI, read with its newline dropped). The PIN is never in the URI itself.
// Errors: see element::Open; element.pin when the PIN cannot be had, or one more wrong one would
// lock the token.
Result<std::unique_ptr<Element>> Open(const std::string& uri);

}  // namespace birthmark::element::pkcs11
