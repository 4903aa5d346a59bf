// SPDX-License-Identifier: Apache-2.0
// Reels of parts: received, used, missing. A quarantine stops a reel wherever its parts turn up, at
// the line and at enrolment, and takes the identities of its parts out of circulation: on hold
// first, since a reel may be found again. Not thread-safe. Source: draft 4.1.1.5.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"
#include "app/revoke.h"

namespace birthmark::app {

// FindReel. An empty product means the only one that has such a reel. Errors: reel.unknown,
// reel.which.
Result<ledger::ReelRow> FindReel(ledger::Registry& registry, const std::string& product,
                                 const std::string& reel);

// ReelUnit is a unit that holds a part of a reel.
struct ReelUnit {
  ledger::ElementUse use;
  std::string state;     // of the unit
  std::string identity;  // state of the slot's newest identity
};
Result<std::vector<ReelUnit>> UnitsOfReel(ledger::Registry& registry, const ledger::ReelRow& reel);

// StoppedReelOf is the reel of the part with this key, when it is in quarantine.
Result<std::optional<std::string>> StoppedReelOf(ledger::Registry& registry, const Digest& spki);

enum class ReelAct {
  kHold,     // quarantine, identities on hold
  kRevoke,   // quarantine, identities revoked for good
  kRelease,  // end the quarantine and take holds back
};
struct ReelOptions {
  std::string product, reel;
  std::string reason;
  ReelAct act = ReelAct::kHold;
  bool dry_run = false;
};
struct ReelDone {
  ledger::ReelRow reel;           // as it was before
  std::vector<ReelUnit> shipped;  // units that have left with parts of it
  Revoked identities;             // of ours; a part in no unit may have one, too
  uint64_t not_ours = 0;          // parts in no unit whose certificates another party issued
  uint64_t still_revoked = 0;     // release: revoked is for good
};
// ChangeReel. Errors: reel.unknown, reel.which, reel.state (already so), credential.role.
Result<ReelDone> ChangeReel(Factory& factory, const ReelOptions& options, const Clock& clock);

}  // namespace birthmark::app
