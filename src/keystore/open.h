// SPDX-License-Identifier: Apache-2.0
// The compiled-in table of key stores: a URI's scheme decides. PKCS #11 is where a vendor's own
// module plugs in. Thread-safe functions.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "keystore/keystore.h"
#include "keystore/pin.h"

namespace birthmark::keystore {

// Place is where a store is and how it is unlocked: file: takes the passphrase as its PIN.
struct Place {
  std::string uri;
  std::filesystem::path folder;  // where a store that needs files beside its module has them
  Pin pin;
};

// SchemeOf is what stands before a URI's colon; empty without one.
std::string_view SchemeOf(std::string_view uri);
// OpenStore opens a store. Errors: keystore.uri (no such scheme), keystore.unsupported (frost:,
// whose key is in no one place: it signs in a ceremony); those of the stores.
Result<std::unique_ptr<KeyStore>> OpenStore(const Place& place);

}  // namespace birthmark::keystore
