// SPDX-License-Identifier: Apache-2.0
// The parts that were received, as the line looks them up, and the commit that says which unit has
// which. Leaves out lists and reels (app) and the proof (method/sapodilla.h). Not thread-safe.
#pragma once

#include "line/desk.h"
#include "method/sapodilla.h"

namespace birthmark::line {

class PartsBin : public method::Elements {
 public:
  // `desk` gives the context of events as the line sets it; all outlive the bin.
  PartsBin(ledger::LogWriter& log, fs::path log_dir, const plan::Plan& plan, const Clock& clock,
           IssuingDesk& desk)
      : log_(log), log_dir_(std::move(log_dir)), plan_(plan), clock_(clock), desk_(desk) {}

  // Find knows parts of this product alone.
  Result<std::optional<method::KnownElement>> Find(const std::string& uid) override;
  // Matched: see method::Elements. Errors also: audit.* (the key is a weak one), desk.lot-stopped,
  // sapodilla.certificate (no authority of ours issued it).
  Status Matched(const method::Job& job, const method::KnownElement& element, ByteView certificate,
                 bool our_pki) override;

 private:
  Result<std::string> AuthorityOf(const crypto::Certificate& c);

  ledger::LogWriter& log_;
  fs::path log_dir_;
  const plan::Plan& plan_;
  const Clock& clock_;
  IssuingDesk& desk_;
};

}  // namespace birthmark::line
