// SPDX-License-Identifier: Apache-2.0
// The account of a product: where each identity is, as one equation that closes, and whatever does
// not fit by name. Reads the registry's tables alone, so it holds over imported logs too. Leaves
// out writing it down (app/reconcile.h). Thread rule: that of the connection.
// Source: design rules for rework and scrap (identity and unit have states of their own).
#pragma once

#include <string>
#include <vector>

#include "ledger/events.h"
#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

// Account says: reserved + generated - void - destroyed - superseded - revoked
//             = installed + delivered + pool + held + on_line + unexplained.
// What was adopted is declared only and stands outside of the equation.
struct Account {
  uint64_t reserved = 0;   // serial numbers of units begun that have no identity yet
  uint64_t generated = 0;  // identities issued
  uint64_t voided = 0, destroyed = 0, superseded = 0, revoked = 0;
  uint64_t installed = 0;  // read back from a device, or confirmed by one
  uint64_t delivered = 0;  // given over a network to whoever holds the key; no device confirmed it
  uint64_t pool = 0;       // made ahead and not handed out, or for a chip that has not come yet
  uint64_t held = 0;       // on certificateHold
  uint64_t on_line = 0;    // of units in work, and what `reserved` counts
  uint64_t unexplained = 0;  // each is in `odd` with its certificate's serial
  uint64_t adopted = 0;      // declared only
  uint64_t units_good = 0, units_scrapped = 0, units_on_line = 0;

  // odd names identities (with a certificate's serial) and units (without) that do not fit.
  std::vector<Unexplained> odd;

  uint64_t Left() const { return reserved + generated - voided - destroyed - superseded - revoked; }
  uint64_t Right() const { return installed + delivered + pool + held + on_line + unexplained; }
};

struct AccountOptions {
  std::string product;
  std::optional<uint64_t> order;  // how many good units were ordered
  int64_t now = 0;                // milliseconds
  // A unit in work that nobody has seen for so long is no longer in work.
  int64_t stale = 24 * 60 * 60 * 1000;
  bool has_identity = true;               // the plan gives units an identity
  std::vector<std::string> shared_slots;  // whose key a batch shares on purpose
};

// AccountOf works it out in one pass over the identities. `why` of what does not fit:
// "duplicate-key", "two-keys", "swapped", "ghost", "unit-without-identity", "overbuild",
// "never-installed", "released-never-installed", "scrapped-unit-live", "lost-at-station".
Result<Account> AccountOf(const Db& registry, const AccountOptions& options);

// InNoDevice counts identities, of all products, that a line issued and that are in no device and
// no pool: those of units in work, and those that a reconcile would name.
Result<uint64_t> InNoDevice(const Db& registry);

// FirstIssuedFrom is when the first identity at this place of the log or after it was issued, in
// milliseconds; nothing when none was.
Result<std::optional<int64_t>> FirstIssuedFrom(const Db& registry, uint64_t seq);

}  // namespace birthmark::ledger
