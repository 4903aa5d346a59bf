// SPDX-License-Identifier: Apache-2.0
// What a plan means, and whether the draft's process allows it. Every check looks at everything and
// returns findings; none changes the plan. Codes and their explanations: src/plan/codes.inc.
#pragma once

#include "base/bytes.h"
#include "base/files.h"
#include "base/findings.h"
#include "plan/plan.h"

namespace birthmark::plan {

// AnchorInspector looks into an anchor's file: is it what its kind and form say, can the device's
// verifier do its algorithm? The anchors room implements it; app injects it.
class AnchorInspector {
 public:
  virtual ~AnchorInspector() = default;
  // Inspect returns findings about the file; the caller adds the anchor's line where it is 0.
  virtual Findings Inspect(const Anchor& anchor, ByteView file) = 0;
};

// kMaxAnchorFileBytes bounds an anchor file.
inline constexpr size_t kMaxAnchorFileBytes = 16 * 1024 * 1024;

// CheckPlan judges meaning: files, methods and transfers, order of steps, PKI levels and lifetimes,
// algorithms, declared answers. Sorted by line.
Findings CheckPlan(const Plan& plan, const fs::path& folder, AnchorInspector* inspector = nullptr);

// CheckForProduction tells what keeps a plan out of production: the documentation's enterprise
// number, an example, lines still to be filled in, emulated links.
Findings CheckForProduction(const Plan& plan);

// DeviceVerifierCan is true for what the device's verifier (mbedTLS 2.28) can check: ECDSA on P-256
// and P-384, RSA of 2048 to 4096 bits, with SHA-256 or longer.
bool DeviceVerifierCan(vocab::Algorithm a);

// The parts CheckPlan is made of, each in a file of its own.
void CheckSteps(const Plan& plan, Findings& out);  // check_steps.cc
void CheckPkis(const Plan& plan, Findings& out);   // check_pki.cc
void CheckDevice(const Plan& plan,
                 Findings& out);  // check_device.cc: stores, stages, slots, anchors
void CheckDeclared(const Plan& plan, Findings& out);  // check_declared.cc

// ValueFits is empty when a declared value has the shape of its question, else what is wrong with
// it.
std::string ValueFits(vocab::Question q, const DeclaredValue& value);

}  // namespace birthmark::plan
