// SPDX-License-Identifier: Apache-2.0
#include "tests/support/vectors.h"

#include <cstdio>
#include <cstdlib>

namespace birthmark::test {

std::filesystem::path VectorsDir() {
  if (const char* dir = std::getenv("BIRTHMARK_VECTORS")) return dir;
  return std::filesystem::path(BIRTHMARK_SOURCE_DIR) / ".." / "shared" / "data";
}

bool VectorsPresent(const std::string& set) {
  if (std::filesystem::exists(VectorsDir() / set)) return true;
  std::printf("vectors not run: %s is not in %s\n", set.c_str(), VectorsDir().c_str());
  return false;
}

}  // namespace birthmark::test
