// SPDX-License-Identifier: Apache-2.0
// A verdict as the log keeps it, and back. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "attest/verify.h"
#include "ledger/events_parts.h"

namespace birthmark::attest {

// EventOf is the event of a key of a unit that was attested by `bundle`.
ledger::KeyAttested EventOf(const Verdict& v, std::string unit, std::string slot, ByteView bundle);
// FactsOf reads an event's facts.
std::vector<Fact> FactsOf(const ledger::KeyAttested& event);
// Pkcs11Event is the event of facts that a module said without a signature: kind
// "pkcs11-attributes", no statement.
ledger::KeyAttested Pkcs11Event(const std::vector<Fact>& facts, const Digest& spki,
                                std::string unit, std::string slot);

}  // namespace birthmark::attest
