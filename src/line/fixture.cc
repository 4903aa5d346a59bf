// SPDX-License-Identifier: Apache-2.0
#include "line/fixture.h"

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "link/tap.h"

namespace birthmark::line {
namespace {

constexpr auto kReconnect = std::chrono::seconds(5);  // a USB adapter that is put back

Result<link::Board> BoardOf(const std::string& name) {
  std::optional<link::Board> board = link::FindBoard(name);
  if (!board) return Refused("line.board", "no board is called " + name, "use bmc or bulb");
  return std::move(*board);
}

}  // namespace

Result<Fixture> Fixture::PlaceEmulated(const std::string& board_name, const fs::path& state,
                                       const std::vector<std::string>& faults,
                                       const std::string& element) {
  BM_TRY(link::Board board, BoardOf(board_name));
  BM_CHECK(MakeDirs(state, 0700));
  std::string run = (fs::temp_directory_path() / "bm-XXXXXX").string();
  if (mkdtemp(run.data()) == nullptr) return std::unexpected(FromErrno("line.fixture", run, errno));
  Fixture fixture(std::move(board));
  fixture.run_ = run;
  link::EmulatorOptions options{.program = {},
                                .board = board_name,
                                .state = state,
                                .uid_hex = {},
                                .programmer_socket = run + "/port",
                                .jtag_socket = run + "/jtag",
                                .element = element,
                                .lifetime_seconds = 600,
                                .faults = faults};
  BM_TRY(link::Emulator device, link::Emulator::Start(options));
  fixture.device_.emplace(std::move(device));
  return fixture;
}

Result<Fixture> Fixture::PlaceFirmware(const fs::path& state) {
  BM_TRY(link::Board board, BoardOf("bmc"));
  BM_TRY(QemuDevice machine, QemuDevice::Start({.firmware = {}, .state = state}));
  Fixture fixture(std::move(board));
  fixture.way_ = Way::kFirmware;
  fixture.machine_.emplace(std::move(machine));
  return fixture;
}

Result<Fixture> Fixture::PlaceLinked(const std::string& board_name, const link::Uri& uri,
                                     const std::optional<link::Uri>& port) {
  BM_TRY(link::Board board, BoardOf(board_name));
  Fixture fixture(std::move(board));
  switch (uri.scheme) {
    case link::Uri::Scheme::kEmulator:
      return Usage("fixture.link", link::ToText(uri) + " is no link to a device that is there",
                   "use serial:, unix: or openocd:");
    case link::Uri::Scheme::kSerial:
      fixture.way_ = Way::kSerial;
      break;
    case link::Uri::Scheme::kUnix:
      fixture.way_ = Way::kUnix;
      break;
    case link::Uri::Scheme::kOpenOcd:
      fixture.way_ = Way::kOpenOcd;
  }
  fixture.uri_ = uri;
  fixture.port_uri_ = port;
  return fixture;
}

Fixture::Fixture(Fixture&& o) noexcept
    : board_(std::move(o.board_)),
      way_(o.way_),
      device_(std::move(o.device_)),
      machine_(std::move(o.machine_)),
      uri_(std::move(o.uri_)),
      port_uri_(std::move(o.port_uri_)),
      run_(std::move(o.run_)),
      probe_(std::move(o.probe_)),
      console_(std::move(o.console_)),
      port_(std::move(o.port_)),
      trace_(std::move(o.trace_)) {
  o.run_.clear();
}

Fixture::~Fixture() {
  LetGo();
  device_.reset();
  if (run_.empty()) return;
  std::error_code ec;
  fs::remove_all(run_, ec);
}

void Fixture::LetGo() {
  console_.reset();
  port_.reset();
  probe_.reset();
}

void Fixture::Reach(std::string_view scheme) {
  if (uri_ || machine_) return;  // such a device has the link it has
  Way way = scheme == "openocd"  ? Way::kOpenOcd
            : scheme == "serial" ? Way::kSerial
                                 : Way::kEmulator;
  if (way != way_) LetGo();
  way_ = way;
}

Result<std::shared_ptr<link::OpenOcd>> Fixture::Probe() {
  if (!probe_) {
    const std::optional<link::Uri>& there = port_uri_ ? port_uri_ : uri_;
    BM_TRY(link::OpenOcd probe, there ? link::OpenOcd::Connect(there->target, there->port)
                                      : link::OpenOcd::Start({.socket = device_->jtag()}));
    probe_ = std::make_shared<link::OpenOcd>(std::move(probe));
  }
  return probe_;
}

Result<link::DeviceConsole> Fixture::OpenConsole() {
  if (machine_) return machine_->Console();
  if (way_ == Way::kEmulator) return link::DeviceConsole::Open(device_->console());
  if (way_ == Way::kOpenOcd) {
    BM_TRY(auto probe, Probe());
    auto stream = link::OpenMailbox(std::move(probe));
    if (!stream && stream.error().code == "port.closed") {
      return Refused("fixture.closed",
                     "this step needs the console, and the mailbox went with the port's lock",
                     "give the stations after port-lock and tamper-proof a serial link");
    }
    if (!stream) return std::unexpected(std::move(stream).error());
    return link::DeviceConsole::Over(std::move(*stream));
  }
  BM_TRY(link::Uri uri, uri_ ? *uri_ : link::ParseUri("serial:" + device_->console()));
  BM_TRY(auto stream, link::OpenStream(uri));
  link::SerialOptions options;
  if (uri_) options.reconnect = kReconnect;
  return link::DeviceConsole::Over(std::move(stream), options);
}

Result<link::DeviceConsole*> Fixture::Console() {
  ReleasePort();
  if (!console_) {
    BM_TRY(link::DeviceConsole console, OpenConsole());
    console_.emplace(std::move(console));
  }
  if (way_ == Way::kOpenOcd) Note("console through the JTAG mailbox by " + probe_->version());
  if (way_ == Way::kSerial) Note("console over a serial line");
  if (way_ == Way::kUnix) Note("console over a UART's socket");
  if (way_ == Way::kFirmware) Note("console over the UART of firmware on an emulated machine");
  return &*console_;
}

Result<link::Programmer*> Fixture::Port() {
  console_.reset();
  if (way_ == Way::kOpenOcd || port_uri_) {
    BM_TRY(auto probe, Probe());
    Note("port through the TAP by " + probe->version());
    if (!port_) {
      BM_TRY(link::Programmer port, link::AttachProbe(std::move(probe)));
      port_.emplace(std::move(port));
    }
  } else if (machine_) {
    Note("flash by a clip on the chip, the device without power");
    if (!port_) port_.emplace(machine_->ClipOn());
  } else if (!device_) {
    return Refused("fixture.no-port", link::ToText(*uri_) + " has no programmer's port",
                   "give the station a port = \"openocd:HOST:PORT\" in station.toml, or --port");
  } else if (!port_) {
    BM_TRY(link::Programmer port, link::Programmer::Connect(device_->programmer()));
    port_.emplace(std::move(port));
  }
  return &*port_;
}

void Fixture::ReleasePort() { port_.reset(); }

Status Fixture::PowerCycle() {
  if (machine_) {
    LetGo();
    return machine_->PowerCycle();
  }
  if (!device_) {
    return Refused("fixture.no-switch", "nothing here switches this device's power",
                   "switch it off and on by hand");
  }
  LetGo();
  return device_->PowerCycle();
}

Status Fixture::Reset() {
  BM_TRY(link::DeviceConsole * console, Console());
  return console->Reset();
}

void Fixture::Note(std::string_view used) {
  if (trace_.find(used) == std::string::npos)
    trace_ += (trace_.empty() ? "" : ", ") + std::string(used);
}

std::string Fixture::TakeTrace() { return std::exchange(trace_, {}); }

}  // namespace birthmark::line
