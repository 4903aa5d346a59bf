// SPDX-License-Identifier: Apache-2.0
// The parts of answers that several commands share. Private to this room.
#pragma once

#include "link/console.h"
#include "link/fields.h"

namespace birthmark::link {

void ReadStage(Fields& f, BootStage* out);
void ReadRng(Fields& f, RngHealth* out);
void ReadSlot(Fields& f, SlotInfo* out);
std::vector<BootStage> ReadBoot(Fields& f);

}  // namespace birthmark::link
