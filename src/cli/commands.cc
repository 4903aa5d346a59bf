// SPDX-License-Identifier: Apache-2.0
// The table of commands: its parts, one after another.
#include <iterator>

#include "cli/command_groups.h"

namespace birthmark::cli {

const std::vector<Command>& Commands() {
  static const std::vector<Command> commands = [] {
    std::vector<Command> all;
    for (auto part : {PkiCommands, LineCommands, UpkeepCommands, ShareCommands, AnchorCommands,
                      ReaderCommands}) {
      std::vector<Command> more = part();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }();
  return commands;
}

}  // namespace birthmark::cli
