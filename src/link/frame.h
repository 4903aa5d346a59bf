// SPDX-License-Identifier: Apache-2.0
// One frame of the station protocol (docs/formats/station-protocol.md), as values. The codec is the
// device's own (device/core/frame.c), so the two sides cannot drift apart.
// Thread rule: a reader belongs to one thread.
#pragma once

#include <memory>

#include "base/bytes.h"

namespace birthmark::link {

inline constexpr size_t kMaxPayload = 4096;

struct Frame {
  uint8_t flags = 0;
  uint8_t type = 0;
  uint32_t sequence = 0;
  Bytes payload;
};

inline constexpr uint8_t kFlagResponse = 1;
inline constexpr uint8_t kFlagMore = 2;
inline constexpr uint8_t kFlagError = 4;
inline constexpr uint8_t kFlagFirst = 8;

// EncodeFrame gives the stuffed bytes; the payload is at most kMaxPayload long.
Bytes EncodeFrame(const Frame& frame);

// FrameReader finds frames in a stream of bytes, whatever lies between them.
class FrameReader {
 public:
  enum class Event { kNone, kFrame, kBad };

  FrameReader();
  ~FrameReader();
  FrameReader(FrameReader&&) noexcept;
  FrameReader& operator=(FrameReader&&) noexcept;

  // Push takes one byte. kFrame: *out is set. kBad: something unreadable ended here.
  Event Push(uint8_t byte, Frame* out);
  void Clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace birthmark::link
