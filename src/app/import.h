// SPDX-License-Identifier: Apache-2.0
// Takes segments of an island's log into this one, exactly once: a push that comes twice, from two
// sides, or after a crash in the middle changes nothing. An entry that cannot be taken is set aside
// and named, and stands in nobody's way. Leaves out who may push (station_service). Not
// thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/cert.h"
#include "ledger/bundle.h"
#include "ledger/sqlite/log_writer.h"

namespace birthmark::app {

// WithLog runs a function on the log between two commits: on the writer's thread where there is a
// queue, at once where a command holds the log itself.
using WithLog = std::function<void(const std::function<void(ledger::LogWriter&)>&)>;

// IslandAuthority is one quota of an island.
struct IslandAuthority {
  std::string id;
  crypto::Certificate certificate;
  std::optional<uint64_t> max_count;
  std::optional<int64_t> issues_until;
};

// Island is what this log says of another: who writes it and what it may issue.
struct Island {
  std::string origin, station, product;
  Bytes log_key;
  std::vector<IslandAuthority> authorities;
};

// FindIsland reads it from the log. Errors: import.unknown-log.
Result<Island> FindIsland(ledger::LogReader& reader, const std::string& origin);

// ImportResult is what one segment changed.
struct ImportResult {
  std::string origin;
  uint64_t next = 0;  // the island's first entry that is not here
  uint64_t taken = 0;
  uint64_t set_aside = 0;
  std::vector<std::string> named;  // the first of those set aside: "entry 17: <code>: <message>"
};

class Importer {
 public:
  // `context` is that of the events made here. Everything referred to outlives the importer.
  Importer(WithLog with_log, fs::path log_dir, const Clock& clock, ledger::EventContext context)
      : with_log_(std::move(with_log)),
        log_dir_(std::move(log_dir)),
        clock_(clock),
        context_(std::move(context)) {}

  // Import takes a segment: an evidence bundle that ends at a checkpoint signed by the island's
  // log. It may begin anywhere up to the first entry that is not here. `station`, unless empty, is
  // the one whose log it must be. Errors: import.unknown-log, import.other-station,
  // import.redacted, import.too-large, import.gap (its message names where to begin), import.fork
  // (it does not go on from what is here), those of bundles and checkpoints, those of the log that
  // are not an entry's own fault.
  Result<ImportResult> Import(const ledger::OpenStream& open, const std::string& station = "");

 private:
  WithLog with_log_;
  fs::path log_dir_;
  const Clock& clock_;
  ledger::EventContext context_;
};

}  // namespace birthmark::app
