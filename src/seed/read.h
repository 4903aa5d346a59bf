// SPDX-License-Identifier: Apache-2.0
// Seed files of silicon makers: PSKC (RFC 6030) and CMS (SymmetricKeyPackage, RFC 6031), read
// element by element in memory that does not grow with the seeds (24 octets each for finding
// repeats aside). What is taken and what is refused: docs/formats/seed-file.md. Leaves out custody
// (method, app). Thread rule: one reading uses one thread; callbacks run on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/openssl.h"

namespace birthmark::seed {

// Element is one seed that passed every check on its own: authentic as far as its file's form can
// say so, 256 bits or more, not zero, not repeated earlier in the file.
struct Element {
  uint64_t index = 0;  // its place in the file, from 0
  std::string chip;    // the chip's identifier, as the file writes it
  SecretBytes seed;
  uint64_t file_offset = 0;  // octets of the file read so far, for progress
};

// Refusal is one element that was not taken. The reading goes on after it.
struct Refusal {
  uint64_t index = 0;
  std::string chip;  // empty when the element names none that can be shown
  Error why;
};

// SharedKey is an AES key that both companies hold, by the name the file calls it.
struct SharedKey {
  std::string name;
  SecretBytes key;  // 16 or 32 octets
};

struct ReadOptions {
  EVP_PKEY* key = nullptr;  // the recipient's private key (RSA, EC); not owned
  const crypto::Certificate* certificate = nullptr;  // the recipient's; not owned; may be absent
  const std::vector<SharedKey>* shared = nullptr;    // not owned
  // A file whose seeds are encrypted with nothing is read only with this; Summary says "none".
  bool allow_unprotected = false;
  uint64_t max_elements = 16'000'000;
};

// Summary is what a file turned out to be. Elements: count were given to on_seed, refused were not.
struct Summary {
  std::string format;      // "pskc", "cms"
  std::string protection;  // "pskc-x509", "pskc-shared-key", "cms-enveloped",
                           // "cms-auth-enveloped"; "none": encrypted with nothing
  uint64_t count = 0;
  uint64_t refused = 0;
  Digest file{};          // SHA-256 of the file
  std::string oem;        // the maker, as the file names it; empty when it does not
  std::string recipient;  // SHA-256 of the recipient's SubjectPublicKeyInfo in hex, or the shared
                          // key's name; empty for "none"
};

// An error returned by a callback stops the reading and becomes its result.
using OnSeed = std::function<Status(Element&&)>;
using OnRefusal = std::function<Status(const Refusal&)>;

// Read goes through a seed file. The format is found by the first octets. Elements come while the
// file is being read; a file that is cut or broken further on is refused as a whole by the result
// then, so a caller that must not act on part of a file reads it twice, first with Inspect.
// AuthEnvelopedData is authenticated to its last octet before the first element comes.
// Errors of the whole file: file.*, seed.format, seed.unprotected, seed.recipient (for another key;
// says whose), seed.key (no key given), seed.algorithm, seed.decrypt, seed.mac-method,
// seed.truncated, seed.doctype, seed.too-large, seed.malformed, seed.empty, seed.changed.
// Refusals of one element: seed.short, seed.long, seed.zero, seed.repeated, seed.chip,
// seed.chip-repeated, seed.mac, seed.mac-missing, seed.decrypt, seed.algorithm, seed.policy,
// seed.malformed.
Result<Summary> Read(const fs::path& file, const ReadOptions& options, const OnSeed& on_seed,
                     const OnRefusal& on_refusal);

// Inspect is Read that hands over nothing: everything is checked, seeds are wiped as they pass.
Result<Summary> Inspect(const fs::path& file, const ReadOptions& options);

}  // namespace birthmark::seed
