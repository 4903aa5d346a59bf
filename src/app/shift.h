// SPDX-License-Identifier: Apache-2.0
// One run of the line as a command starts it: people signed on at the stations with proof, images
// made and released, anchors tried, then unit after unit. Not thread-safe.
#pragma once

#include <functional>

#include "app/factory.h"
#include "line/run.h"

namespace birthmark::app {

struct ShiftOptions {
  fs::path workspace;
  std::string product;  // empty: the only one
  std::string as;       // empty: the local credential
  uint64_t units = 1;
  std::vector<line::Fault> faults;  // a rehearsal's
  // The device's console and port where they are real; empty: as the station's file says, and
  // emulated in a folder that is no station's.
  std::string link, port;
  std::function<std::optional<std::string>()> scan;  // a scanner's next number; see line::Arrivals
  std::function<void(const std::string&)> note;      // what the people at the station should do
  std::function<void(const line::UnitResult&)> tell;
  std::function<bool()> stop;  // asked between units: Ctrl-C
};

struct ShiftResult {
  uint64_t good = 0, scrapped = 0;
  uint64_t waiting = 0;       // units that have not enrolled over the network yet
  uint64_t unexplained = 0;   // identities neither installed nor ended
  uint64_t begun_before = 0;  // units that an earlier run had begun
  bool stopped = false;
};

// RunShift. With a real link it takes one device after the other as they come. Errors:
// shift.no-person (nobody is enrolled), shift.link (the plan names no board, or a rehearsal's
// faults are asked of a real device), those of the line, the ledger and the key stores.
Result<ShiftResult> RunShift(const ShiftOptions& options, const KeySource& keys,
                             const Clock& clock);

}  // namespace birthmark::app
