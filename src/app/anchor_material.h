// SPDX-License-Identifier: Apache-2.0
// What a workspace has of its plan's anchors: the file as it was adopted, the authority's
// certificate, or a key that is its own anchor. Reads only. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "anchors/facts.h"
#include "app/factory.h"
#include "trust/store.h"

namespace birthmark::app {

// AnchorSource is an opened workspace, as far as anchors need it.
struct AnchorSource {
  // Open takes the plan in force. Errors: those of OpenReader and PlanOf.
  static Result<AnchorSource> Open(const fs::path& workspace, const std::string& product);

  Layout layout;
  AdoptedPlan adopted;
  std::map<std::string, line::SignerChain> signers;  // by PKI id
  std::map<std::string, Digest> keys;                // of ours, by key id
};

// CheckAnchorsKnown refuses an id that the plan does not have. Errors: anchor.unknown.
Status CheckAnchorsKnown(const plan::Plan& plan, const std::vector<std::string>& ids);

// AnchorMaterial is one anchor of the plan, as the stores would hold it.
struct AnchorMaterial {
  std::vector<trust::TrustAnchor> anchors;
  std::optional<anchors::AnchorFacts> facts;  // of an anchor that is a file
  std::string where;                          // "anchors/webpki", "authority of boot-pki", …
  std::string missing;                        // why there is nothing to export
};

// MaterialOf finds an anchor. A key that is its own anchor is whole once images were released, or
// when `store` has it; else its digest is all the log knows. What the plan demands of the signer
// (usages, policies, levels) goes along as constraints.
// Errors: those of ReadAnchors and of trust's readers.
Result<AnchorMaterial> MaterialOf(const AnchorSource& source, const plan::Anchor& anchor,
                                  keystore::KeyStore* store = nullptr);

}  // namespace birthmark::app
