// SPDX-License-Identifier: Apache-2.0
// The registry's tables of identities that are no key pair of a unit's own: symmetric secrets,
// passwords, shares of a group key; and of the groups. Never a secret itself. Thread rule: that of
// the connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/fold.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

inline constexpr const char* kSecretsSchema = R"(
CREATE TABLE secret(unit TEXT NOT NULL, slot TEXT NOT NULL, seq INTEGER NOT NULL, how TEXT NOT NULL,
  bits INTEGER NOT NULL, batch TEXT NOT NULL, key_check BLOB, at INTEGER NOT NULL,
  PRIMARY KEY(unit, slot)) STRICT, WITHOUT ROWID;
CREATE INDEX secret_batch ON secret(batch) WHERE batch != '';
CREATE TABLE secret_group(id TEXT PRIMARY KEY, seq INTEGER NOT NULL, product TEXT NOT NULL,
  slot TEXT NOT NULL, size INTEGER NOT NULL, spki BLOB NOT NULL) STRICT, WITHOUT ROWID;
)";

Status ApplySecrets(const Db& db, uint64_t seq, const SecretRow& row);
Status ApplySecrets(const Db& db, uint64_t seq, const GroupRow& row);

// SecretOf is what a unit has in a slot now; SecretsOf is all it has, by slot.
Result<std::optional<SecretRow>> SecretOf(const Db& registry, std::string_view unit,
                                          std::string_view slot);
Result<std::vector<SecretRow>> SecretsOf(const Db& registry, std::string_view unit);
// SecretsBehind lists a product's secrets of a slot by unit, `limit` behind `after`.
Result<std::vector<SecretRow>> SecretsBehind(const Db& registry, std::string_view product,
                                             std::string_view slot, std::string_view after,
                                             uint64_t limit);
// Groups lists a product's groups in the order they were opened, each with how many units have its
// key.
Result<std::vector<GroupRow>> Groups(const Db& registry, std::string_view product,
                                     std::string_view slot);
Result<std::vector<GroupRow>> AllGroups(const Db& registry);
Result<std::optional<GroupRow>> GroupOf(const Db& registry, std::string_view id);

}  // namespace birthmark::ledger
