// SPDX-License-Identifier: Apache-2.0
// VerifyLog: is a log what it says it is? Looks at everything once, in flat memory, and reports all
// it finds. Leaves out mending. Source: docs/formats/ledger.md, "What can be found".
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/findings.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::ledger {

struct VerifyOptions {
  // A checkpoint kept elsewhere: without one, a log that was put back to an older state cannot be
  // told from one that never went further.
  std::optional<std::string> since;
  // The key to trust for checkpoints; without it the key that the log's own first event names.
  std::optional<NoteKey> key;
  size_t max_findings = 100;
  std::function<void(uint64_t events)> progress;
};

// VerifyReport is what was found; `seq` of a finding stands in its message.
struct VerifyReport {
  Findings findings;
  uint64_t events = 0;
  uint64_t checkpoints = 0;  // of the log's own, whose signature and root hold
  Digest root{};             // of the events as they are
};

// VerifyLog recomputes every leaf and the tree, decodes every event strictly, checks every
// checkpoint, folds the registry anew and compares, and looks every identity up in the key index.
// Codes: ledger.event-missing, ledger.event-changed, ledger.event-malformed, ledger.event-order,
// ledger.tile, ledger.checkpoint, ledger.rolled-back, ledger.fork, ledger.other-log,
// ledger.registry, ledger.key-index, ledger.slot-live, ledger.key-seen, ledger.genesis; and
// ledger.restored, which explains a fork that the log itself tells of. Errors: only what keeps it
// from looking (ledger.io, ledger.corrupt).
Result<VerifyReport> VerifyLog(LogReader& log, const VerifyOptions& options = {});

}  // namespace birthmark::ledger
