// SPDX-License-Identifier: Apache-2.0
#include "attest/event.h"

#include "attest/facts.h"

namespace birthmark::attest {

ledger::KeyAttested EventOf(const Verdict& v, std::string unit, std::string slot, ByteView bundle) {
  ledger::KeyAttested e{.kind = v.kind,
                        .slot = std::move(slot),
                        .spki = v.key,
                        .unit = std::move(unit),
                        .facts = {},
                        .nonce = {},
                        .root = v.root,
                        .statement = Bytes(bundle.begin(), bundle.end())};
  for (const Fact& f : v.facts) e.facts.push_back({f.name, f.value});
  // One that nobody here gave out says nothing; whoever wants it finds it in the statement.
  if (ValueOf(v.facts, "fresh").value_or(false)) e.nonce = v.nonce;
  return e;
}

std::vector<Fact> FactsOf(const ledger::KeyAttested& event) {
  std::vector<Fact> out;
  for (const ledger::Fact& f : event.facts) out.push_back({f.name, f.value});
  return out;
}

ledger::KeyAttested Pkcs11Event(const std::vector<Fact>& facts, const Digest& spki,
                                std::string unit, std::string slot) {
  ledger::KeyAttested e{.kind = "pkcs11-attributes",
                        .slot = std::move(slot),
                        .spki = spki,
                        .unit = std::move(unit),
                        .facts = {},
                        .nonce = {},
                        .root = {},
                        .statement = {}};
  for (const Fact& f : facts) e.facts.push_back({f.name, f.value});
  return e;
}

}  // namespace birthmark::attest
