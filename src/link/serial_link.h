// SPDX-License-Identifier: Apache-2.0
// A request and its answer over a tty or pty: raw mode, parts, resends, pacing. What a request
// means is the console's business (console.h). Thread rule: one link, one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "link/frame.h"

namespace birthmark::link {

struct SerialOptions {
  unsigned baud = 115200;                   // of a real tty; a pty ignores it
  std::chrono::milliseconds timeout{1000};  // for one attempt
  int attempts = 5;                         // timeouts before giving up
  int repairs = 64;                         // resends after an unreadable frame before giving up
  // The largest number of bytes sent without a pause, and the pause, for UARTs without flow
  // control. 0 = no pacing.
  size_t pace_bytes = 0;
  std::chrono::microseconds pace_pause{0};
};

struct LinkStats {
  uint64_t requests = 0;
  uint64_t resends = 0;
  uint64_t timeouts = 0;
  uint64_t bad_frames = 0;      // unreadable here
  uint64_t bad_frames_far = 0;  // unreadable there, as the device said
  uint64_t stale_frames = 0;    // answers to earlier attempts
};

// Refusal codes of a device (docs/formats/station-protocol.md), as they end an error code:
// "device.locked". IsRefusal tells a device's own no from trouble on the line.
bool IsRefusal(const Error& error);

// SerialLink owns an open console.
class SerialLink {
 public:
  // Open opens the tty and throws away what was waiting on it.
  // Errors: link.open, link.busy.
  static Result<SerialLink> Open(const std::string& path, const SerialOptions& options = {});
  SerialLink(SerialLink&& o) noexcept;
  SerialLink& operator=(SerialLink&& o) noexcept;
  ~SerialLink();

  // Call sends a request and returns the answer's payload; a repeat of it is never done twice by
  // the device. Errors: link.timeout, link.noise, link.unplugged, device.<refusal>.
  Result<Bytes> Call(uint8_t type, ByteView request);

  const LinkStats& stats() const { return stats_; }
  const std::string& path() const { return path_; }

 private:
  SerialLink() = default;
  Result<Frame> Exchange(Frame frame);
  Status Send(ByteView wire);
  Result<bool> Receive(std::chrono::steady_clock::time_point deadline);

  std::string path_;
  SerialOptions options_;
  int fd_ = -1;
  uint32_t sequence_ = 0;
  FrameReader reader_;
  Bytes inbox_;
  size_t inbox_at_ = 0;
  LinkStats stats_;
};

}  // namespace birthmark::link
