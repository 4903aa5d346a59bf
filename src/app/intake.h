// SPDX-License-Identifier: Apache-2.0
// Parts into the ledger as a list names them: each new one once, in runs, in flat memory. Leaves
// out who may do it and how a list is opened (manifests.h). Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/findings.h"
#include "base/ids.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_writer.h"
#include "manifest/part.h"

namespace birthmark::app {

struct IntakeServices {
  ledger::LogWriter& log;
  fs::path log_dir;
  const ledger::EventContext& context;
  Rng& rng;
  const Clock& clock;
};
struct IntakeOptions {
  std::string reel;  // of parts that name none
  bool dry_run = false;
  std::function<void(uint64_t parts)> tell;  // progress
  std::function<bool()> stop;                // what was taken stays
};

struct ImportedManifest {
  std::string id;    // empty: nothing was new and nothing is recorded
  std::string kind;  // "microchip-tp", "tpm-ek-csv", "tpm-ek-folder"
  bool test = false;
  bool stopped = false;
  uint64_t elements = 0;  // new here
  uint64_t known = 0;     // were here already
  uint64_t refused = 0;
  uint64_t sealed_secrets = 0;  // came with the parts, encrypted; none was opened
  std::vector<std::string> reels;
  Findings findings;  // the first refusals, each with its element's name
};

// TakeParts reads a list to its end. `head` says what kind of list it is and for which product;
// `digest` gives the file's when it was read. A part's own refusals besides its reader's:
// manifest.duplicate, manifest.other-key, manifest.other-product, manifest.same-key.
// Errors: those of the reader and of the ledger.
Result<ImportedManifest> TakeParts(const IntakeServices& services, const IntakeOptions& options,
                                   manifest::PartReader& reader, ledger::ManifestImported head,
                                   const std::function<Digest()>& digest);

}  // namespace birthmark::app
