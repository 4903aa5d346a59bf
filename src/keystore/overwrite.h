// SPDX-License-Identifier: Apache-2.0
// Takes the octets of a key's file away before its name goes. Thread-safe.
#pragma once

#include "base/error.h"
#include "base/files.h"

namespace birthmark::keystore {

// OverwriteFile replaces a file's octets by zeros in place, durably. Errors: file.write.
Status OverwriteFile(const fs::path& path);

}  // namespace birthmark::keystore
