// SPDX-License-Identifier: Apache-2.0
// One certificate or one public key as an anchor's facts. Reads what is really in the field, also
// algorithms that Birthmark itself refuses to issue with. Pure; thread-compatible.
#pragma once

#include <string>

#include "anchors/facts.h"
#include "base/error.h"

namespace birthmark::anchors {

// CertificateEntry reads one DER certificate and nothing behind it. A self-issued certificate whose
// self-signature does not verify is noted: that signature is an anchor's error detection (draft
// section 3), so it is a sign of damage. Errors: anchors.certificate-malformed.
Result<AnchorEntry> CertificateEntry(ByteView der, std::vector<FactNote>& notes);

// BareKeyEntry reads one DER SubjectPublicKeyInfo. Errors: anchors.key-malformed.
Result<AnchorEntry> BareKeyEntry(ByteView spki);

}  // namespace birthmark::anchors
