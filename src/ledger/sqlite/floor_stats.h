// SPDX-License-Identifier: Apache-2.0
// What the floor looks like now, counted from the registry's tables. Leaves out showing it. One
// thread, that of its connection.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ledger/sqlite/db.h"

namespace birthmark::ledger {

struct FloorStats {
  std::map<std::string, uint64_t> units;  // by state, of all time
  uint64_t good_since = 0;                // finished in the period
  uint64_t scrapped_since = 0;
  uint64_t issued_since = 0;                   // identities
  std::map<std::string, uint64_t> identities;  // by state, of all time
  struct Station {
    std::string id;
    uint64_t people = 0;    // open sessions
    int64_t opened_at = 0;  // of the newest session, open or not; milliseconds since 1970
  };
  std::vector<Station> stations;
};

// ReadFloorStats counts; `since` is milliseconds since 1970, an empty product means all.
Result<FloorStats> ReadFloorStats(const Db& db, std::string_view product, int64_t since);

}  // namespace birthmark::ledger
