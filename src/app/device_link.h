// SPDX-License-Identifier: Apache-2.0
// A device behind any kind of link: a serial line, a socket, the mailbox behind a debug probe, or
// an emulated device of a rehearsal, which is switched on for as long as the link lives. Leaves out
// the debug port itself (line/fixture.h). One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/files.h"
#include "link/console.h"
#include "link/emulator.h"
#include "link/openocd.h"

namespace birthmark::app {

class DeviceLink {
 public:
  // Open opens the console. emulator:ID is a unit of that workspace. Errors: link.uri,
  // link.workspace (an emulated device, and no workspace), unit.unknown; those of the links.
  static Result<DeviceLink> Open(const std::string& uri, const fs::path& workspace);

  link::DeviceConsole& console() { return *console_; }
  // emulated is true where the power goes with this object.
  bool emulated() const { return emulator_ != nullptr; }

 private:
  DeviceLink() = default;
  std::unique_ptr<link::Emulator> emulator_;
  std::optional<link::DeviceConsole> console_;
};

}  // namespace birthmark::app
