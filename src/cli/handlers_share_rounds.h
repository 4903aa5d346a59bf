// SPDX-License-Identifier: Apache-2.0
// Commands of a threshold key that machines make and use apart, and of shares on smartcards
// (cmd_share_rounds.cc).
#pragma once

#include "cli/spec.h"

namespace birthmark::cli {

Result<int> ShareBegin(const Invocation&);
Result<int> ShareJoin(const Invocation&);
Result<int> ShareKey(const Invocation&);
Result<int> ShareRequest(const Invocation&);
Result<int> ShareCombine(const Invocation&);
Result<int> ShareStore(const Invocation&);

}  // namespace birthmark::cli
