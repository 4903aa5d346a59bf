// SPDX-License-Identifier: Apache-2.0
// The two forms of an ECDSA signature: DER as certificates carry it (RFC 3279 section 2.2.3) and
// the fixed r || s of COSE (RFC 9053 section 2.1). Strict both ways, so one signature has one form
// of each.
#pragma once

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::crypto {

// EcdsaDerToRaw gives r || s, each `half` octets (32 for P-256, 48 for P-384). Errors: ecdsa.form.
Result<Bytes> EcdsaDerToRaw(ByteView der, size_t half);
// EcdsaRawToDer takes r || s of even length. Errors: ecdsa.form.
Result<Bytes> EcdsaRawToDer(ByteView raw);

}  // namespace birthmark::crypto
