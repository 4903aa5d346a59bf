// SPDX-License-Identifier: Apache-2.0
#include "manifest/part.h"

#include <algorithm>

namespace birthmark::manifest {

bool IsName(std::string_view s) {
  return s.size() <= kMaxName && IsUtf8(s) && std::ranges::none_of(s, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::string Shown(std::string_view s) {
  constexpr size_t kMost = 40;
  std::string out(s.substr(0, kMost));
  for (char& c : out)
    if (c < 0x20 || c >= 0x7f) c = '?';
  return out + (s.size() > kMost ? "..." : "");
}

}  // namespace birthmark::manifest
