// SPDX-License-Identifier: Apache-2.0
// Artifacts signed under a plan's anchors: by the workspace's own key, by a signer in another time
// zone, by a key that is elsewhere, by holders of a threshold key, by an offline anchor's own key.
// What is signed is judged as its verifier would before it leaves, and is an event first. Leaves
// out verifying other people's artifacts (artifact/lock.h). Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/keys.h"
#include "artifact/artifact.h"
#include "base/clock.h"
#include "ledger/events_artifact.h"

namespace birthmark::app {

struct ArtifactOptions {
  fs::path workspace;
  std::string product, as, anchor;
  artifact::Kind kind = artifact::Kind::kDeviceImage;
  fs::path file, out;
  std::string version;  // a number; MCUboot's form for its images
  std::string name;     // of the component; empty: what the plan calls it
  std::string signer;   // id or time zone; empty: the workspace's own
  // Where the octets to sign go and their signature comes from, when the key is not here; empty for
  // an offline anchor: the workspace's requests.
  std::optional<fs::path> round;
  std::optional<fs::path> made;  // of a threshold key
  fs::path sbom;                 // update
  std::string sbom_uri, uri;
  std::string configuration;              // fit
  bool pss = false;                       // fit: padding = "pss"
  std::string action, target, uid, like;  // tam
  std::string nonce, serial;              // debug-unlock: of the device's challenge
  bool again = false;                     // a version that is not above the last one
  bool dry_run = false;
};

struct SignedArtifact {
  ledger::ArtifactSigned event;
  std::string waits;  // what has to happen before it can be made; empty: it was made
};

// SignArtifact errors: artifact.anchor, artifact.signer (no such one, or it has no key here),
// artifact.version (not above the last one), artifact.lock (the anchor's lock would refuse it:
// every reason), artifact.verifies (the anchor verifies no such kind); those of the formats, the
// stores of keys and RoundSigner.
Result<SignedArtifact> SignArtifact(const ArtifactOptions& options, const KeySource& keys,
                                    const Clock& clock);

struct ArtifactRow {
  int64_t at = 0;
  ledger::ArtifactSigned event;
};
// ArtifactsOf lists what was signed, the oldest first.
Result<std::vector<ArtifactRow>> ArtifactsOf(const fs::path& workspace);

}  // namespace birthmark::app
