// SPDX-License-Identifier: Apache-2.0
// Identifiers: UUIDv7 (RFC 9562 section 5.7) and a source of random octets that is passed in.
#pragma once

#include <array>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace birthmark {

// Rng fills a buffer with random octets. SystemRng asks the kernel; tests pass their own.
class Rng {
 public:
  virtual ~Rng() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;
};

// SystemRng is getrandom(2) behind a per-object buffer. Not thread-safe: one object a thread.
class SystemRng : public Rng {
 public:
  ~SystemRng() override { Wipe(buffer_.data(), buffer_.size()); }
  void Fill(std::span<uint8_t> out) override;

 private:
  std::array<uint8_t, 4096> buffer_{};
  size_t used_ = 4096;
};

using Uuid = std::array<uint8_t, 16>;

// NewUuid makes a version 7 UUID: 48 bits of time, 74 random bits.
Uuid NewUuid(Time now, Rng& rng);
std::string FormatUuid(const Uuid& id);

}  // namespace birthmark
