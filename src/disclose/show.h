// SPDX-License-Identifier: Apache-2.0
// One disclosure as text for a terminal of 80 columns. Every rendering of a rehearsal begins by
// saying so. Pure functions.
#pragma once

#include <string>

#include "disclose/opened.h"

namespace birthmark::disclose {

// ShowText is the whole disclosure, in the order of the draft.
std::string ShowText(const OpenedDisclosure& o);

}  // namespace birthmark::disclose
