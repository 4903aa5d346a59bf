// SPDX-License-Identifier: Apache-2.0
// The registry's tables of what was revoked, by authority, and of the revocation lists that were
// signed. A list of a million entries is read from them in order and row by row. Leaves out the
// lists themselves, which are files. Thread rule: that of the connection.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ledger/fold.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

inline constexpr const char* kRevocationsSchema = R"(
CREATE TABLE revocation(ca TEXT NOT NULL, serial BLOB NOT NULL, reason INTEGER NOT NULL,
  at INTEGER NOT NULL, event INTEGER NOT NULL, PRIMARY KEY(ca, serial)) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_event ON revocation(event);
CREATE INDEX revocation_of ON revocation(ca, event);
CREATE TABLE crl(ca TEXT NOT NULL, number INTEGER NOT NULL, seq INTEGER NOT NULL,
  upto INTEGER NOT NULL, count INTEGER NOT NULL, sha256 BLOB NOT NULL, signer BLOB NOT NULL,
  this_update INTEGER NOT NULL, next_update INTEGER NOT NULL, reserve INTEGER NOT NULL,
  PRIMARY KEY(ca, number)) STRICT, WITHOUT ROWID;
)";

// ApplyRevocation notes that an identity was revoked or put on hold, or that its hold ended, which
// stays noted as removeFromCRL: what is published afterwards must not have it any more.
Status ApplyRevocation(const Db& db, uint64_t event, const IdentityRow& row,
                       const IdentityStateChange& change);
// ApplyCrl notes a signed list. One that is not of a reserve ends all with lower numbers.
Status ApplyCrl(const Db& db, uint64_t seq, const CrlRow& row);

// RevocationRow is an entry of a revocation list.
struct RevocationRow {
  Bytes serial;
  uint8_t reason = 0;  // RFC 5280 section 5.3.1
  int64_t at = 0;
};
// ForEachRevocation gives an authority's entries in the order of their serial numbers: its
// identities, and the authorities below it that were compromised. Holds that ended are left out.
Status ForEachRevocation(const Db& registry, std::string_view ca,
                         const std::function<Status(const RevocationRow&)>& fn);
// RevocationOf is an authority's entry for one certificate.
Result<std::optional<RevocationRow>> RevocationOf(const Db& registry, std::string_view ca,
                                                  ByteView serial);

// RevocationMark is the last event that changed what is revoked; of one authority, or of any where
// `ca` is empty. 0: nothing ever was.
Result<uint64_t> RevocationMark(const Db& registry, std::string_view ca);

// CrlsOf is an authority's newest list and the reserve signed with it, by number; Crls are those of
// all.
Result<std::vector<CrlRow>> CrlsOf(const Db& registry, std::string_view ca);
Result<std::vector<CrlRow>> Crls(const Db& registry);

}  // namespace birthmark::ledger
