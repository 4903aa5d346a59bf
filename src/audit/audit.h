// SPDX-License-Identifier: Apache-2.0
// The intake audit: what public keys that come in give away about the source of their randomness
// (docs/audit.md). Leaves out reading files (intake) and the command. CheckKey is thread-safe;
// Audit works on one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "audit/intake.h"
#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace birthmark::audit {

// Hit is one thing wrong with one key. The code is one of audit.duplicate, audit.roca,
// audit.close-primes, audit.tiny-factor, audit.size, audit.exponent, audit.invalid, audit.listed,
// audit.shared-factor, audit.repeated-nonce, audit.unreadable. The detail never has a factor that
// is secret.
struct Hit {
  std::string code;
  Digest spki{};     // SHA-256; zero for what could not be read
  std::string name;  // of the unit, else the place
  std::string place;
  std::string detail;
};

// CheckKey looks at one key alone: ROCA, close primes, tiny factors. The desk calls it for every
// request; it costs about 0.15 ms for an RSA key and nothing for others, whose points
// crypto::PublicKey has checked. Name and place of the hit are empty.
std::optional<Hit> CheckKey(const crypto::PublicKey& key);

struct Options {
  // Files or folders of files with weak keys, a line each: 20 hexadecimal digits as in Debian's
  // openssl-blacklist, or the SHA-256 of an SPKI.
  std::vector<std::filesystem::path> weak_lists;
  // What earlier batches left; written anew at the end. Empty: this batch alone.
  std::filesystem::path state;
  std::set<Digest> group_keys;  // SPKIs that several units have by design
  bool progress = false;        // draw on standard error
};

struct ListUsed {
  std::string kind;
  std::string path;
  uint64_t entries = 0;
};

struct Report {
  std::vector<Hit> hits;
  uint64_t keys = 0;        // subjects looked at
  uint64_t different = 0;   // keys among them
  uint64_t rsa = 0;         // different RSA moduli
  uint64_t signatures = 0;  // ECDSA signatures whose r was compared
  uint64_t earlier = 0;     // keys of earlier batches that these were compared with
  uint64_t again = 0;       // subjects whose key stood under the same name before
  std::vector<ListUsed> lists;
  std::vector<std::string> absent;  // checks that did not take place, and why
};

// Audit checks everything that was read. Errors: audit.list, audit.state,
// audit.state-locked, audit.too-many, and those of reading and writing files.
Result<Report> Audit(const Intake& intake, const Options& options);

// ReadDigests reads a list of SHA-256 digests, a line each; "#" begins a comment. Errors:
// audit.list, file.missing, file.read.
Result<std::set<Digest>> ReadDigests(const std::filesystem::path& path);

}  // namespace birthmark::audit
