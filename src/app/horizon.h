// SPDX-License-Identifier: Apache-2.0
// The horizon of a workspace: what ends when in the decades to come, and what follows from it.
// Every date is one that a certificate, a list or a plan says; nothing is rated. Leaves out how it
// is shown (horizon_show.h). Values; one thread.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"
#include "app/horizon_facts.h"

namespace birthmark::app {

// HorizonRow is one date and what happens then.
struct HorizonRow {
  int64_t at = 0;           // milliseconds since 1970
  std::string kind;         // "anchor", "authority", "identity", "window", "crl", "signer", …
  std::string what;         // "3 authorities of identity, level 2: run out"
  std::string consequence;  // a sentence
  uint64_t things = 1;      // certificates, lists, anchors
  uint64_t units = 0;       // identities that it touches; shown as a power of ten
  bool estimate = false;    // worked out from the pace of late, not read anywhere
};

// HorizonBar is one life on the timeline.
struct HorizonBar {
  std::string lane;  // "anchors", "authorities", "identities", "signers", "lists", "products"
  std::string name;
  int64_t from = 0, to = 0;
  std::optional<int64_t> chain_to;  // ends before `to`: the rest outlives it
};

// HorizonRemark has no date of its own.
struct HorizonRemark {
  std::string code;  // "horizon.no-clock"
  std::string text;
};

struct Horizon {
  std::string name;  // the workspace's manufacturer
  bool rehearsal = true;
  bool exact = false;  // counts are told as they are: every plan's publication says so
  int64_t from = 0, until = 0;
  std::vector<HorizonRow> rows;  // by date, within [from, until]
  std::vector<HorizonBar> bars;
  std::vector<HorizonRemark> remarks;
};

// ForeseeFrom works the horizon out from the facts; a pure function.
Horizon ForeseeFrom(const HorizonFacts& facts, Time from, Time until);

// Foresee reads a workspace's facts from a snapshot and works it out. Errors: those of OpenReader
// and GatherHorizon.
Result<Horizon> Foresee(const fs::path& workspace, Time from, uint64_t years);

}  // namespace birthmark::app
