// SPDX-License-Identifier: Apache-2.0
#include "keystore/keystore.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::keystore {

bool IsKeyId(std::string_view id) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !id.empty() && id.size() <= 64 && letter(id[0]) &&
         std::all_of(id.begin(), id.end(),
                     [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; });
}

Status CheckKeyId(std::string_view id) {
  if (IsKeyId(id)) return {};
  return Usage("keystore.key-id", fmt::format("\"{}\" is no name for a key", id.substr(0, 64)),
               "use 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit");
}

}  // namespace birthmark::keystore
