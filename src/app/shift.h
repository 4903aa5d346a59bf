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
  std::function<void(const line::UnitResult&)> tell;
  std::function<bool()> stop;  // asked between units: Ctrl-C
};

struct ShiftResult {
  uint64_t good = 0, scrapped = 0;
  uint64_t unexplained = 0;   // identities neither installed nor ended
  uint64_t begun_before = 0;  // units that an earlier run had begun
  bool stopped = false;
};

// RunShift. Errors: shift.no-person (nobody is enrolled), shift.link (a plan without an emulated
// board: real links wait for a connection), those of the line, the ledger and the key stores.
Result<ShiftResult> RunShift(const ShiftOptions& options, const KeySource& keys,
                             const Clock& clock);

}  // namespace birthmark::app
