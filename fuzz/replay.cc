// SPDX-License-Identifier: Apache-2.0
// Runs one fuzz target over the files of a folder, and over each of them cut short and with single
// bits flipped, without a fuzzer. Deterministic.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "fuzz/fuzz.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<std::filesystem::path> files;
  for (const auto& e : std::filesystem::directory_iterator(argv[1])) files.push_back(e.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    auto file = birthmark::ReadFile(path, 1 << 20);
    if (!file) {
      std::fprintf(stderr, "%s\n", file.error().ToString().c_str());
      return 1;
    }
    LLVMFuzzerTestOneInput(file->data(), file->size());
    size_t step = std::max<size_t>(1, file->size() / 256);
    for (size_t i = 0; i < file->size(); i += step) {
      LLVMFuzzerTestOneInput(file->data(), i);
      auto changed = *file;
      changed[i] ^= static_cast<uint8_t>(1 << (i % 8));
      LLVMFuzzerTestOneInput(changed.data(), changed.size());
    }
  }
  std::printf("%zu files replayed\n", files.size());
  return files.empty() ? 1 : 0;
}
