// SPDX-License-Identifier: Apache-2.0
// The frame of OpenPGP packets, walked before a library sees them. Internal to anchors.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::anchors {

// CheckOpenpgpPackets makes sure that the data is whole packets of the kinds that a public keyring
// holds, beginning with a primary key. Source: RFC 9580 section 4.2 and 10.1.
// Errors: anchors.openpgp-malformed, anchors.private-key.
Status CheckOpenpgpPackets(ByteView data);

}  // namespace birthmark::anchors
