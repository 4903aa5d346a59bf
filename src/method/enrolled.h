// SPDX-License-Identifier: Apache-2.0
// An identity that the device got by itself over a network (EST, CMP, SCEP) while it was made: the
// station puts nothing in. It proves that the device on it holds the key that was certified for its
// unit, and keeps the certificate. Leaves out the enrolling (app/enrol_desk.h). One thread.
#pragma once

#include "base/ids.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// ConfirmEnrolled takes the unit's live identity, asks the device for its key and for a signature
// over a fresh challenge, reads the certificate back and records the identity as installed. It may
// be called again after any interruption. `in_element`: key and certificate are in a secure element
// behind the device. Errors: enrolled.waiting (nothing was issued to the unit yet, or its device
// does not keep the certificate yet: it is nobody's fault and may come later),
// enrolled.other-key, enrolled.other-unit, enrolled.proof, enrolled.read-back (it keeps another
// certificate); those of the link and of the desk.
Result<Outcome> ConfirmEnrolled(link::DeviceConsole& device, Desk& desk, const Job& job,
                                bool in_element, Rng& rng);

}  // namespace birthmark::method
