// SPDX-License-Identifier: Apache-2.0
// Bytes to and from a device's console, whatever carries them: a serial line, a socket, a mailbox
// behind a TAP. Leaves out frames (serial_link.h). Thread rule: one stream, one thread.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "link/uri.h"

namespace birthmark::link {

using Deadline = std::chrono::steady_clock::time_point;

// ByteStream is a wire: what nobody takes in time is lost, and shows as a missing answer.
// Errors of Write and Read: link.unplugged, and those of what carries them.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual Status Write(ByteView data, Deadline deadline) = 0;
  // Read waits for bytes and gives how many; 0 when the deadline has passed.
  virtual Result<size_t> Read(std::span<uint8_t> out, Deadline deadline) = 0;
  // Reopen tries once to find the port again after it vanished.
  virtual Status Reopen() = 0;
  // WireTime is how long the wire itself needs for so many bytes.
  virtual std::chrono::milliseconds WireTime(size_t bytes) const = 0;
  // name is what an error calls the port.
  virtual const std::string& name() const = 0;
};

// OpenStream opens serial: and unix: links. A serial line is set to raw bytes, taken for this
// process alone, and what waited on it is thrown away.
// Errors: link.open, link.busy (somebody has it), link.scheme.
Result<std::unique_ptr<ByteStream>> OpenStream(const Uri& uri);

}  // namespace birthmark::link
