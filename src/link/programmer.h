// SPDX-License-Identifier: Apache-2.0
// The programmer's port of a device: flash and fuses from outside, with the CPU held, as JTAG or
// SWD does it. What is written this way is mechanically-installed in the draft's sense. How the
// operations reach the device is a ProbePort's: the emulated device's socket, or its TAP (tap.h).
// Thread rule: one programmer, one thread. Letting go of it lets the CPU reset. Errors of every
// method: link.timeout, link.unplugged, port.closed (port-lock or seal is blown), port.range,
// port.protected, port.failed.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "link/board.h"

namespace birthmark::link {

struct PortInfo {
  Bytes uid;
  uint32_t flash_size = 0;
  std::string board;
};

// DebugAnswer is the device's status (docs/formats/station-protocol.md section 6) and what it gave.
struct DebugAnswer {
  uint8_t status = 0;
  Bytes data;
};

// ProbePort carries one operation of the debug port, of at most kMaxDebugData bytes.
class ProbePort {
 public:
  virtual ~ProbePort() = default;
  virtual Result<DebugAnswer> Run(uint8_t op, uint32_t address, uint32_t length, ByteView data) = 0;
};
inline constexpr uint32_t kMaxDebugData = 65536;

class Programmer {
 public:
  // Connect takes the path of the port's unix socket.
  static Result<Programmer> Connect(const std::string& path);
  explicit Programmer(std::unique_ptr<ProbePort> port) : port_(std::move(port)) {}

  Result<PortInfo> Info();
  Result<Bytes> Read(uint32_t address, uint32_t size);
  // Erase takes whole blocks.
  Status Erase(uint32_t address, uint32_t size);
  // Program clears bits, and reads back.
  Status Program(uint32_t address, ByteView data);
  // Install erases the blocks that `data` covers, programs what is not blank of them, and compares
  // all that it reads back.
  Status Install(uint32_t address, ByteView data);
  Result<Bytes> ReadFuses();
  Status Blow(uint32_t bit);
  // BlowNamed blows one fuse by name, or for "boot-anchor" all bits of the digest.
  Status BlowNamed(const std::string& fuse, const Digest& digest = {});
  // Reset lets the CPU go; the device boots.
  Status Reset();

 private:
  Result<Bytes> Call(uint8_t op, uint32_t address, uint32_t length, ByteView data = {});

  std::unique_ptr<ProbePort> port_;
};

}  // namespace birthmark::link
