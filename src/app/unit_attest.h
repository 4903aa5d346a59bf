// SPDX-License-Identifier: Apache-2.0
// A unit's attestation token beside the log and a signed disclosure: a nonce goes to the device,
// its token is compared claim by claim, and what came of it is written down. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/layout.h"
#include "attest/eat_check.h"
#include "base/ids.h"

namespace birthmark::app {

struct AttestOptions {
  fs::path workspace;
  std::string unit;        // as typed
  std::string link;        // URI of the device's console; or:
  std::string token;       // a file with a token
  std::string nonce;       // hexadecimal, 8 to 64 bytes; empty: drawn, or unknown for a file
  std::string disclosure;  // a signed disclosure to compare with too; empty: none
  std::string keep;        // file to write the token to; empty: none
  std::string as;
  bool dry_run = false;
};

struct Attested {
  std::string unit;
  Digest token{};
  std::vector<attest::Row> rows;
  bool Differs() const;
};

// AttestUnit. Errors: unit.unknown, unit.which, eat.usage (link and file both or neither, a nonce
// that is none), those of ReadToken, the link, OpenDisclosure and the ledger. A claim that differs
// is a row, not an error.
Result<Attested> AttestUnit(const AttestOptions& options, const Clock& clock, Rng& rng);

}  // namespace birthmark::app
