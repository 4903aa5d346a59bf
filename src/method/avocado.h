// SPDX-License-Identifier: Apache-2.0
// Avocado (draft 4.1.1.1): the device makes its key, the request comes out over a private interface
// to running code and the certificate goes back the same way (mechanically-transferred).
#pragma once

#include <functional>

#include "base/ids.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// ProvisionAvocado brings a slot to "key inside, certificate stored, read back". It may be called
// again after any interruption: a key that is there is kept, a certificate that was issued is
// stored again. Errors: avocado.other-key (the request is not for the slot's key),
// avocado.other-unit (the request names another unit), avocado.proof (the device did not sign the
// station's challenge), avocado.read-back, avocado.test-source (the device has no real random
// source); those of the link, of pki::ReadCsr and of the desk.
Result<Outcome> ProvisionAvocado(link::DeviceConsole& device, Desk& desk, const Job& job, Rng& rng);

// ProvisionOwnKey is the same for each method whose key comes out of the device for its
// certificate: `make` has the device make it, `method` is its name and that of its errors.
Result<Outcome> ProvisionOwnKey(link::DeviceConsole& device, Desk& desk, const Job& job, Rng& rng,
                                const std::string& method,
                                const std::function<Result<link::SlotInfo>()>& make);

}  // namespace birthmark::method
