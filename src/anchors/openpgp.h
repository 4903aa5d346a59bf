// SPDX-License-Identifier: Apache-2.0
// OpenPGP keyrings (RFC 4880 and 9580's version 4 keys), as the Debian archive's. Leaves out
// verifying archives with them. Thread-compatible.
#pragma once

#include "anchors/facts.h"
#include "base/error.h"

namespace birthmark::anchors {

// ReadOpenpgpKeyring lists primary keys and the subkeys under each. Dates and uses come from valid
// self-signatures, judged at a fixed moment, so that the facts follow from the bytes alone; a
// subkey's end is never after its primary key's. Errors: anchors.openpgp-malformed,
// anchors.private-key.
Result<AnchorFacts> ReadOpenpgpKeyring(ByteView data);

}  // namespace birthmark::anchors
