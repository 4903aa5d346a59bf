// SPDX-License-Identifier: Apache-2.0
// Whose turn it is to issue: an authority retires by time or by count, whichever comes first, and
// the oldest one that was signed ahead takes over. Leaves out making successors (app/rotate.h).
// Free functions; thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/sqlite/log_writer.h"
#include "pki/issue.h"
#include "plan/plan.h"

namespace birthmark::line {

// UrlsOf is where an authority of this level tells what became of what it signed: "{}" in the
// plan's URLs is its id.
pki::RevocationUrls UrlsOf(const plan::Level& level, std::string_view ca);

// WhyOver says why an authority issues no more: "time", "count", or that it was ended
// ("retired", "compromised"); empty: it may issue, or waits for its turn.
std::string_view WhyOver(const ledger::CaRow& ca, Time now);

// Turn is the authority that issues now.
struct Turn {
  ledger::CaRow ca;
  bool begins = false;                 // it waited until now
  std::vector<ledger::CaRow> retired;  // whose end was not recorded yet
};

// NextTurn picks it among the authorities of one level, the oldest first; an active one comes
// before one that waits. `mine` says whether a key is here: other places issue with theirs.
// nullopt: nobody can issue. `any` becomes true when a key of one of them is here.
Result<std::optional<Turn>> NextTurn(std::span<const ledger::CaRow> cas, Time now,
                                     const std::function<Result<bool>(const std::string&)>& mine,
                                     bool* any = nullptr);

// TurnEvents tells of a turn that begins, and sets the window of the authority that takes over; it
// stands in `turn.ca` afterwards. No events for a turn that goes on.
Result<ledger::Submission> TurnEvents(Turn& turn, const plan::Level& level,
                                      const ledger::EventContext& context, Time now);

}  // namespace birthmark::line
