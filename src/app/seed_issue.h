// SPDX-License-Identifier: Apache-2.0
// From seeds to durable certificates: each seed is turned into a public key and wiped, and many
// certificates enter the log in one commit with the event that says whose seeds they came from.
// Leaves out where the seeds lie (seed_store.h, the maker's file). Not thread-safe.
#pragma once

#include <string>
#include <vector>

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

  explicit SeedIssuer(SeedIssuerServices services)
      : s_(std::move(services)), serials_(s_.log.registry(), s_.plan) {}

  // IsUsed is true for a chip whose seed was used before.
  Result<bool> IsUsed(std::string_view chip);
  // Take derives a chip's key and certifies it; `serial` empty draws the next number of the plan.
  // Nothing is durable before Commit. Errors: those of seed::Derive, the desk and the serials.
  Status Take(std::string chip, std::string serial, SecretBytes seed);
  // Full tells that a run is due to be committed.
  bool Full() const { return events_.size() >= kRun; }
  // Commit makes what was taken durable. A key or a unit that the ledger refuses is recorded as a
  // refused seed and the others are kept. Errors: those of the ledger.
  Status Commit();

  uint64_t issued() const { return issued_; }
  uint64_t refused() const { return refused_; }

 private:
  Status Append(std::vector<ledger::NewEvent>& events, size_t from, size_t to);
  Status Refuse(size_t i, const Error& why);

  SeedIssuerServices s_;
  line::SerialNumbers serials_;
  std::vector<ledger::NewEvent> events_;
  std::vector<std::string> chips_, units_;
  Time from_{}, to_{};
  uint64_t issued_ = 0, refused_ = 0;
};

}  // namespace birthmark::app
