// SPDX-License-Identifier: Apache-2.0
#include "base/lists.h"

namespace birthmark {

std::vector<std::string> CommaParts(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    if (comma != 0) out.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == text.npos ? text.size() : comma + 1);
  }
  return out;
}

}  // namespace birthmark
