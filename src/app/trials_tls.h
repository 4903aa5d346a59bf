// SPDX-License-Identifier: Apache-2.0
// Trials of the anchors that verify TLS servers: the certificates are made where the anchors' keys
// are, at init; when the line first runs a plan, servers in memory show them to the TLS client of a
// sacrificial device. Which servers it takes goes into the log, under the name of that verifier. A
// rehearsal alone makes them, and keeps their keys, which are the trial's own.
#pragma once

#include <optional>
#include <string>

#include "anchors/trial_build.h"
#include "anchors/trial_plan.h"
#include "app/trials.h"

namespace birthmark::app {

// MakeServerKit writes the kit of one anchor; `setup` has the anchor's key and the plan's rules.
// Errors: those of the builder, file.write.
Status MakeServerKit(const Layout& layout, const plan::Anchor& anchor,
                     const anchors::TrialBasis& basis, anchors::TrialSetup setup,
                     anchors::TrialKeys& keys, Rng& rng);

// TryServers shows the servers of an anchor's kit to a device; nothing where there is no kit. What
// needs the anchor's own key, and the key is not in software here, is left out. Errors: those of
// the link; trial.kit, trial.server.
Result<std::optional<ledger::TrialsRun>> TryServers(const Layout& layout, const TrialRun& run,
                                                    const plan::Anchor& anchor,
                                                    link::DeviceConsole& console,
                                                    const std::string& unit);

// ServersInKit is how many servers an anchor's kit has.
Result<size_t> ServersInKit(const Layout& layout, const std::string& anchor);

}  // namespace birthmark::app
