// SPDX-License-Identifier: Apache-2.0
// The state of a custody folder: what its sealed log amounts to. A pure fold over entries, so that
// an interrupted ceremony is continued from the log alone. Never leaves the sealed side. Values.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ceremony/entries.h"

namespace birthmark::ceremony {

// Dated is a value with the time of its entry.
template <class T>
struct Dated {
  Time at{};
  T value;
};

// SetState is the set of shares in force for a key.
struct SetState {
  SetDealt dealt;
  Time since{};
  std::map<uint16_t, Dated<Proven>> proven;  // by index, of this generation, the last one

  const Seat* FindSeat(uint16_t index) const;
};

// CeremonyState is one ceremony of the log.
struct CeremonyState {
  std::string id;
  Time began{};
  Bytes script;
  std::vector<Present> present;
  std::optional<Chosen> chosen;
  std::map<std::string, int> begun;  // steps, how often
  std::set<std::string> done;
  std::vector<Dated<Line>> lines;
  std::vector<Dated<Exception>> exceptions;
  std::set<std::string> keys;                        // made, opened, dealt or ended here
  std::map<std::string, std::set<uint16_t>> proven;  // by key: holders proven in this ceremony
  std::vector<ItemSigned> signed_items;
  std::vector<Attested> attested;
  std::vector<Alarm> alarms;
  std::optional<Dated<Closed>> closed;
};

struct CustodyState {
  std::map<std::string, KeyKept> keys;
  std::map<std::string, Dated<KeyEnded>> ended;
  std::map<std::string, SetState> sets;   // by key
  std::vector<CeremonyState> ceremonies;  // in order; the last may be open
  std::vector<Dated<Noted>> notes;
  std::vector<ledger::SplitStatement> published;  // all statements so far
  std::vector<Dated<ShareRefused>> refused;

  // Open is the ceremony that was begun and not closed; null when there is none.
  CeremonyState* Open();
  const CeremonyState* Open() const;
  // Apply folds one entry. Errors: ceremony.entry.
  Status Apply(Time at, const Entry& entry);
};

}  // namespace birthmark::ceremony
