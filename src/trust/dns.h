// SPDX-License-Identifier: Apache-2.0
// Writing the DNS root's anchors: records for a resolver's root.key, and root-anchors.xml
// (RFC 9718). Reading them is anchors/dnssec.h. Pure; thread-safe.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

// WriteDnsRecords writes a line for each DNSKEY and DS record. Errors: trust.cannot-carry.
Result<std::string> WriteDnsRecords(const std::vector<TrustAnchor>& anchors);
// WriteRootAnchorsXml writes a KeyDigest for each DS record and each DNSKEY, the latter with its
// key (RFC 9718 section 2.2). Errors: trust.cannot-carry; trust.dns-validity for one without its
// first day, which the format wants.
Result<std::string> WriteRootAnchorsXml(const std::vector<TrustAnchor>& anchors);

}  // namespace birthmark::trust
