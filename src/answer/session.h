// SPDX-License-Identifier: Apache-2.0
// Who was there: checking the proofs of session.opened events. A proof that does not hold is named
// and left out, never counted. Leaves out what presence means for a question.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "answer/fold.h"

namespace birthmark::answer {

// Presence is a session whose proof holds, or the reason why it does not count.
struct Presence {
  uint32_t session = 0;  // in Fold::sessions
  std::optional<std::string> fault;
  bool person = false;    // false: a station's own credential
  std::string pseudonym;  // as the credential's certificate says
  std::vector<Ref> refs;  // the session's event and those its proof leans on
};

// CheckSession verifies one proof: a COSE_Sign1 whose payload is the deterministic CBOR of {"at",
// "role", "station", "workspace"} equal to the event and the workspace, signed by the credential
// that leads x5chain, whose path ends at a root of the "operations" PKI and which credential.issued
// gave to this pseudonym. A person may take another role than the credential was first issued for.
Presence CheckSession(const Fold& fold, uint32_t session);

}  // namespace birthmark::answer
