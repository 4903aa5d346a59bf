// SPDX-License-Identifier: Apache-2.0
#include "anchors/explain.h"

#include <utility>

namespace birthmark::anchors {

std::string_view ExplainCode(std::string_view code) {
  static constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
#define BM_CODE(code, text) {code, text},
#include "anchors/codes.inc"
#undef BM_CODE
  };
  for (const auto& [name, text] : kCodes) {
    if (name == code) return text;
  }
  return {};
}

}  // namespace birthmark::anchors
