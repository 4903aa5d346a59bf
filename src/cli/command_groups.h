// SPDX-License-Identifier: Apache-2.0
// The table of commands, a part of it a file, and the words that several parts use. Inside the cli
// room only.
#pragma once

#include <vector>

#include "cli/spec.h"

namespace birthmark::cli {

// PkiCommands: the PKI, its plan and its keys.
std::vector<Command> PkiCommands();
// LineCommands: the line, its stations and what comes to it from other factories.
std::vector<Command> LineCommands();
// UpkeepCommands: keys that people hold, and what keeps it all alive.
std::vector<Command> UpkeepCommands();
// ShareCommands: what holders of shares do.
std::vector<Command> ShareCommands();
// AnchorCommands: trust anchors, what is signed under them, where they are found.
std::vector<Command> AnchorCommands();
// ReaderCommands: the log, the answers, disclosures and their readers.
std::vector<Command> ReaderCommands();

inline const Argument kWorkspace{"WS", "the workspace's folder"};
inline const Argument kWorkspaceOrBundle{"WS|B", "a workspace's folder, or an evidence bundle"};
inline const Option kProduct{"--product", "ID", "which product, where the workspace has several"};
inline const Option kStation{"--station", "ID", "at this station"};
inline const Option kSince{"--since", "TIME",
                           "from this time on: 2026-11-21, or 2026-11-21T10:00:00Z"};
inline const Option kUntil{"--until", "TIME", "before this time; a date counts whole"};
inline const Option kReason{"--reason", "WHY", "a few words, kept in the log for good", true};
inline const Option kRevision{
    "--revision", "R", "names of this revision of the taxonomy", false, {"02", "15"}};

}  // namespace birthmark::cli
