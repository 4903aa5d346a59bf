// SPDX-License-Identifier: Apache-2.0
// Whose requests an offline side takes: the public keys of the factories that may ask it for
// revocation lists and for signatures over artifacts, as files askers/NAME.pem of its folder. A
// side without that folder takes any request, as those of earlier releases do. Free functions.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "crypto/key.h"

namespace birthmark::offline {

// KeepAsker registers a factory's key. Errors: file.write.
Status KeepAsker(const fs::path& side, const std::string& name, const crypto::PublicKey& key);

// CheckAsker gives the name under which the key of a request is registered; empty where a side
// registers nobody. Errors: request.unsigned (nobody signed, and somebody is registered),
// request.asker (the key is not registered), offline.askers (a file that holds no key).
Result<std::string> CheckAsker(const fs::path& side, const std::optional<Digest>& asker);

}  // namespace birthmark::offline
