// SPDX-License-Identifier: Apache-2.0
// A random source that repeats, for tests and fuzzers. Not thread-safe.
#pragma once

#include "base/ids.h"
#include "crypto/digest.h"

namespace birthmark::custody {

// SeededRng gives the same octets in every run.
class SeededRng : public Rng {
 public:
  explicit SeededRng(uint8_t seed = 1) { state_.fill(seed); }
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& o : out) {
      if (used_ == state_.size()) {
        state_ = crypto::Sha256(state_, AsBytes("next"));
        block_ = crypto::Sha256(state_, AsBytes("block"));
        used_ = 0;
      }
      o = block_[used_++];
    }
  }

 private:
  Digest state_{}, block_{};
  size_t used_ = 32;
};

}  // namespace birthmark::custody
