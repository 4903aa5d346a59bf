// SPDX-License-Identifier: Apache-2.0
// A unit's keys as the log knows them: who made them, what the module said of them, and the words
// that people use for that. Facts are read, words derived; nothing is stored here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/view.h"
#include "attest/facts.h"
#include "vocab/vocab.h"

namespace birthmark::app {

// UnitKey is one identity's key.
struct UnitKey {
  std::string slot;
  std::string state;
  std::string method;  // in the words of the revision asked for
  Digest spki{};
  // kind is the evidence's ("tpm2-certify-creation", "pkcs11-attributes"); empty: no module said
  // anything.
  std::string kind;
  std::vector<attest::Fact> facts;
  attest::Labels labels;
  std::optional<Digest> root;  // the maker's, when a signature leads there
};

// KeysOfUnit lists a unit's keys, the oldest first. Errors: those of the view.
Result<std::vector<UnitKey>> KeysOfUnit(View& view, const std::string& unit,
                                        vocab::Revision revision);

}  // namespace birthmark::app
