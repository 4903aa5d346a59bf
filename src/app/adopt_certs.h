// SPDX-License-Identifier: Apache-2.0
// Taking in certificates that were issued before Birthmark: files and folders of PEM or DER, and
// the database of `openssl ca`. They enter as declared: nothing was seen of how their keys came to
// be, and no answer counts them as measured. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"
#include "base/findings.h"

namespace birthmark::app {

struct AdoptCertsOptions {
  std::vector<fs::path> paths;  // certificates, folders of them, index.txt files
  std::string slot = "idevid";
  bool dry_run = false;
};

struct AdoptedCerts {
  uint64_t valid = 0, revoked = 0, expired = 0;
  uint64_t known = 0;  // are here already
  // What could not be taken, each by name: adopt.index-line, adopt.no-certificate, adopt.file,
  // adopt.authority, adopt.unit, adopt.duplicate-key, adopt.duplicate-unit, adopt.refused.
  Findings findings;
};

// AdoptCertificates. A unit's name is the subject's serialNumber, or else its common name.
// Errors: adopt.nothing (no path leads to a certificate), adopt.too-many, file.*, those of the
// ledger.
Result<AdoptedCerts> AdoptCertificates(Factory& factory, const AdoptCertsOptions& options,
                                       const Clock& clock);

}  // namespace birthmark::app
