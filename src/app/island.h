// SPDX-License-Identifier: Apache-2.0
// The station's side: a folder that is a small workspace of its own, so that the line runs there
// whether the server answers or not. Joining, asking for a quota, bringing the log to the server,
// testing the station. Leaves out running units (shift). Not thread-safe.
// Source: docs/decisions/0004-islands.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/keys.h"
#include "app/station_file.h"
#include "app/station_link.h"
#include "app/station_wire.h"
#include "base/clock.h"

namespace birthmark::app {

// Quota is what the island may issue by itself.
struct Quota {
  bool granted = false;
  std::string ca;  // the authority, or the one that waits for its certificate
  std::optional<uint64_t> max_count;
  std::optional<int64_t> issues_until;
  uint64_t issued = 0;
};

struct JoinResult {
  std::string station, product, origin, operators;  // the last: pseudonym of the local person
  Quota quota;
};

// JoinStation makes `folder` a station's from a join code: keys are made here and never leave.
// Nothing stands at `folder` unless everything is there. Where the quota cannot be had yet (the
// level above is offline, or the server stopped answering) the station has joined all the same.
// Errors: station.exists, station.code, station.link, station.not-authorised and what else the
// server says; those of the key store and the log.
Result<JoinResult> JoinStation(const fs::path& folder, const JoinCode& code, const KeySource& keys,
                               const Dial& dial, const Clock& clock);

// RenewQuota asks for the next authority, or for the certificate of the one that waits.
// Errors: station.none, station.quota-left, those of the link.
Result<Quota> RenewQuota(const fs::path& folder, const KeySource& keys, const Dial& dial,
                         const Clock& clock);

// QuotaOf is what is left, from the island's own log.
Result<Quota> QuotaOf(const fs::path& folder);

struct PushResult {
  uint64_t entries = 0;  // of the island's log
  uint64_t before = 0;   // that were at the server before
  uint64_t taken = 0, set_aside = 0;
  std::vector<std::string> named;
};

// PushLog brings everything that the server does not have yet, in segments that each end at a
// signed checkpoint. Errors: station.none, station.link, import.fork and what else the server says.
Result<PushResult> PushLog(const fs::path& folder, const KeySource& keys, const Dial& dial,
                           const Clock& clock);

// StationCheck is what a station found out about itself. Each text is "ok" or what is wrong.
struct StationCheck {
  std::string link, clock, probe, disk;
  int64_t clock_ms = 0;    // this clock minus the server's
  uint64_t disk_free = 0;  // octets
  bool Good() const { return link == "ok" && clock == "ok" && probe == "ok" && disk == "ok"; }
};

// CheckStation tests link, clock, device's port and disk, and writes what it found into the log.
// It needs no key. Errors: station.none, those of the log.
Result<StationCheck> CheckStation(const fs::path& folder, const Dial& dial, const Clock& clock);

}  // namespace birthmark::app
