// SPDX-License-Identifier: Apache-2.0
// Links as URIs: where a station reaches a device. One parser for station files, options and tests.
// Leaves out opening them (stream.h, openocd.h). Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace birthmark::link {

// Uri is one of
//   emulator:ID                            an emulated device of a rehearsal
//   serial:/dev/ttyUSB0?baud=115200        a serial line
//   unix:/run/uart.sock                    a UART behind a socket, as QEMU gives it
//   openocd:127.0.0.1:6666                 the Tcl port of an OpenOCD that runs already
// serial and unix take pace=N (bytes a millisecond at most) and fifo=N (bytes in one go) for a
// receiver without flow control.
struct Uri {
  enum class Scheme { kEmulator, kSerial, kUnix, kOpenOcd };
  Scheme scheme = Scheme::kEmulator;
  std::string target;  // the id, the path, the host
  uint16_t port = 0;   // openocd
  unsigned baud = 115200;
  unsigned pace = 0;  // 0: as fast as the line takes it
  unsigned fifo = 16;

  bool operator==(const Uri&) const = default;
};

// ParseUri is strict: nothing is guessed. Errors: link.uri.
Result<Uri> ParseUri(std::string_view text);
// ToText gives the shortest form that parses to the same.
std::string ToText(const Uri& uri);

}  // namespace birthmark::link
