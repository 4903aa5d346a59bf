// SPDX-License-Identifier: Apache-2.0
// The ietf-truststore configuration of RFC 9641 as JSON (RFC 7951): bags of certificates and bags
// of public keys, as a NETCONF server takes them. Pure; thread-safe.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

// ReadTruststoreJson is strict in names and types. Certificates are degenerate CMS (RFC 9640
// section 2.1.4, trust-anchor-cert-cms). Errors: trust.truststore-malformed, trust.too-large.
// Findings: trust.certificate-malformed, trust.key-malformed.
Result<Store> ReadTruststoreJson(ByteView text);
// WriteTruststoreJson puts certificates into one bag and public keys into another, both named
// `bag`. Errors: trust.cannot-carry.
Result<std::string> WriteTruststoreJson(const std::vector<TrustAnchor>& anchors,
                                        const std::string& bag);

}  // namespace birthmark::trust
