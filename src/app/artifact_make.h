// SPDX-License-Identifier: Apache-2.0
// What an artifact of each kind is made of, from the plan and the command's options: its name, its
// content, and how its octets come about once a signer is there. Not thread-safe.
#pragma once

#include <functional>
#include <string>

#include "app/artifact_chosen.h"

namespace birthmark::app {

struct Prepared {
  std::string name;  // of the component: what versions are counted for
  Digest content{};  // of the file that is signed
  offline::ArtifactRequest words;
  std::function<Result<Bytes>(const Chosen&)> make;
};

// PrepareArtifact errors: artifact.verifies, artifact.options (what the kind needs is missing);
// those of reading the file and of the formats.
Result<Prepared> PrepareArtifact(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                                 uint64_t version, const KeySource& keys, const Clock& clock);

// PartitionVerified is where the images are that an anchor verifies; empty: nowhere in a device.
std::string PartitionVerified(const plan::Plan& plan, const plan::Anchor& anchor);

}  // namespace birthmark::app
