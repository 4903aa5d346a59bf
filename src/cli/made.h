// SPDX-License-Identifier: Apache-2.0
// What is made from the table of commands: the man page and the shells' completions.
#pragma once

#include <string>

namespace birthmark::cli {

// ManPage is roff for birthmark(1).
std::string ManPage();
// BashCompletion, ZshCompletion and FishCompletion are scripts to source.
std::string BashCompletion();
std::string ZshCompletion();
std::string FishCompletion();

}  // namespace birthmark::cli
