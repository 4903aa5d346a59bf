// SPDX-License-Identifier: Apache-2.0
// Where a command writes: results to standard output, everything else to standard error. No colour
// and no progress in a pipe or under NO_COLOR.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/findings.h"

namespace birthmark::cli {

bool StdoutIsTerminal();
bool StderrIsTerminal();
bool ColourWanted();

// Print writes text to standard output; a closed pipe ends the process quietly.
void Print(std::string_view text);
void PrintLine(std::string_view line);
// Note writes one line to standard error.
void Note(std::string_view line);
// Bold wraps text for a terminal when colour is wanted.
std::string Bold(std::string_view text);
// PrintFindings writes findings to standard error, or as a JSON array to standard output.
void PrintFindings(const Findings& findings, std::string_view file, bool json);
// JsonString quotes and escapes a text for JSON.
std::string JsonString(std::string_view text);

}  // namespace birthmark::cli
