// SPDX-License-Identifier: Apache-2.0
#include "line/arrival.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace birthmark::line {
namespace {

constexpr auto kLook = std::chrono::milliseconds(200);

Status CheckThere(const link::Uri& uri) {
  if (uri.scheme != link::Uri::Scheme::kEmulator) return {};
  return Usage("fixture.link", link::ToText(uri) + " is no link to a device that is there",
               "use serial:, unix: or openocd:");
}

}  // namespace

Result<Links> ReadLinks(const std::string& console, const std::string& port) {
  Links out;
  BM_TRY(out.console, link::ParseUri(console));
  BM_CHECK(CheckThere(out.console));
  if (port.empty()) return out;
  BM_TRY(out.port, link::ParseUri(port));
  if (out.port->scheme != link::Uri::Scheme::kOpenOcd) {
    return Usage("fixture.link", port + " is no programmer's port",
                 "use openocd:HOST:PORT, the Tcl port of an OpenOCD that runs");
  }
  return out;
}

Result<Fixture> Arrivals::Place() const {
  return Fixture::PlaceLinked(std::string(plan::ToText(*s_.plan.board)), s_.links.console,
                              s_.links.port);
}

Result<std::optional<link::Hello>> Arrivals::WaitForDevice() {
  bool told = false;
  std::string why;
  for (;;) {
    if (s_.stop && s_.stop()) return std::nullopt;
    auto look = [&]() -> Result<link::Hello> {
      BM_TRY(Fixture fixture, Place());
      BM_TRY(link::DeviceConsole * console, fixture.Console());
      return console->SayHello();
    };
    Result<link::Hello> hello = look();
    if (hello && hello->uid != last_) return *hello;
    // A port that is not there yet may come with the device; a wrong path shows in what is told.
    std::string now = hello ? "the unit on it is done: put the next one on" : hello.error().message;
    if (!told || now != why) {
      s_.tell(fmt::format("waiting for a device at {} ({})", link::ToText(s_.links.console), now));
    }
    told = true;
    why = std::move(now);
    std::this_thread::sleep_for(kLook);
  }
}

Result<std::optional<std::string>> Arrivals::Next() {
  std::optional<std::string> scanned;
  if (s_.scan) {
    s_.tell("waiting for a scan");
    scanned = s_.scan();
    if (!scanned) return std::nullopt;
    if (!s_.plan.product.serial_pattern.empty() &&
        !plan::NumberOf(s_.plan.product.serial_pattern, *scanned)) {
      return Refused("line.foreign",
                     fmt::format("\"{}\" is no serial number of {}", *scanned, s_.plan.product.id),
                     "scan the unit's serial number, not another code of the label");
    }
  }
  BM_TRY(std::optional<link::Hello> hello, WaitForDevice());
  if (!hello) return std::nullopt;
  last_ = hello->uid;
  BM_TRY(std::vector<std::string> begun, s_.run.Unfinished());
  if (scanned) {
    if (!hello->serial.empty() && hello->serial != *scanned) {
      return Refused("line.mis-scan",
                     fmt::format("the label says {}, the device on the fixture says {}", *scanned,
                                 hello->serial),
                     "scan the unit that is on the fixture");
    }
    return scanned;
  }
  if (hello->serial.empty()) {
    if (!begun.empty()) return begun.front();
    BM_TRY(std::string serial, s_.run.NextSerial());
    return serial;
  }
  if (std::ranges::find(begun, hello->serial) == begun.end()) {
    return Refused("line.foreign",
                   fmt::format("the device says that it is {}, which this line has not begun or "
                               "has finished",
                               hello->serial),
                   "take it off; `birthmark unit show` tells what became of it");
  }
  return hello->serial;
}

}  // namespace birthmark::line
