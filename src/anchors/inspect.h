// SPDX-License-Identifier: Apache-2.0
// Judging an anchor's file against what the plan says of the anchor, at a given time. What it finds
// are facts for people who review a plan; only what cannot work is an error. Thread-compatible.
#pragma once

#include "anchors/facts.h"
#include "base/findings.h"
#include "plan/check.h"

namespace birthmark::anchors {

// BootVerifierCan is true for keys that the device's boot verifier (mbedTLS 2.28) can use: ECDSA on
// P-256 and P-384, RSA of 2048 to 4096 bits. It has no EdDSA.
bool BootVerifierCan(std::string_view key_algorithm);

// IsBootAnchor is true for an anchor that the device's own verifier uses: one that verifies a
// stage, a bundle, a voucher or the opening of a debug port, first boot, TAM, and software update;
// never an OpenPGP keyring, whose keys another program reads.
bool IsBootAnchor(const plan::Anchor& anchor);

// InspectFacts finds: anchors.not-its-kind, anchors.not-its-form, anchors.algorithm-not-verifiable,
// anchors.path-length (errors); anchors.expired, anchors.not-yet-valid, anchors.weak-key,
// anchors.not-a-ca, anchors.dnssec-stale, anchors.dnssec-unknown-key, anchors.ds-mismatch,
// anchors.self-signature-broken, anchors.revoked (warnings); anchors.sha1-signature,
// anchors.entry-twice, anchors.one-certificate (notes).
Findings InspectFacts(const plan::Anchor& anchor, const AnchorFacts& facts, Time at);

// InspectAnchor reads the bytes first; what ReadAnchors refuses is one error with its code.
Findings InspectAnchor(const plan::Anchor& anchor, ByteView file, Time at);

// Inspector is the plan's inspector at one moment: that of the check, unless another is given.
class Inspector : public plan::AnchorInspector {
 public:
  explicit Inspector(Time at = SystemClock().Now()) : at_(at) {}
  Findings Inspect(const plan::Anchor& anchor, ByteView file) override {
    return InspectAnchor(anchor, file, at_);
  }

 private:
  Time at_;
};

}  // namespace birthmark::anchors
