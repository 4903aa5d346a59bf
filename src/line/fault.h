// SPDX-License-Identifier: Apache-2.0
// Faults that a rehearsal has on purpose: something stops, loses power, or comes unplugged, before
// or after a step of a unit. They strike once, the first unit that a run brings to the step. Leaves
// out production, where nothing of this can be asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "line/fixture.h"

namespace birthmark::line {

// Fault is one of
//   station:before|after:STEP   this process is killed, as by kill -9
//   device:before|after:STEP    the device loses its power and gets it back
//   link:before|after:STEP      the cable comes out and is put back
//   unit:before:STEP            the step finds the unit broken for good
//   device:write:N              the device loses its power after N writes to its flash and fuses
//   link:cut-frame:N, link:drop-frame:N   frame N of the console comes cut short, or not at all
struct Fault {
  enum class Of { kStation, kDevice, kLink, kUnit };
  enum class When { kBefore, kAfter, kWrite, kCutFrame, kDropFrame };
  Of of = Of::kStation;
  When when = When::kBefore;
  std::string step;
  uint64_t number = 0;
};

// ParseFault reads that text. Errors: line.fault (usage).
Result<Fault> ParseFault(std::string_view text);

// Faults are those of one run. Not thread-safe.
class Faults {
 public:
  explicit Faults(std::vector<Fault> faults) : waiting_(std::move(faults)) {}
  // ForEmulator takes out what the next device is to be started with.
  std::vector<std::string> ForEmulator();
  // Strike does what waits for this moment. Errors: line.broken (unit), those of the fixture.
  Status Strike(Fault::When when, std::string_view step, Fixture& fixture);

 private:
  std::vector<Fault> waiting_;
};

}  // namespace birthmark::line
