// SPDX-License-Identifier: Apache-2.0
// A request and its answer over a stream of bytes: frames, parts, resends, a port that comes back.
// What carries the bytes is stream.h's, what a request means the console's business (console.h).
// Thread rule: one link, one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "link/frame.h"
#include "link/stream.h"

namespace birthmark::link {

struct SerialOptions {
  std::chrono::milliseconds timeout{1000};  // for one attempt, besides the time on the wire
  int attempts = 5;                         // timeouts before giving up
  int repairs = 64;                         // resends after an unreadable frame before giving up
  // How long a port that vanished is waited for; the request then goes on where it was. 0 = not.
  std::chrono::milliseconds reconnect{0};
};

struct LinkStats {
  uint64_t requests = 0;
  uint64_t resends = 0;
  uint64_t timeouts = 0;
  uint64_t bad_frames = 0;      // unreadable here
  uint64_t bad_frames_far = 0;  // unreadable there, as the device said
  uint64_t stale_frames = 0;    // answers to earlier attempts
  uint64_t reconnects = 0;
};

// Refusal codes of a device (docs/formats/station-protocol.md), as they end an error code:
// "device.locked". IsRefusal tells a device's own no from trouble on the line.
bool IsRefusal(const Error& error);

// SerialLink owns an open console.
class SerialLink {
 public:
  // Open opens the tty at `path`. Errors: those of OpenStream.
  static Result<SerialLink> Open(const std::string& path, const SerialOptions& options = {});
  // Over takes a stream that is open.
  static SerialLink Over(std::unique_ptr<ByteStream> stream, const SerialOptions& options = {});

  // Call sends a request and returns the answer's payload; a repeat of it is never done twice by
  // the device. Errors: link.timeout, link.noise, link.unplugged, device.<refusal>.
  Result<Bytes> Call(uint8_t type, ByteView request);

  const LinkStats& stats() const { return stats_; }

 private:
  SerialLink() = default;
  Result<Frame> Exchange(Frame frame);
  // Await looks for the answer to one attempt; nothing when another attempt is due.
  Result<std::optional<Frame>> Await(const Frame& request, size_t wire_bytes);
  Status Reconnect(Error why);

  SerialOptions options_;
  std::unique_ptr<ByteStream> stream_;
  uint32_t sequence_ = 0;
  FrameReader reader_;
  Bytes inbox_;
  size_t inbox_at_ = 0;
  int timeouts_ = 0;  // of the request under way, like the next
  int repairs_ = 0;
  LinkStats stats_;
};

}  // namespace birthmark::link
