// SPDX-License-Identifier: Apache-2.0
// A device whose firmware really runs: device/firmware on an emulated ARM machine. This object is
// its power switch and the clip on its flash chip; its UART is a unix socket. What the device holds
// is one file in its state folder and outlasts a power cut. Leaves out what is said to it.
// Thread rule: one device, one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "link/console.h"
#include "link/programmer.h"

namespace birthmark::line {

struct QemuOptions {
  // Virt has a random source and is the one that identities are made on. Mps2 has none: it shows
  // protocol and cryptography on a Cortex-M, and says "test" about its randomness.
  enum class Machine { kVirt, kMps2 };
  Machine machine = Machine::kVirt;
  std::filesystem::path firmware;  // folder of virt.elf and mps2.elf; empty: FirmwareFolder()
  std::filesystem::path state;     // a folder of this device's own
};

class QemuDevice {
 public:
  // FirmwareFolder is $BIRTHMARK_FIRMWARE, else ../firmware beside the running program's folder.
  static std::filesystem::path FirmwareFolder();
  // Missing says what is not on this machine to run such a device; empty when all is there.
  static std::string Missing(const QemuOptions& options);

  // Start makes a blank device in a new folder, or takes the one that is there, and switches it on.
  // Errors: qemu.missing, qemu.state, qemu.start.
  static Result<QemuDevice> Start(const QemuOptions& options);
  QemuDevice(QemuDevice&& o) noexcept;
  QemuDevice& operator=(QemuDevice&& o) noexcept;
  // The destructor cuts the power. So does the end of this process, whatever its reason.
  ~QemuDevice();

  // Uri is the UART as a link: "unix:PATH".
  link::Uri Uri() const;
  // Console opens the UART and says hello. The machine shares this one's processors and its UART
  // loses nothing, so an answer is waited for long: a resend would only be one more thing to read.
  // Errors: those of link::DeviceConsole::Over, and qemu.start with what the machine said when it
  // has ended.
  Result<link::DeviceConsole> Console(const link::SerialOptions& options = {
                                          .timeout = std::chrono::seconds(20), .attempts = 3});

  // CutPower ends the machine at this instant.
  void CutPower();
  Status PowerOn();
  Status PowerCycle();
  bool Running() const;

  // ClipOn cuts the power and clips a programmer on the flash chip; letting go of it switches the
  // device on. The chip alone is reached: no fuses, no private memory, no chip id, and nothing
  // stops a write. The device must outlive it.
  link::Programmer ClipOn();

 private:
  class Machine;
  class Clip;
  explicit QemuDevice(std::unique_ptr<Machine> machine);
  std::unique_ptr<Machine> machine_;
};

}  // namespace birthmark::line
