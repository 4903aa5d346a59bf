// SPDX-License-Identifier: Apache-2.0
// The personalisation file: units' symmetric secrets, and passwords that are on no label, for the
// party that shares them. CMS AuthEnvelopedData (RFC 5083) to that party's certificate, streamed.
// Leaves out who carries it. Not thread-safe.
#pragma once

#include <optional>
#include <string>

#include "app/factory.h"

namespace birthmark::app {

struct SecretExport {
  fs::path output;
  std::optional<fs::path> to;     // the other party's certificate, PEM
  std::string role = "operator";  // who they are, for the ledger: never a name
  bool unencrypted = false;       // plain text, loud and recorded; instead of `to`
  bool forget = false;            // destroy what was kept for it, once the file is written
  bool dry_run = false;
};

struct SecretsExported {
  uint64_t count = 0;
  Digest file{};
  std::string protection;  // "cms-enveloped", "none"
  uint64_t forgotten = 0;
  uint64_t gone = 0;  // units whose secret is kept here no more: an earlier export forgot it
};

// ExportSecrets writes the file, records package.delivered, and only then gives the file its name.
// Lines are serial,slot,algorithm,secret,check behind a heading line; secret and check in
// hexadecimal, a password as itself. Errors: export.addressee (neither or both of `to` and
// unencrypted; a certificate that nothing can be encrypted to), export.none, credential.role,
// file.write, those of line::OpenSecret.
Result<SecretsExported> ExportSecrets(Factory& factory, const SecretExport& options,
                                      const Clock& clock);

}  // namespace birthmark::app
