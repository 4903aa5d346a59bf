// SPDX-License-Identifier: Apache-2.0
// Takes a ceremony's record into a workspace: roots that init left to it, answers to carried
// requests, what the sealed log attests of split keys. Leaves out the ceremony itself. Not
// thread-safe. Source: docs/formats/ceremony.md.
#pragma once

#include <string>
#include <vector>

#include "app/init.h"

namespace birthmark::app {

// Accepted is what a record brought.
struct Accepted {
  InitResult made;                    // levels and fingerprints that are new here
  std::string id, kind;               // of the ceremony
  std::vector<std::string> attested;  // keys that it speaks for
  std::vector<fs::path> responses;    // to requests that other commands wait for
};

// AcceptCeremony reads a record, checks it against the workspace and writes all of it in one
// commit; a record is accepted once. Errors: ceremony.other (another manufacturer, product or plan;
// a rehearsal's into production or the reverse), ceremony.accepted (it was before),
// ceremony.incomplete (a root or a response that init waits for is missing), ceremony.key (it
// speaks of a key that is not here); those of ceremony::CheckRecord, pki::CheckResponse, the
// ledger.
Result<Accepted> AcceptCeremony(const fs::path& workspace, const fs::path& record,
                                const std::string& product, const std::string& as,
                                const KeySource& keys, const Clock& clock, bool dry_run);

}  // namespace birthmark::app
