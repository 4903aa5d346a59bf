// SPDX-License-Identifier: Apache-2.0
// A session with a real OpenOCD, which drives a probe: scans of the registers of a device's TAP.
// One of our own is started for an emulated device and talks over a pipe, so that no port of it is
// open to anybody else; one that runs already is reached through its Tcl port on this machine.
// Leaves out what the registers mean (tap.h). Thread rule: one session, one thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::link {

struct OpenOcdOptions {
  std::string program = "openocd";  // looked for in PATH
  std::string socket;               // of a remote_bitbang probe, as the emulated device has it
};

class OpenOcd {
 public:
  // Start runs an OpenOCD that ends with this session, or with this process, however that ends.
  // Errors: openocd.missing, openocd.start (with its own words), openocd.no-device.
  static Result<OpenOcd> Start(const OpenOcdOptions& options);
  // Connect takes the Tcl port of one that runs already. Errors: link.open, openocd.no-device.
  static Result<OpenOcd> Connect(const std::string& host, uint16_t port);
  OpenOcd(OpenOcd&& o) noexcept;
  OpenOcd& operator=(OpenOcd&&) = delete;
  ~OpenOcd();

  // Scan selects an instruction and passes each register value through, lowest byte first; gives
  // what came out of each. All of them have the same length. Errors: link.unplugged, link.timeout.
  Result<std::vector<Bytes>> Scan(uint8_t instruction, const std::vector<Bytes>& values);
  // PulseReset works the chip's reset line. Errors: openocd.no-reset, those of Scan.
  Status PulseReset();

  const std::string& version() const { return version_; }
  uint64_t scans() const { return scans_; }
  pid_t pid() const { return pid_; }

 private:
  OpenOcd() = default;
  Status Attach();
  // Ask sends one Tcl command and gives its result; both may hold secrets.
  Result<SecretBytes> Ask(SecretBytes command);
  Result<std::string> AskText(std::string_view command);
  std::unexpected<Error> Ended() const;
  std::string LastWords() const;

  int to_ = -1;
  int from_ = -1;  // the same as to_ for a socket
  int log_ = -1;   // memory file with what OpenOCD says of itself
  pid_t pid_ = -1;
  std::string version_;
  uint64_t scans_ = 0;
};

}  // namespace birthmark::link
