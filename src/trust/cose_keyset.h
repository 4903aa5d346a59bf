// SPDX-License-Identifier: Apache-2.0
// COSE_KeySet (RFC 9052 section 7): public keys as CBOR maps, for devices whose verifier speaks
// COSE. EC2, OKP and RSA (RFC 8230) keys. Pure; thread-safe.
#pragma once

#include "trust/store.h"

namespace birthmark::trust {

// ReadCoseKeySet is strict. Errors: trust.cose-malformed, trust.too-large.
// Findings: trust.cose-key (a key of a kind we do not know), trust.private-key.
Result<Store> ReadCoseKeySet(ByteView cbor);
// WriteCoseKeySet writes each anchor's key for verifying, with its key identifier.
// Errors: trust.cannot-carry.
Result<Bytes> WriteCoseKeySet(const std::vector<TrustAnchor>& anchors);

}  // namespace birthmark::trust
