// SPDX-License-Identifier: Apache-2.0
// `birthmark explain`: one look-up over questions, words of the taxonomy and the codes of findings.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace birthmark::app {

// Explain gives the text. Errors: explain.unknown, with the nearest word as the fix.
Result<std::string> Explain(std::string_view word);

}  // namespace birthmark::app
