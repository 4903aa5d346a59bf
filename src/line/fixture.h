// SPDX-License-Identifier: Apache-2.0
// A device on a station: its serial console, its programmer's port, its power switch. For now the
// devices of a rehearsal; a real link is a port that is there already. One thread an object.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "link/board.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/programmer.h"

namespace birthmark::line {

class Fixture {
 public:
  // PlaceEmulated switches on the emulated device whose state is in `state`. The programmer's
  // socket is put into a short-named folder of its own, since a socket's path has 108 octets at
  // most.
  static Result<Fixture> PlaceEmulated(const std::string& board, const fs::path& state,
                                       const std::vector<std::string>& faults = {});
  Fixture(Fixture&& o) noexcept;
  Fixture& operator=(Fixture&&) = delete;
  ~Fixture();

  const link::Board& board() const { return board_; }
  // Console lets go of the port and says hello to the running device.
  Result<link::DeviceConsole*> Console();
  // Port holds the processor; what was said on the console before is over.
  Result<link::Programmer*> Port();
  // ReleasePort lets the processor boot again.
  void ReleasePort();
  // PowerCycle cuts the power and switches on again.
  Status PowerCycle();
  Status Reset();

 private:
  Fixture(link::Board board, link::Emulator device, fs::path run)
      : board_(std::move(board)), device_(std::move(device)), run_(std::move(run)) {}
  link::Board board_;
  link::Emulator device_;
  fs::path run_;
  std::optional<link::DeviceConsole> console_;
  std::optional<link::Programmer> port_;
};

}  // namespace birthmark::line
