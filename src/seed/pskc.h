// SPDX-License-Identifier: Apache-2.0
// PSKC (RFC 6030) by expat, element by element. Private to this room.
#pragma once

#include "seed/input.h"
#include "seed/intake.h"

namespace birthmark::seed {

// ReadPskc fills protection, oem and recipient of the summary. Errors: as Read.
Status ReadPskc(Input& in, const ReadOptions& options, Intake& intake, Summary& summary);

}  // namespace birthmark::seed
