// SPDX-License-Identifier: Apache-2.0
// What each step of draft section 2.1 does to a device, and what it can show for itself. Every step
// may be repeated after an interruption: it looks at the device before it acts. Leaves out the
// order of steps (plan) and visits (visit.h).
#pragma once

#include <functional>

#include "base/ids.h"
#include "line/firmware.h"
#include "line/fixture.h"
#include "method/bamboo.h"
#include "method/carrot.h"
#include "method/method.h"
#include "method/sapodilla.h"
#include "method/secret.h"
#include "plan/plan.h"

namespace birthmark::line {

// VendorRoots gives the roots that the plan pins for a slot.
using VendorRoots =
    std::function<Result<std::vector<crypto::Certificate>>(const std::string& slot)>;

// StepContext is all a step may touch.
struct StepContext {
  Fixture& device;
  const plan::Plan& plan;
  const plan::Step& step;
  const Firmware& firmware;
  method::Desk& desk;
  method::Job job;            // slot is filled in a slot at a time
  std::string station_place;  // "station bench"
  Rng& rng;
  std::optional<Bytes> report;            // set by read-back: the device's signed report
  std::string chip;                       // the chip's own identifier, hex, once known
  method::Pool* pool = nullptr;           // of keys made ahead for this station
  method::Elements* elements = nullptr;   // parts that came from a silicon maker
  method::SecretDesk* secrets = nullptr;  // of identities that are no key pair
  method::Seeds* seeds = nullptr;         // of identities that come from a silicon maker's seeds
  VendorRoots vendor_roots;  // of makers whose parts may attest; empty: none are pinned
  fs::path labels;           // where labels are printed and scanned; empty: none are
};

// RunStep does one step. Errors: step.refused-too-late (the step must be refused by now and was
// not), step.self-test, step.read-back, step.not-erased, step.boot, step.lock, step.report,
// step.method; those of link and method. IsTransient tells which are worth another try.
Result<method::Outcome> RunStep(StepContext& c);

// IsTransient is true for trouble on the line or a cut power; a device's own refusal is not.
bool IsTransient(const Error& e);

}  // namespace birthmark::line
