// SPDX-License-Identifier: Apache-2.0
// What leaves the workspace: checkpoints, evidence bundles, disclosures. Each is committed to the
// log before its file is written.
#pragma once

#include <optional>
#include <string>

#include "app/factory.h"
#include "base/findings.h"

namespace birthmark::app {

// CheckpointNow signs the log as it is, unless it is signed already.
Result<std::string> CheckpointNow(Factory& factory);
// SignCheckpoint signs where the log stands; `file` empty only returns the note.
Result<std::string> SignCheckpoint(const fs::path& workspace, const KeySource& keys,
                                   const Clock& clock, const fs::path& file);

// BundleResult tells what was written.
struct BundleResult {
  uint64_t events = 0;
  std::string checkpoint;
};
// WriteBundle signs a checkpoint and writes all events up to it. When nothing was appended since
// the last checkpoint, that one is used, so that a bundle fits the disclosure made before it.
Result<BundleResult> WriteBundle(const fs::path& workspace, const KeySource& keys,
                                 const Clock& clock, const fs::path& file);

struct DiscloseOptions {
  fs::path workspace;
  std::string product;
  std::string as;
  fs::path file;
  bool dry_run = false;
};
struct DiscloseResult {
  std::string guard;  // the leak guard's line
  Findings findings;  // warnings, and errors when it refused
  uint32_t version = 1;
  bool rehearsal = true;
  bool refused = false;
};
// DiscloseProduct answers, builds, guards, signs and writes. Errors: those of the parts; a refusal
// of the guard or a contradiction is in the result and nothing is signed.
Result<DiscloseResult> DiscloseProduct(const DiscloseOptions& options, const KeySource& keys,
                                       const Clock& clock);

// EventsUpTo is a source cut off at a size: what a checkpoint speaks of.
class EventsUpTo : public ledger::EventSource {
 public:
  EventsUpTo(ledger::LogReader& reader, uint64_t size) : reader_(reader), size_(size) {}
  Status ForEach(const ledger::EventFn& fn) override { return reader_.ForRange(0, size_, fn); }

 private:
  ledger::LogReader& reader_;
  uint64_t size_;
};

}  // namespace birthmark::app
