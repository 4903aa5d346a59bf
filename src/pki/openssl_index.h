// SPDX-License-Identifier: Apache-2.0
// The text database of `openssl ca` (index.txt): a line a certificate, six fields between tabs.
// Leaves out the certificates themselves, which lie beside it. Pure; thread-safe.
// Source: openssl-ca(1); checked against files that OpenSSL 3.0 wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/findings.h"

namespace birthmark::pki {

struct IndexEntry {
  char status = 'V';  // V valid, R revoked, E expired
  Time expires{};
  std::optional<Time> revoked;  // with status R
  std::string reason;       // of the revocation, as written there: "keyCompromise"; may be empty
  Bytes serial;             // big-endian without leading zeros
  std::string serial_text;  // as written: the name of its file in newcerts
  std::string subject;      // "/O=Acme/CN=1", for people
  int line = 0;
};

// LooksLikeIndex is true when the first line has the form of one: for telling files apart.
bool LooksLikeIndex(std::string_view text);

// ReadIndex reads all lines; one that cannot be read is a finding (adopt.index-line) and in
// nobody's way. The text has at most 64 MiB (its reader sees to that).
std::vector<IndexEntry> ReadIndex(std::string_view text, Findings& findings);

}  // namespace birthmark::pki
