// SPDX-License-Identifier: Apache-2.0
// Taking in the lists of parts that come with reels of secure elements and TPMs: read one part at a
// time, each checked, runs of them into the ledger. Leaves out what becomes of reels (reels.h) and
// of parts at the line (line/parts_bin.h). Not thread-safe. Source: draft 4.1.1.5.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"
#include "app/intake.h"
#include "manifest/microchip.h"

namespace birthmark::app {

struct ManifestOptions {
  fs::path file;    // a manifest, a CSV of endorsement keys, or a folder of them
  fs::path signer;  // PEM: who signed the manifest; empty for endorsement keys
  fs::path root;    // PEM: to whom chips' certificates may lead; empty: the plan's vendor-roots
  manifest::Wanted wanted;
  bool allow_test = false;  // a prototype's list, signed by whoever made it
  bool dry_run = false;
  std::function<void(uint64_t parts)> tell;  // progress
  std::function<bool()> stop;                // Ctrl-C; what was taken stays
};

// ImportManifest. A second import of the same file adds nothing, and one that was cut short goes
// on. Errors: manifest.signer, manifest.test, manifest.json, manifest.ek-list, manifest.slot (the
// plan has no slot whose key comes in a part), credential.role, file.*, those of the ledger.
Result<ImportedManifest> ImportManifest(Factory& factory, const ManifestOptions& options,
                                        const Clock& clock);

// PinnedRoots are the certificates in a PEM file.
Result<std::vector<crypto::Certificate>> PinnedRoots(const fs::path& file);
// VendorRoots are those that the plan's vendor-roots name, as init copied them.
Result<std::vector<crypto::Certificate>> VendorRoots(const Layout& layout, const plan::Plan& plan);

}  // namespace birthmark::app
