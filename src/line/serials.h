// SPDX-License-Identifier: Apache-2.0
// Free serial numbers of a plan's pattern: taken by no unit, no pool and no identity. The line and
// the pool both count with this, so that they never give the same number. A station that works by
// itself has numbers of its own, which nobody else takes. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "ledger/sqlite/registry.h"
#include "plan/plan.h"

namespace birthmark::line {

class SerialNumbers {
 public:
  SerialNumbers(ledger::Registry& registry, const plan::Plan& plan)
      : registry_(registry), plan_(plan) {}
  // Next is a free number; it gives each once, even when nothing was made of the one before.
  // Errors: line.serial-list (the plan has a list), line.serials-used-up.
  Result<std::string> Next();

 private:
  // Range is numbers that belong to one island, or that a restore gave up.
  struct Range {
    uint64_t first = 0, last = 0;
  };
  Result<bool> Taken(const std::string& unit);
  // LoadRanges reads who may take which numbers from the log's events.
  Status LoadRanges();
  // Allowed is the first number from `n` on that this log's units may have; 0: none.
  uint64_t Allowed(uint64_t n) const;
  uint64_t NotOthers(uint64_t n) const;
  ledger::Registry& registry_;
  const plan::Plan& plan_;
  ledger::Stmt in_pool_;
  uint64_t next_ = 0;                 // 0: not begun
  std::vector<Range> ours_, others_;  // by number; no ours: everything that is not others'
  std::vector<Range> lost_;           // see ledger::WorkspaceRestored
};

}  // namespace birthmark::line
