// SPDX-License-Identifier: Apache-2.0
// p11-kit's persist files (.p11-kit): objects in an ini-like text with PKCS #11 attributes and PEM,
// as distributions and administrators put them under trust/source. Pure; thread-safe.
// Source: p11-kit's trust/persist.c and doc "trust-module", "PERSISTENCE FORMAT".
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

bool LooksLikeP11Kit(ByteView text);
// ReadP11Kit reads certificates and the extensions that are attached to them.
// Errors: trust.p11-kit-malformed (with its line), trust.too-large.
// Findings: trust.certificate-malformed, trust.p11-kit-object (an object that is no certificate).
Result<Store> ReadP11Kit(ByteView text);
// WriteP11Kit writes a certificate object for each anchor, with attached extensions for purposes
// and name constraints. Errors: trust.cannot-carry.
Result<std::string> WriteP11Kit(const std::vector<TrustAnchor>& anchors);

}  // namespace birthmark::trust
