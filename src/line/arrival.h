// SPDX-License-Identifier: Apache-2.0
// Which unit stands on a real fixture: the station waits until a device answers, or until its label
// is scanned, and finds the unit that it is. Leaves out emulated devices, which the line switches
// on itself. Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "line/fixture.h"
#include "line/run.h"

namespace birthmark::line {

// Links is where a station reaches its device: a console, and a programmer's port where it has one
// of its own.
struct Links {
  link::Uri console;
  std::optional<link::Uri> port;  // openocd:
};

// ReadLinks reads both as station.toml has them; `port` may be empty. Errors: link.uri,
// fixture.link (no link to a device that is there).
Result<Links> ReadLinks(const std::string& console, const std::string& port);

struct ArrivalServices {
  LineRun& run;
  const plan::Plan& plan;
  Links links;
  // Scan gives the next serial number from a scanner; nothing at its end. Empty: none is scanned,
  // and a device is the unit that it says it is.
  std::function<std::optional<std::string>()> scan;
  std::function<bool()> stop;
  std::function<void(const std::string&)> tell;  // what the people at the station should do
};

class Arrivals {
 public:
  explicit Arrivals(ArrivalServices services) : s_(std::move(services)) {}

  // Next waits for a device that is not the one before and gives the serial number of its unit: the
  // one scanned; else its own, when an earlier visit gave it one; else that of a unit that was
  // begun and never got so far; else the next free one. Nothing: the people stopped.
  // Errors: line.mis-scan (the device is another unit than the label says), line.foreign (a number
  // that is not this product's), those of LineRun::NextSerial.
  Result<std::optional<std::string>> Next();
  // Again lets the device before come once more: its unit is not finished.
  void Again() { last_.clear(); }
  // Place opens the fixture for the unit that Next gave.
  Result<Fixture> Place() const;

 private:
  Result<std::optional<link::Hello>> WaitForDevice();
  ArrivalServices s_;
  Bytes last_;  // chip identifier of the device before
};

}  // namespace birthmark::line
