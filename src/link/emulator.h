// SPDX-License-Identifier: Apache-2.0
// Starts and stops a birthmark-device process, the emulated device of a rehearsal, and plays the
// power switch. Leaves out what is said to it. Thread rule: one emulator, one thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace birthmark::link {

struct EmulatorOptions {
  std::filesystem::path program;  // empty: birthmark-device beside the running program
  std::string board;
  std::filesystem::path state;    // a folder of this device's own
  std::string uid_hex;            // empty: a new device draws one
  std::string programmer_socket;  // empty: no such port
  std::string jtag_socket;        // remote_bitbang pins of the TAP; empty: none
  std::string element;            // URI of a secure element behind it; empty: none
  unsigned lifetime_seconds = 600;
  std::vector<std::string> faults;  // "--noise", "0.001", … passed on
};

class Emulator {
 public:
  // Start runs the device and waits until it says where its console is.
  // Errors: emulator.start (with what the device wrote to standard error), emulator.ready.
  static Result<Emulator> Start(const EmulatorOptions& options);
  Emulator(Emulator&& o) noexcept;
  Emulator& operator=(Emulator&& o) noexcept;
  // The destructor stops the device.
  ~Emulator();

  const std::string& console() const { return console_; }
  const std::string& programmer() const { return options_.programmer_socket; }
  const std::string& jtag() const { return options_.jtag_socket; }
  pid_t pid() const { return pid_; }

  // Stop ends the device in order; what it holds stays in its state folder.
  void Stop();
  // CutPower kills the device at this instant.
  void CutPower();
  // PowerCycle cuts the power and starts again; the console gets a new path. `faults` replace the
  // earlier ones.
  Status PowerCycle(std::vector<std::string> faults = {});
  // Running tells whether the process is still there.
  bool Running();

 private:
  Emulator() = default;
  Status Launch();
  void End(int signal);

  EmulatorOptions options_;
  std::string console_;
  pid_t pid_ = -1;
  int stdin_ = -1;  // its end is the device's end, whatever happens to us
};

}  // namespace birthmark::link
