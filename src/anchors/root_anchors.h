// SPDX-License-Identifier: Apache-2.0
// root-anchors.xml as it is fetched: with its detached CMS signature, under the certificate of the
// authority that its publisher names. A device that was off for too long for RFC 5011 can come back
// this way. Leaves out fetching. Thread-compatible. Source: RFC 9718 section 4.
#pragma once

#include <string_view>

#include "anchors/facts.h"
#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::anchors {

// VerifyRootAnchors checks that `p7s` (DER) signs exactly these octets of `xml`, by a certificate
// whose path ends at one of `ca` (PEM) at time `at`; only then is the XML read. `signer`, when
// given, is the mail address that the signer's certificate must have, since the authority may
// certify others too. The facts have a note "anchors.root-signed" that names it. Errors:
// anchors.root-signature, anchors.root-ca, anchors.dnssec-malformed.
Result<AnchorFacts> VerifyRootAnchors(ByteView xml, ByteView p7s, ByteView ca, Time at,
                                      std::string_view signer = "");

}  // namespace birthmark::anchors
