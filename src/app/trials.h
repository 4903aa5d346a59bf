// SPDX-License-Identifier: Apache-2.0
// Trials of the anchors a device checks with: the objects are signed where the anchors' keys are,
// at init; they are offered to the verifier of a sacrificial device when the line first runs a
// plan. What it says goes into the log. The objects are signed under real anchors, so that only a
// rehearsal makes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "anchors/trial_spec.h"
#include "app/authorities.h"
#include "app/change_trials.h"
#include "ledger/events.h"
#include "line/firmware.h"
#include "line/fixture.h"

namespace birthmark::app {

// TrialKit is the objects for one anchor.
struct TrialKit {
  struct Object {
    Bytes cose;
    anchors::TrialSpec spec;
    template <class V>
    void Fields(V& v) {
      v("cose", cose);
      v("spec", spec);
    }
  };
  std::string anchor;
  std::vector<Object> objects;
  template <class V>
  void Fields(V& v) {
    v("anchor", anchor);
    v("objects", objects);
  }
};

// MakeTrialKits builds and writes a kit for every anchor of the plan that our keys stand behind.
// `authorities` are those of each PKI, from level 1 down. Errors: those of the builder, file.write.
Status MakeTrialKits(const Layout& layout, const plan::Plan& plan, Stores stores,
                     const std::map<std::string, std::vector<Authority>>& authorities,
                     const std::map<std::string, line::SignerChain>& signers, const Clock& clock,
                     Rng& rng);

// Tried is what the trials of a plan's anchors gave: one event an anchor of each kind.
struct Tried {
  std::vector<ledger::TrialsRun> runs;
  std::vector<ledger::ChangesTried> changes;
};

// TrialRun says what is tried: all anchors, or those named. Without `changing` no change is tried:
// the objects would be signed by keys that real devices believe.
struct TrialRun {
  const plan::Plan& plan;
  const line::Firmware& firmware;
  keystore::KeyStore& keys;
  const std::map<std::string, line::SignerChain>& signers;
  bool changing = false;
  std::vector<std::string> anchors;
};

// RunTrials places a new emulated device, closes its locks, offers it every kit and then every
// change. Errors: those of the link; trial.kit (a kit that cannot be read), those of ChangeTrials.
Result<Tried> RunTrials(const Layout& layout, const TrialRun& run);

// KitObjects is how many objects the kit of an anchor has; 0 where there is none.
Result<size_t> KitObjects(const Layout& layout, const std::string& anchor);

}  // namespace birthmark::app
