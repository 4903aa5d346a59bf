// SPDX-License-Identifier: Apache-2.0
// Which key signs an artifact, and how it is reached: here, in a zone's folder, by carrying octets,
// by holders, by an offline anchor. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/artifact_round.h"
#include "app/artifacts.h"
#include "app/factory.h"
#include "artifact/lock.h"

namespace birthmark::app {

// Chosen is a signer with what goes along with its signatures.
struct Chosen {
  std::string id;
  std::string how = "online";  // as ArtifactSigned says it
  std::unique_ptr<crypto::Signer> signer;
  RoundSigner* round = nullptr;  // the signer, when its key is not here
  std::vector<crypto::Certificate> chain;
  std::optional<crypto::Certificate> root;
};

// ChooseSigner finds the signer that the options name. `words` is what an offline anchor would be
// asked to sign. Errors: artifact.signer; those of key stores and RoundSigner.
Result<Chosen> ChooseSigner(Factory& f, ledger::LogReader& reader, const plan::Anchor& anchor,
                            const ArtifactOptions& options, const offline::ArtifactRequest& words);

// TrustedFor is what a verifier holds for an anchor: the root or the key of ours, or the file that
// the plan names. Errors: artifact.anchor (nothing is there that verifies).
Result<std::vector<artifact::Trusted>> TrustedFor(Factory& f, ledger::LogReader& reader,
                                                  const plan::Anchor& anchor);

}  // namespace birthmark::app
