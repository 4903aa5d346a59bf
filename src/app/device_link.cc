// SPDX-License-Identifier: Apache-2.0
#include "app/device_link.h"

#include "app/factory.h"
#include "app/units.h"
#include "link/tap.h"
#include "link/uri.h"

namespace birthmark::app {

Result<DeviceLink> DeviceLink::Open(const std::string& uri, const fs::path& workspace) {
  BM_TRY(const link::Uri parsed, link::ParseUri(uri));
  DeviceLink out;
  std::unique_ptr<link::ByteStream> stream;
  if (parsed.scheme == link::Uri::Scheme::kOpenOcd) {
    BM_TRY(link::OpenOcd probe, link::OpenOcd::Connect(parsed.target, parsed.port));
    BM_TRY(stream, link::OpenMailbox(std::make_shared<link::OpenOcd>(std::move(probe))));
  } else if (parsed.scheme != link::Uri::Scheme::kEmulator) {
    BM_TRY(stream, link::OpenStream(parsed));
  } else {
    if (workspace.empty()) {
      return Usage("link.workspace", uri + " is a unit of a workspace, and none is named",
                   "say --into WS");
    }
    BM_TRY(auto reader, OpenReader(workspace));
    BM_TRY(const std::string unit, ResolveUnit(reader->registry(), parsed.target));
    const size_t slash = unit.find('/');
    BM_TRY(const AdoptedPlan adopted, PlanOf(*reader, unit.substr(0, slash)));
    if (!adopted.plan.board) {
      return Refused("link.emulator", unit + " is of a product that is not emulated",
                     "name the link to the real device");
    }
    link::EmulatorOptions options;
    options.board = plan::ToText(*adopted.plan.board);
    options.state = Layout(workspace).devices() / unit.substr(slash + 1);
    BM_TRY(link::Emulator device, link::Emulator::Start(options));
    out.emulator_ = std::make_unique<link::Emulator>(std::move(device));
    BM_TRY(stream, link::OpenStream(
                       {.scheme = link::Uri::Scheme::kSerial, .target = out.emulator_->console()}));
  }
  BM_TRY(link::DeviceConsole console, link::DeviceConsole::Over(std::move(stream)));
  out.console_.emplace(std::move(console));
  return out;
}

}  // namespace birthmark::app
