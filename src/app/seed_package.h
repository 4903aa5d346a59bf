// SPDX-License-Identifier: Apache-2.0
// Keys derived at a site that never touches the factory: the site hands over its signed log with
// all but certificates and the batches' custody hidden, and the factory takes in what it says.
// Seeds and private halves stay where they were. Leaves out deriving (seed_issue.h) and how the
// site's authority came to its certificate (on_behalf.h). Not thread-safe.
// Source: docs/formats/seed-package.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "base/findings.h"

namespace birthmark::app {

struct SeedPackage {
  uint64_t certificates = 0;
  uint64_t batches = 0;
  Digest file{};
};
// WriteSeedPackage writes the log of this site as far as it tells of seeds: package.delivered is
// committed before the file has its name. Errors: seeds.package-none (nothing was issued from
// seeds), file.write, those of the ledger and the key store.
Result<SeedPackage> WriteSeedPackage(Factory& site, const fs::path& file, const Clock& clock);

struct SeedPackageOptions {
  fs::path file;
  fs::path log_key;  // the site's log.vkey, had from the site itself
  bool dry_run = false;
  std::function<void(uint64_t done)> progress;
};
struct SeedPackageTaken {
  std::string origin;  // of the site's log
  uint64_t batches = 0;
  uint64_t certificates = 0;  // new here
  uint64_t known = 0;         // were here before
  uint64_t refused = 0;
  Findings findings;  // the first refusals, each with its unit
};
// TakeSeedPackage checks the whole file before anything of it is used, and every certificate
// against the authority that this workspace let the site have. A package that comes twice, or
// again with more in it, changes only what is new. Errors: seeds.package (it is no package of a
// site, of another kind of workspace, or does not hold together), seeds.package-log (the log is
// this one, or another site told of the batch), seeds.known (the batch's file was opened here too),
// seeds.plan; those of ledger::VerifyBundle and of the ledger.
Result<SeedPackageTaken> TakeSeedPackage(Factory& factory, const SeedPackageOptions& options,
                                         const Clock& clock);

// ToldBy is who told of a batch; nothing for one that was opened here.
struct ToldBy {
  std::string origin;
  Digest file{};
};
Result<std::optional<ToldBy>> ToldByOf(ledger::LogReader& reader, const std::string& batch);

}  // namespace birthmark::app
