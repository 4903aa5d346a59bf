// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM as a question that long commands ask between two pieces of work.
#pragma once

namespace birthmark::cli {

// CatchStop makes the first signal set Stopped(). With `second_ends`, a second one ends the process
// at once.
void CatchStop(bool second_ends);
bool Stopped();

}  // namespace birthmark::cli
