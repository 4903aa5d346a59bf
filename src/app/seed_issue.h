// SPDX-License-Identifier: Apache-2.0
// From seeds to durable certificates: seeds are turned into public keys and wiped, some at a time,
// and many certificates enter the log in one commit. Leaves out where the seeds lie (seed_store.h,
// the maker's file) and the commit (seed_runs.h). Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "app/seed_runs.h"
#include "base/clock.h"
#include "crypto/key.h"
#include "ledger/sqlite/log_writer.h"
#include "line/desk.h"
#include "line/serials.h"

namespace birthmark::app {

// SeedIssuerServices is what an issuer works with; all of it outlives the issuer.
struct SeedIssuerServices {
  ledger::LogWriter& log;
  line::IssuingDesk& desk;
  const plan::Plan& plan;
  const Clock& clock;
  ledger::EventContext context;
  std::string batch;
  std::string slot;
  crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256;
  std::string place;  // where this process is: "derivation site process"
};

class SeedIssuer {
 public:
  // kRun is how many certificates a commit holds: what is in memory at once.
  static constexpr size_t kRun = 4096;
  // kTogether is how many seeds are derived from together: what is in memory of them.
  static constexpr size_t kTogether = 64;

  explicit SeedIssuer(SeedIssuerServices services)
      : s_(std::move(services)),
        serials_(s_.log.registry(), s_.plan),
        runs_(s_.log, s_.clock, s_.context) {}

  // IsUsed is true for a chip whose seed was used before.
  Result<bool> IsUsed(std::string_view chip);
  // Take has a chip's key derived and certified, with the next ones or at Commit; `serial` empty
  // draws the next number of the plan. Errors: those of seed::Derive, the desk and the serials;
  // what is named may be a seed that was taken before.
  Status Take(std::string chip, std::string serial, SecretBytes seed);
  // Full tells that a run is due to be committed.
  bool Full() const { return runs_.size() + waiting_.size() >= kRun; }
  // Commit makes what was taken durable. A key or a unit that the ledger refuses is recorded as a
  // refused seed and the others are kept. Errors: those of Take and of the ledger.
  Status Commit();
  // Done is how many of the seeds that were taken, in their order, are in the log by now: issued
  // or refused. The others were wiped unused.
  uint64_t Done() const { return runs_.issued() + runs_.refused(); }

  uint64_t issued() const { return runs_.issued(); }
  uint64_t refused() const { return runs_.refused(); }

 private:
  struct Waiting {
    std::string chip, serial;
  };
  Status Certify();

  SeedIssuerServices s_;
  line::SerialNumbers serials_;
  SeedRuns runs_;
  std::vector<Waiting> waiting_;
  std::vector<SecretBytes> seeds_;  // of those that wait
  Time from_{}, to_{};
};

}  // namespace birthmark::app
