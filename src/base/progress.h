// SPDX-License-Identifier: Apache-2.0
// Progress of long work for a person at a terminal; silent in a pipe. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace birthmark {

// Progress draws one line on standard error, at most ten times a second, with an estimate of the
// end.
class Progress {
 public:
  // `shown` is normally isatty(2); total 0 means unknown.
  Progress(std::string what, uint64_t total, bool shown);
  ~Progress();
  void Advance(uint64_t by = 1);
  // Clear wipes the line so that something else can be printed; the next Advance draws it again.
  void Clear();

 private:
  void Draw();
  std::string what_;
  uint64_t total_, done_ = 0;
  bool shown_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace birthmark
