// SPDX-License-Identifier: Apache-2.0
// Stations as the factory sees them: added with a one-time join code, listed, disabled; their
// requests signed by the offline level; credentials revoked. Leaves out the server's side of
// joining (station_service) and the station's own (island). Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "app/station_wire.h"

namespace birthmark::app {

struct StationOptions {
  std::string station;  // of the plan
  std::string server;   // "https://host:port", as the station reaches it
  std::string product;  // empty: the only one
  uint64_t hours = 72;  // in which its authority may issue
  uint64_t count = 500;
  uint64_t days = 30;         // its credentials hold
  std::optional<Digest> pin;  // of the server's certificate; empty: of the operations authority
  std::string as;
};

struct AddedStation {
  std::string code;  // text; secret until it is used
  int64_t expires = 0;
  std::string site;
};

// kJoinCodeHours is how long a join code can be used.
inline constexpr int kJoinCodeHours = 24;

// AddStation lets a machine join as this station, once; images are released now if they were not,
// so that the station gets them. Errors: station.unknown (not in the plan), station.url,
// station.no-level, station.no-parent; those of the firmware, the ledger and the key store.
Result<AddedStation> AddStation(const fs::path& workspace, const StationOptions& options,
                                const KeySource& keys, const Clock& clock, bool dry_run);

// DisableStation ends its credential; nothing from it is taken any more.
// Errors: station.unknown.
Status DisableStation(const fs::path& workspace, const std::string& station,
                      const std::string& reason, const std::string& as, const KeySource& keys,
                      const Clock& clock, bool dry_run);

// StationRow is one station as the log tells of it.
struct StationRow {
  std::string station, site, product;
  std::string state;                    // "added", "joined", "disabled"
  std::string origin;                   // of its log
  uint64_t entries = 0, set_aside = 0;  // of its log that are here
  std::string ca;                       // its newest authority
  uint64_t issued = 0;
  std::optional<uint64_t> max_count;
  std::optional<int64_t> issues_until;
  std::optional<int64_t> told_at;  // when its log was last brought
};
Result<std::vector<StationRow>> Stations(ledger::LogReader& reader);

// RevokeCredential ends every credential of a pseudonym that was issued so far.
// Errors: credential.unknown, credential.revoked, credential.role, credential.last (nobody would
// be left to give credentials).
Status RevokeCredential(const fs::path& workspace, const std::string& pseudonym,
                        const std::string& reason, const std::string& as, const KeySource& keys,
                        const Clock& clock, bool dry_run);

// SignedRequest is what the offline level did.
struct SignedRequest {
  std::string ca, station;
  uint64_t count = 0;
  int64_t issues_until = 0;
  uint64_t first = 0, last = 0;  // numbers of its units
};

// SignIslandRequest has the offline level sign a station's waiting request, and grants its quota:
// the station has it with its next `station join DIR`. Errors: request.not-waiting,
// station.request, those of the key stores and the ledger.
Result<SignedRequest> SignIslandRequest(const fs::path& workspace, const fs::path& request,
                                        const KeySource& keys, const std::string& as,
                                        const Clock& clock, bool dry_run);

}  // namespace birthmark::app
