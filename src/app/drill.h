// SPDX-License-Identifier: Apache-2.0
// Drills: a failure played through on a time-warped copy of the workspace, never on live keys, and
// told in the live log as done. Each drill stands in a file of its own under drills/. Not
// thread-safe. Source: docs/drills.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/drills/report.h"
#include "base/clock.h"
#include "base/files.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::app {

struct DrillOptions {
  std::string name;  // one of DrillNames()
  fs::path workspace;
  std::string product;  // empty: the only one
  // What is lost, disclosed, stolen…; each drill has one of these.
  std::string key, ca, station, continent, site, reel, batch;
  std::optional<int64_t> since, until;  // rogue-station: when it was not itself
  uint64_t hours = 72;                  // factory-link
  uint64_t per_hour = 0;                // units; 0: as of late
  std::optional<Time> built, open;      // warehouse
  fs::path holders;                     // lose-continent: a private list of who holds shares where
  fs::path scratch;                     // where the copy is made; empty: for temporary files
  std::string as;
  bool dry_run = false;  // nothing is written into the live log
};

// DrillNames lists the drills in the order of the help.
const std::vector<std::string>& DrillNames();

// RunDrill makes the copy, plays the drill and records drill.done in the live log, unless it is a
// dry run. Errors: drill.name, drill.key, drill.ca, drill.station, drill.site, drill.continent,
// drill.dates, reel.unknown, seeds.batch and the like (what the drill is about is not there); those
// of the copy.
Result<DrillReport> RunDrill(const DrillOptions& options, const Clock& clock);

// Rehearsed is one drill that was done.
struct Rehearsed {
  std::string name;
  int64_t at = 0;                              // the newest time; 0: never
  uint64_t times = 0, checks = 0, failed = 0;  // checks of the newest
};
// RehearsedDrills gives a row for each name.
Result<std::vector<Rehearsed>> RehearsedDrills(ledger::LogReader& reader);

}  // namespace birthmark::app
