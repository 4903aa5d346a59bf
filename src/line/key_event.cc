// SPDX-License-Identifier: Apache-2.0
#include "line/key_event.h"

namespace birthmark::line {

ledger::KeyFacts ToLedger(const keystore::KeyFacts& f) {
  ledger::KeyFacts out{.local = f.local,
                       .sensitive = f.sensitive,
                       .extractable = f.extractable,
                       .always_sensitive = f.always_sensitive,
                       .never_extractable = f.never_extractable};
  // A word of TPMs alone: elsewhere it would say of a key that it is not fixed to a TPM.
  if (f.scheme == "tpm2") out.fixed_tpm = f.fixed_to_device;
  return out;
}

ledger::KeyCreated KeyMade(const std::string& id, const keystore::KeyFacts& facts,
                           const std::string& purpose, bool offline) {
  return {.id = id,
          .spki = facts.spki_digest,
          .facts = ToLedger(facts),
          .store = facts.scheme,
          .offline = offline,
          .purpose = purpose,
          .algorithm = std::string(crypto::ToText(facts.algorithm))};
}

}  // namespace birthmark::line
