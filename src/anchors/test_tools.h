// SPDX-License-Identifier: Apache-2.0
// For this room's tests: the output of a tool by others, to compare with. Tests only.
#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace birthmark::anchors::test {

// ToolOutput gives a command's standard output; empty when it fails or is not installed.
inline std::string ToolOutput(const std::string& command) {
  std::string out;
  FILE* pipe = popen(("( " + command + " ) 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 65536> buffer{};
  for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.append(buffer.data(), n);
  return pclose(pipe) == 0 ? out : "";
}

// LinesWith gives the rest of every line behind `mark`.
inline std::vector<std::string> LinesWith(const std::string& text, const std::string& mark) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (const size_t at = line.find(mark); at != std::string::npos)
      out.push_back(line.substr(at + mark.size()));
  }
  return out;
}

// Present says whether a file of the machine's packages is there, and prints that a test did not
// run.
inline bool Present(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) return true;
  std::printf("not run: %s is not installed\n", path.c_str());
  return false;
}

}  // namespace birthmark::anchors::test
