// SPDX-License-Identifier: Apache-2.0
// From when until when a certificate says it holds, read without building the certificate: for
// looking at very many. Leaves out everything else. Pure functions; thread-safe.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace birthmark::pki {

// kNoEnd is 99991231235959Z: no well-defined end (RFC 5280 section 4.1.2.5).
inline constexpr int64_t kNoEnd = 253'402'300'799'000;

struct Validity {
  int64_t from = 0, to = 0;  // Units: milliseconds since 1970 UTC
  bool generalized = false;  // notAfter is a GeneralizedTime
};

// ReadValidity walks to the two times. Errors: those of DerReader, cert.malformed.
Result<Validity> ReadValidity(ByteView certificate);

}  // namespace birthmark::pki
