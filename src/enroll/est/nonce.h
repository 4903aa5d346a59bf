// SPDX-License-Identifier: Apache-2.0
// The nonce that evidence in a request will hold: the JSON of /.well-known/est/nonce
// (draft-ietf-lamps-attestation-freshness-07 section 5.1), and our own reqInfo for a TPM whose
// attestation key has no certificate. Pure functions; thread-safe.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "enroll/desk.h"

namespace birthmark::enroll::est {

inline constexpr std::string_view kNonceType = "application/est-attestation-freshness+json";
inline constexpr size_t kMaxNonceRequest = 16 * 1024;

// ReadNonceRequest reads the body of a POST into ek_certificate and ak_public: both or none of
//   { "type": "1.3.6.1.4.1.32473.1.2",
//     "reqInfo": { "ek-certificate": BASE64, "ak-public": BASE64 } }
// A "len" other than 32 is refused, other types get a bare nonce. Errors: est.nonce.
Result<NonceRequest> ReadNonceRequest(ByteView body);
// WriteNonce is { "nonce": BASE64URL, "expiry": SECONDS }; a nonce in a credential stands in
// "respInfo": { "credential": BASE64 } instead, because it must not be read without the TPM.
Bytes WriteNonce(const GivenNonce& n);

}  // namespace birthmark::enroll::est
