// SPDX-License-Identifier: Apache-2.0
// The registry as commands look at it, over a workspace or over an evidence bundle alike: from a
// bundle the same fold fills tables in memory. Read-only. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "app/factory.h"
#include "ledger/bundle.h"

namespace birthmark::app {

class View {
 public:
  // Open takes a workspace's folder or a bundle's file. Errors: those of OpenReader and
  // Bundle::Open.
  static Result<std::unique_ptr<View>> Open(const std::string& workspace_or_bundle);

  ledger::Registry& registry() { return reader_ ? reader_->registry() : *registry_; }
  ledger::EventSource& events();
  // EventAt gives one event. Errors: ledger.no-event (also for a redacted one).
  Result<ledger::Event> EventAt(uint64_t seq);
  bool rehearsal() const { return rehearsal_; }

 private:
  View() = default;
  Status FillFrom(ledger::Bundle& bundle);
  std::unique_ptr<ledger::LogReader> reader_;
  std::unique_ptr<ledger::Bundle> bundle_;
  ledger::Db db_;
  std::optional<ledger::Registry> registry_;
  std::multimap<ledger::Key16, uint64_t> keys_;
  bool rehearsal_ = true;
};

}  // namespace birthmark::app
