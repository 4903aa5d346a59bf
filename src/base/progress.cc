// SPDX-License-Identifier: Apache-2.0
#include "base/progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace birthmark {

Progress::Progress(std::string what, uint64_t total, bool shown)
    : what_(std::move(what)),
      total_(total),
      shown_(shown),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { Clear(); }

void Progress::Advance(uint64_t by) {
  done_ += by;
  if (!shown_) return;
  auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  Draw();
}

void Progress::Clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

void Progress::Draw() {
  double seconds = std::chrono::duration<double>(last_ - start_).count();
  std::string line = total_ > 0 ? fmt::format("{} {}/{}", what_, done_, total_)
                                : fmt::format("{} {}", what_, done_);
  if (total_ > done_ && done_ > 0 && seconds > 1) {
    line += fmt::format("  about {:.0f} s left", seconds / done_ * (total_ - done_));
  }
  fmt::print(stderr, "\r\033[K{}", line.substr(0, 79));
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace birthmark
