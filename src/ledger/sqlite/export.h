// SPDX-License-Identifier: Apache-2.0
// ExportBundle: a log's events up to a checkpoint, as an evidence bundle. Leaves out who may see
// what: its caller says which events are redacted.
#pragma once

#include <functional>
#include <ostream>

#include "ledger/bundle.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::ledger {

struct ExportOptions {
  uint64_t from = 0;
  // Redact says which events are shown by their hash and type alone; without it, all are shown.
  std::function<bool(const Event&)> redact;
};

// ExportBundle writes the events [from, the checkpoint's size) of a snapshot. The checkpoint is one
// that the log keeps or that was kept for it. Errors: note.*, checkpoint.malformed, merkle.range,
// bundle.root, file.write.
Status ExportBundle(LogReader& log, const std::string& checkpoint, const ExportOptions& options,
                    std::ostream& out);

}  // namespace birthmark::ledger
