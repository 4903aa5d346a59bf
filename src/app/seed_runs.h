// SPDX-License-Identifier: Apache-2.0
// Certificates from seeds on their way into the log, a run in one commit with the event that says
// whose seeds they came from. One that the log refuses is found and left out; the others are kept.
// Leaves out where they come from (seed_issue.h, seed_package.h). Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::app {

class SeedRuns {
 public:
  SeedRuns(ledger::LogWriter& log, const Clock& clock, ledger::EventContext context)
      : log_(log), clock_(clock), context_(std::move(context)) {}

  // Add takes the identity.issued of a chip's unit. Nothing is durable before Commit.
  void Add(std::string chip, std::string unit, ledger::NewEvent event);
  size_t size() const { return events_.size(); }
  // Commit makes what was added durable under `run`, whose chips and units it fills in, and which
  // happened at `at`. Errors: those of the ledger.
  Status Commit(const ledger::SeedsUsed& run, Time at);

  // Drop forgets what was added and not committed.
  void Drop();

  uint64_t issued() const { return issued_; }
  uint64_t refused() const { return refused_; }
  // What was refused last, the oldest first: "CHIP: code: message", twenty at most.
  const std::vector<std::string>& named() const { return named_; }

 private:
  Status Append(const ledger::SeedsUsed& run, Time at, size_t from, size_t to);
  Status Refuse(const std::string& batch, size_t i, const Error& why);

  ledger::LogWriter& log_;
  const Clock& clock_;
  ledger::EventContext context_;
  std::vector<ledger::NewEvent> events_;
  std::vector<std::string> chips_, units_, named_;
  uint64_t issued_ = 0, refused_ = 0;
};

}  // namespace birthmark::app
