// SPDX-License-Identifier: Apache-2.0
// What the ceremony and custody commands do beside the ceremony itself: scripts written from a plan
// or for a custody folder, and a run with its stores and its leak guard. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "ceremony/run.h"
#include "ceremony/sealed_log.h"
#include "keystore/passphrase.h"
#include "plan/plan.h"

namespace birthmark::app {

// NewCeremony says what a script is for.
struct NewCeremony {
  ceremony::Kind kind = ceremony::Kind::kMake;
  std::string title;  // empty: a usual one
  bool rehearsal = true;
  std::vector<std::string> keys;  // these alone; empty: all that the kind fits
  fs::path requests;              // folder of requests to sign; empty: none
  std::string apart;              // a threshold key that its holders' machines make together
};

// ScriptFromPlan writes a make ceremony for all offline levels of all PKIs of a plan. Errors:
// ceremony.nothing-offline, plan.algorithm, ceremony.request-issuer, those of pki::CheckRequest.
Result<ceremony::Script> ScriptFromPlan(const plan::Plan& plan, const NewCeremony& what);
// ScriptOf writes a later ceremony for the keys of a custody folder, from its sealed log. Errors:
// ceremony.other-key, ceremony.nothing-shared, and as above.
Result<ceremony::Script> ScriptOf(const ceremony::SealedLog& log, const NewCeremony& what,
                                  Rng& rng);

// CeremonyPassphrase reads the passphrase of a custody folder.
Result<SecretBytes> CeremonyPassphrase(keystore::PassphraseSource source, bool fresh);
// WithStores fills in the leak guard and the opening of modules and TPMs.
ceremony::RunOptions WithStores(ceremony::RunOptions options);

}  // namespace birthmark::app
