// SPDX-License-Identifier: Apache-2.0
// `seed derive` as a function, so that `birthmark` and `birthmark-reader` are both thin over it.
// Needs a file alone. Thread-safe.
#pragma once

#include <string>

#include "base/error.h"

namespace birthmark::seed {

struct DeriveArgs {
  std::string seed_file;  // 32 to 64 octets, as they are or in hexadecimal
  std::string algorithm;  // "ed25519", "p256", "p384"
  bool json = false;
};

// RunDerive gives the text to print: the public key and its id, nothing secret.
// Errors: those of ReadFile and Derive, seed.file.
Result<std::string> RunDerive(const DeriveArgs& args);

}  // namespace birthmark::seed
