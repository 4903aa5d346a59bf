// SPDX-License-Identifier: Apache-2.0
// What there is to say about the codes of this room beyond their messages. Const data; thread-safe.
#pragma once

#include <string_view>

namespace birthmark::disclose {

// ExplainCode finds a code's explanation, empty when the code is not this room's.
std::string_view ExplainCode(std::string_view code);

}  // namespace birthmark::disclose
