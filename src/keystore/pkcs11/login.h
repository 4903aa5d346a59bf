// SPDX-License-Identifier: Apache-2.0
// Logging in to a token with what a Pin gives: once, and never against the token's own warnings.
// Not thread-safe.
#pragma once

#include <string>

#include "hardware/pkcs11/session.h"
#include "keystore/pin.h"

namespace birthmark::keystore {

// LogIn reads the PIN and gives it to the token. `where` names the token in errors. Errors:
// keystore.pin, keystore.pin-last-try, keystore.pin-locked; those of the Pin.
Status LogIn(hardware::Session& session, const Pin& pin, const std::string& where);

}  // namespace birthmark::keystore
