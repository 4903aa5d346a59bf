// SPDX-License-Identifier: Apache-2.0
// An opened workspace: for looking (a snapshot) and for changing (the one writer, unlocked keys).
// Leaves out every rule about what may be changed. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/keys.h"
#include "app/layout.h"
#include "app/lend.h"
#include "base/clock.h"
#include "base/ids.h"
#include "ledger/sqlite/log_reader.h"
#include "ledger/sqlite/log_writer.h"
#include "line/firmware.h"
#include "pki/profile.h"
#include "pki/serial.h"
#include "plan/plan.h"

namespace birthmark::app {

// AdoptedPlan is a plan in force.
struct AdoptedPlan {
  plan::Plan plan;
  uint32_t version = 1;
};

// PlansOf gives the newest plan of each product, by product id. Errors: plan.stored (a stored plan
// that this release cannot read).
Result<std::map<std::string, AdoptedPlan>> PlansOf(ledger::LogReader& reader);
// PlanOf gives the plan of a product; an empty id means the only one.
// Errors: product.unknown, product.which (there are several: name one with --product).
Result<AdoptedPlan> PlanOf(ledger::LogReader& reader, const std::string& product);

// OpenReader opens a workspace for looking. Errors: workspace.missing and those of LogReader.
Result<std::unique_ptr<ledger::LogReader>> OpenReader(const fs::path& workspace);

// Factory is a workspace opened for changing.
struct Factory {
  // Open takes the workspace's lock and unlocks its keys. `as` is a pseudonym, or empty for the
  // local credential. Errors: workspace.missing, ledger.locked, credential.unknown, those of
  // keystore.
  static Result<std::unique_ptr<Factory>> Open(const fs::path& workspace, const KeySource& keys,
                                               bool offline_too, const std::string& product,
                                               const std::string& as, const Clock& clock);

  // NewReader is a snapshot of now.
  Result<std::unique_ptr<ledger::LogReader>> NewReader() const {
    return ledger::LogReader::Open(layout.ledger());
  }

  explicit Factory(fs::path ws) : layout(std::move(ws)) {}
  Layout layout;
  OpenKeys keys;
  std::optional<Loan> loan;  // given back after the log is closed
  std::unique_ptr<ledger::LogWriter> log;
  ledger::Genesis genesis;
  AdoptedPlan adopted;
  pki::Marks marks;
  SystemRng rng;
  std::unique_ptr<pki::SerialSource> serials;
  ledger::EventContext context;  // actor is the credential's pseudonym
};

// SignersOf reads the manufacturer's end-entity certificates from the log: by PKI id.
Result<std::map<std::string, line::SignerChain>> SignersOf(ledger::LogReader& reader);

}  // namespace birthmark::app
