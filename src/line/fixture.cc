// SPDX-License-Identifier: Apache-2.0
#include "line/fixture.h"

#include <cerrno>
#include <cstdlib>

namespace birthmark::line {

Result<Fixture> Fixture::PlaceEmulated(const std::string& board_name, const fs::path& state,
                                       const std::vector<std::string>& faults) {
  std::optional<link::Board> board = link::FindBoard(board_name);
  if (!board)
    return Refused("line.board", "no emulated board is called " + board_name, "use bmc or bulb");
  BM_CHECK(MakeDirs(state, 0700));
  std::string run = (fs::temp_directory_path() / "bm-XXXXXX").string();
  if (mkdtemp(run.data()) == nullptr) return std::unexpected(FromErrno("line.fixture", run, errno));
  link::EmulatorOptions options{.program = {},
                                .board = board_name,
                                .state = state,
                                .uid_hex = {},
                                .programmer_socket = run + "/port",
                                .lifetime_seconds = 600,
                                .faults = faults};
  Result<link::Emulator> device = link::Emulator::Start(options);
  if (!device) {
    std::error_code ec;
    fs::remove_all(run, ec);
    return std::unexpected(std::move(device).error());
  }
  return Fixture(std::move(*board), std::move(*device), run);
}

Fixture::Fixture(Fixture&& o) noexcept
    : board_(std::move(o.board_)),
      device_(std::move(o.device_)),
      run_(std::move(o.run_)),
      console_(std::move(o.console_)),
      port_(std::move(o.port_)) {
  o.run_.clear();
}

Fixture::~Fixture() {
  console_.reset();
  port_.reset();
  if (run_.empty()) return;
  device_.Stop();
  std::error_code ec;
  fs::remove_all(run_, ec);
}

Result<link::DeviceConsole*> Fixture::Console() {
  ReleasePort();
  if (!console_) {
    BM_TRY(link::DeviceConsole console, link::DeviceConsole::Open(device_.console()));
    console_.emplace(std::move(console));
  }
  return &*console_;
}

Result<link::Programmer*> Fixture::Port() {
  console_.reset();
  if (!port_) {
    BM_TRY(link::Programmer port, link::Programmer::Connect(device_.programmer()));
    port_.emplace(std::move(port));
  }
  return &*port_;
}

void Fixture::ReleasePort() { port_.reset(); }

Status Fixture::PowerCycle() {
  console_.reset();
  port_.reset();
  return device_.PowerCycle();
}

Status Fixture::Reset() {
  BM_TRY(link::DeviceConsole * console, Console());
  return console->Reset();
}

}  // namespace birthmark::line
