// SPDX-License-Identifier: Apache-2.0
// Commands about trust anchors, what is signed under them, and where they are found.
#include "cli/command_groups.h"
#include "cli/handlers_anchors.h"

namespace birthmark::cli {

std::vector<Command> AnchorCommands() { return {}; }

}  // namespace birthmark::cli
