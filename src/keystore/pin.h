// SPDX-License-Identifier: Apache-2.0
// How a module's PIN is got, and what is said when it may not be tried. Leaves out the modules.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::keystore {

// Pin gives a module's PIN (a TPM: the authorisation of its keys) when a key is first used, and not
// before.
struct Pin {
  std::function<Result<SecretBytes>()> read;
  // A person said --pin-last-try: try though the module warns.
  bool last_try = false;
};

// WrongPin: the module does not take it. Nothing here tries it again.
std::unexpected<Error> WrongPin(const std::string& where);
// PinLastTry: the module's own counter says that wrong PINs came before; none is tried.
std::unexpected<Error> PinLastTry(const std::string& where, const std::string& why);
// PinLocked: the module takes no PIN any more.
std::unexpected<Error> PinLocked(const std::string& where, const std::string& fix);

}  // namespace birthmark::keystore
