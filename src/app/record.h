// SPDX-License-Identifier: Apache-2.0
// Writing one event into a workspace without unlocking any key: what a command that looks on has to
// say in the end. Not thread-safe.
#pragma once

#include <string>

#include "app/layout.h"
#include "ledger/event.h"

namespace birthmark::app {

// ActorHere is the pseudonym that acts: `as`, else the local credential's. Errors:
// credential.unknown, credential.revoked.
Result<std::string> ActorHere(const Layout& layout, const std::string& as);
// AppendHere takes the log, or borrows it from a server, for one event. Errors: those of LogWriter.
Status AppendHere(const Layout& layout, const ledger::Event& event, const Clock& clock);

}  // namespace birthmark::app
