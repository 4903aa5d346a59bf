// SPDX-License-Identifier: Apache-2.0
// All identities in the order of their issue, a row at a time and without their certificates: what
// a forecast and a watch over issuing read instead of the log. One thread, that of its connection.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

// IssueView is one identity; texts live until the callback returns.
struct IssueView {
  uint64_t seq = 0;
  std::string_view unit, slot, ca, state, method, station, via;
  int64_t issued_at = 0, state_at = 0;
};

// ForEachIssue calls back for identities issued by events [from, to), oldest first.
Status ForEachIssue(const Db& registry, uint64_t from, uint64_t to,
                    const std::function<Status(const IssueView&)>& fn);

// FirstUnitAt is when the first unit of a product was seen; 0: none was.
Result<int64_t> FirstUnitAt(const Db& registry, std::string_view product);

// RevocationEvents are the events in [from, to) that revoked an identity or held it, oldest first.
Result<std::vector<uint64_t>> RevocationEvents(const Db& registry, uint64_t from, uint64_t to,
                                               uint64_t limit);

}  // namespace birthmark::ledger
