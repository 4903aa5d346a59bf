// SPDX-License-Identifier: Apache-2.0
// Lists as options of a command line have them. Free functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace birthmark {

// CommaParts are the parts between commas; empty ones are left out.
std::vector<std::string> CommaParts(std::string_view text);

}  // namespace birthmark
