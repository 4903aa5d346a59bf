// SPDX-License-Identifier: Apache-2.0
// What a ceremony asks before it attests anything of a split: does it, with all that was said
// before, give k away? The arithmetic is the leak guard's. Runs on the sealed side. Pure.
#pragma once

#include "ceremony/numbers.h"

namespace birthmark::app {

// JudgeSplits is a ceremony::JudgeSplit: findings with the codes leak.*.
Findings JudgeSplits(const ceremony::SplitQuestion& question);

}  // namespace birthmark::app
