// SPDX-License-Identifier: Apache-2.0
// Makes seed files as a silicon maker would, for tests, the bench and rehearsals that play that
// company. Nothing else writes seeds. Thread-safe functions.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "seed/read.h"

namespace birthmark::seed {

struct Made {
  std::string chip;
  SecretBytes seed;
};
// NextSeed gives elements until it gives none.
using NextSeed = std::function<std::optional<Made>()>;

struct WriteOptions {
  std::string oem = "Example Silicon";
  // To whom: a certificate (RSA; for CMS also P-256, P-384), or a shared key (PSKC), or nobody.
  const crypto::Certificate* recipient = nullptr;
  const SharedKey* shared = nullptr;
  bool authenticated = true;  // CMS: AuthEnvelopedData (AES-256-GCM); else EnvelopedData (CBC)
};

// WritePskc writes a PSKC file, streamed. Errors: file.write, seed.algorithm, internal.
Status WritePskc(const fs::path& file, const WriteOptions& options, const NextSeed& next);
// WriteCms writes a CMS file; the whole package is in memory once. Errors: as WritePskc.
Status WriteCms(const fs::path& file, const WriteOptions& options, const NextSeed& next);

}  // namespace birthmark::seed
