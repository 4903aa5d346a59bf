// SPDX-License-Identifier: Apache-2.0
// The protected header of a COSE message to octets and back. Internal to cose.cc and its tests.
#pragma once

#include "cbor/cose.h"

namespace birthmark::cbor {

Bytes EncodeHeaders(const CoseHeaders& h);
// DecodeHeaders checks the protected header, and that no label stands in both maps (RFC 9052
// section 3). Errors: those of Decode; cose.header, cose.critical.
Result<CoseHeaders> DecodeHeaders(ByteView protected_bytes, const Map& unprotected);

}  // namespace birthmark::cbor
