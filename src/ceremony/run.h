// SPDX-License-Identifier: Apache-2.0
// Runs a ceremony: its reviewed script, step by step, with the people of its roles at the terminal;
// what a step did is committed to the sealed log when its role has confirmed it, and nothing leaves
// before the last. An interrupted one goes on from that log. Leaves out where the script comes from
// and who may run it (app). One process a folder; not thread-safe. Source:
// docs/formats/ceremony.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/files.h"
#include "ceremony/binding.h"
#include "ceremony/dialogue.h"
#include "ceremony/numbers.h"
#include "ceremony/record.h"
#include "ceremony/script.h"
#include "keystore/keystore.h"

namespace birthmark::ceremony {

// OpenStore opens the store that a key is bound to. `read_pin` asks the room.
using OpenStore = std::function<Result<std::unique_ptr<keystore::KeyStore>>(
    const BoundStore& bound, const fs::path& folder,
    const std::function<Result<SecretBytes>()>& read_pin)>;

struct RunOptions {
  fs::path dir;            // the custody folder
  fs::path requests;       // folder of NAME.request; empty: DIR/in
  fs::path proofs;         // folder of proofs of a health round; empty: DIR/in
  fs::path made;           // folder of the messages of a key that machines made; empty: DIR/in
  SecretBytes passphrase;  // of the sealed folder
  std::string program = "birthmark " BIRTHMARK_VERSION;
  JudgeSplit judge;      // absent: nothing is judged
  OpenStore open_store;  // absent: pkcs11 and tpm2 are refused
};

// RunResult is what there is to tell when a ceremony has ended.
struct RunResult {
  std::string id;
  bool rehearsal = true;
  std::optional<fs::path> record;  // absent: an alarm keeps everything inside
  Digest record_digest{};
  fs::path transcript;
  std::vector<std::string> alarms;  // inside only
};

// Run begins and runs a ceremony. `script` has been checked and is the one reviewed. Errors:
// ceremony.exists (the folder has a ceremony that is not closed, or it is no new folder for making
// keys), ceremony.missing, ceremony.other-log, ceremony.rehearsal, ceremony.stopped,
// ceremony.read-aloud, ceremony.request-changed, ceremony.no-answer; those of custody, keystore,
// pki and the ledger.
Result<RunResult> Run(const Script& script, const Binding& binding, RunOptions options,
                      Dialogue& room, const Clock& clock);
// Resume goes on with the ceremony that a folder's log left open; script and binding are those of
// the folder. Errors: those of Run; ceremony.nothing-open, ceremony.changed (the folder's copy of
// the script is not the one that was begun).
Result<RunResult> Resume(RunOptions options, Dialogue& room, const Clock& clock);

}  // namespace birthmark::ceremony
