// SPDX-License-Identifier: Apache-2.0
// Reads Wycheproof files for tests: calls back with each group and test, returns how many there
// were.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "tests/support/vectors.h"

namespace birthmark::test {

inline Bytes Hex(const nlohmann::json& j) { return FromHex(j.get<std::string>()).value(); }

// ForEachWycheproof returns 0 only where the vectors are not on this machine.
template <class F>
size_t ForEachWycheproof(const std::string& file, F each) {
  if (!VectorsPresent("wycheproof/" + file)) return 0;
  std::ifstream in(VectorsDir() / "wycheproof" / file);
  nlohmann::json all = nlohmann::json::parse(in);
  size_t n = 0;
  for (const auto& group : all["testGroups"]) {
    for (const auto& t : group["tests"]) {
      each(group, t);
      ++n;
    }
  }
  return n;
}

}  // namespace birthmark::test
