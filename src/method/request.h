// SPDX-License-Identifier: Apache-2.0
// What every method whose key is made in the device asks of the device's request. Free functions.
#pragma once

#include "link/console.h"
#include "method/method.h"
#include "pki/csr.h"

namespace birthmark::method {

// CheckRequest believes nothing in the request but its key, and that only when the device has
// signed both the request and this station's challenge with it. Errors begin with `method`:
// METHOD.other-key, METHOD.other-unit, METHOD.proof; those of pki::ReadCsr.
Result<pki::Csr> CheckRequest(const link::CsrAnswer& answer, ByteView challenge,
                              const link::SlotInfo& slot, const Job& job,
                              const std::string& method);

}  // namespace birthmark::method
