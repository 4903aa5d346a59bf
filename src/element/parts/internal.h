// SPDX-License-Identifier: Apache-2.0
// What the files of this folder call of each other.
#pragma once

#include <string>

#include "base/files.h"

namespace birthmark::element {

// WriteSetup writes the files that make swtpm's tools sign with the maker's authority.
Status WriteSetup(const fs::path& maker, const fs::path& localca);

// InitialiseToken makes the folder's token with the module; the folder holds its softhsm2.conf.
Status InitialiseToken(const std::string& module, const fs::path& folder);

}  // namespace birthmark::element
