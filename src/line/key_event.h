// SPDX-License-Identifier: Apache-2.0
// What the log says of a key that a key store made or keeps. Free functions.
#pragma once

#include <string>

#include "keystore/keystore.h"
#include "ledger/events.h"

namespace birthmark::line {

// ToLedger is what the log keeps of a key's facts.
ledger::KeyFacts ToLedger(const keystore::KeyFacts& facts);
// KeyMade is the event of a key; `purpose` is one of the words at ledger::KeyCreated.
ledger::KeyCreated KeyMade(const std::string& id, const keystore::KeyFacts& facts,
                           const std::string& purpose, bool offline = false);

}  // namespace birthmark::line
