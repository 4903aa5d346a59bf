// SPDX-License-Identifier: Apache-2.0
// A device on a station: its console, its programmer's port, its power switch, reached the way the
// station's link says. Leaves out what is done there (steps.h). One thread an object.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "line/qemu_device.h"
#include "link/board.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/openocd.h"
#include "link/programmer.h"

namespace birthmark::line {

class Fixture {
 public:
  // PlaceEmulated switches on the emulated device whose state is in `state`. The sockets are put
  // into a short-named folder of its own, since a socket's path has 108 octets at most. `element`
  // is the URI of a secure element behind it: it runs as long as the device does.
  static Result<Fixture> PlaceEmulated(const std::string& board, const fs::path& state,
                                       const std::vector<std::string>& faults = {},
                                       const std::string& element = "");
  // PlaceFirmware switches on a device whose firmware runs on an emulated machine, with its state
  // in `state`: a UART, no port, and a clip on the flash chip in the place of one (qemu_device.h).
  static Result<Fixture> PlaceFirmware(const fs::path& state);
  // PlaceLinked takes a device that is there already, behind a serial:, unix: or openocd: link, and
  // its programmer's port behind an openocd: link of its own, where the console is another.
  // Errors: fixture.link.
  static Result<Fixture> PlaceLinked(const std::string& board, const link::Uri& uri,
                                     const std::optional<link::Uri>& port = std::nullopt);
  Fixture(Fixture&& o) noexcept;
  Fixture& operator=(Fixture&&) = delete;
  ~Fixture();

  // Reach chooses how an emulated device is reached, by the scheme of the plan's station:
  // "serial": the console as a serial line; "openocd": console and port through its TAP, by a real
  // OpenOCD; each other: the emulator's own ways.
  void Reach(std::string_view scheme);

  const link::Board& board() const { return board_; }
  // Console lets go of the port and says hello to the running device.
  // Errors: fixture.closed (a mailbox behind a closed port), those of link.
  Result<link::DeviceConsole*> Console();
  // Port holds the processor; what was said on the console before is over.
  // Errors: fixture.no-port, those of link.
  Result<link::Programmer*> Port();
  // ReleasePort lets the processor boot again.
  void ReleasePort();
  // PowerCycle cuts the power and switches on again. Errors: fixture.no-switch.
  Status PowerCycle();
  Status Reset();
  // Unplug closes whatever is open; the next use opens it anew.
  void Unplug() { LetGo(); }

  // TakeTrace tells what was used since it was asked last, "console over a serial line"; empty for
  // the emulator's own ways.
  std::string TakeTrace();

 private:
  enum class Way { kEmulator, kSerial, kUnix, kOpenOcd, kFirmware };

  explicit Fixture(link::Board board) : board_(std::move(board)) {}
  Result<std::shared_ptr<link::OpenOcd>> Probe();
  Result<link::DeviceConsole> OpenConsole();
  void Note(std::string_view used);
  void LetGo();

  link::Board board_;
  Way way_ = Way::kEmulator;
  std::optional<link::Emulator> device_;
  std::optional<QemuDevice> machine_;
  std::optional<link::Uri> uri_;       // of a device that was there already
  std::optional<link::Uri> port_uri_;  // of its port, when that is not the console's link
  fs::path run_;
  std::shared_ptr<link::OpenOcd> probe_;
  std::optional<link::DeviceConsole> console_;
  std::optional<link::Programmer> port_;
  std::string trace_;
};

}  // namespace birthmark::line
