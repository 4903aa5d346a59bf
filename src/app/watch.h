// SPDX-License-Identifier: Apache-2.0
// The floor at a glance: what `line watch` shows and the server's metrics tell. Counted from the
// registry, beside whoever writes. Leaves out drawing and refreshing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/pool.h"
#include "app/status.h"
#include "ledger/sqlite/floor_stats.h"

namespace birthmark::app {

// Floor is one product now. Rates are of the last hour.
struct Floor {
  std::string product;
  ledger::FloorStats stats;
  // yield is good units of all that ended in the last hour, in percent; absent when none did.
  std::optional<double> yield() const;
  uint64_t on_the_line() const;
};

struct FloorView {
  Time at{};
  std::vector<Floor> products;
  std::vector<PoolState> pools;
  Findings alarms;
};

// LookAtFloor. Errors: those of OpenReader.
Result<FloorView> LookAtFloor(const fs::path& workspace, const Clock& clock);

// ToText is at most 80 columns wide.
std::string ToText(const FloorView& view);
std::string ToJson(const FloorView& view);

}  // namespace birthmark::app
