// SPDX-License-Identifier: Apache-2.0
// The keys that U-Boot verifies FIT images with: nodes /signature/key-NAME of its control device
// tree. Reading takes any flattened device tree; writing makes a tree of these nodes alone, to be
// merged into the control tree, as `mkimage -K` puts them. Leaves out FIT images' own signatures.
// Pure; thread-safe. Source: U-Boot doc/usage/fit/signature.rst.
#pragma once

#include <string>

#include "trust/store.h"

namespace birthmark::trust {

// LooksLikeDeviceTree is true for the magic of a flattened device tree whose size fits.
bool LooksLikeDeviceTree(ByteView data);

// FitRequired is the property `required` of a key's node: what must be signed with it.
enum class FitRequired { kNothing, kImage, kConfiguration };

// ReadFitKeys reads a tree's keys; no key is no error. `place` of an anchor is the node.
// Errors: trust.fit-malformed, trust.too-large. Findings: trust.fit-not-required (a key without
// `required` is tried and never enforced), trust.fit-key (a node that is no key).
Result<Store> ReadFitKeys(ByteView tree);

// WriteFitKeys makes a tree with a node for each key: RSA and ECDSA with SHA-256, as U-Boot has
// them. `required` of nothing leaves the property out. Errors: trust.cannot-carry, key.encode.
Result<Bytes> WriteFitKeys(const std::vector<TrustAnchor>& anchors, FitRequired required);

}  // namespace birthmark::trust
