// SPDX-License-Identifier: Apache-2.0
// Read for octets that are in no file: tests and fuzz targets. Private to them and to this room.
#pragma once

#include "seed/input.h"
#include "seed/read.h"

namespace birthmark::seed {

// ReadInput is Read without the file's digest. Errors: as Read.
Result<Summary> ReadInput(Input& in, const ReadOptions& options, const OnSeed& on_seed,
                          const OnRefusal& on_refusal);

}  // namespace birthmark::seed
