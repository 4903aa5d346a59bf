// SPDX-License-Identifier: Apache-2.0
// Which objects to offer to a device for one anchor: the good one, and beside it one for each thing
// that a verifier may or may not care about. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "anchors/trial_spec.h"
#include "plan/plan.h"

namespace birthmark::anchors {

// kMaxTrialLevel is the deepest level offered: a device takes chains of five certificates, of which
// one may be the anchor's own.
inline constexpr uint32_t kMaxTrialLevel = 5;

// TrialBasis is the good object of an anchor, and whether it can be made.
struct TrialBasis {
  std::string anchor;
  uint32_t level = 2;            // draft section 5.1: 1 = the anchor's own key signs
  std::string algorithm;         // of the signer, a name of TrialAlgorithms
  std::string anchor_algorithm;  // of the anchor's own key; empty: no level-1 object is offered
  bool have_key = true;  // the anchor's private key is at hand: rehearsal, or an anchor of our own
  bool names = false;    // the anchor constrains its signers' names
  // Servers are tried, not objects: the device's TLS client judges them, another verifier.
  bool tls = false;
};

// OrganizationOf is the organization that an anchor's name constraints demand of its signers
// ("dn:O=Acme"); the device's verifier compares no other constraint.
std::optional<std::string> OrganizationOf(const plan::Anchor& anchor);

// DnsSubtreesOf are the DNS names that an anchor's name constraints allow its servers
// ("dns:acme.example"); empty: any. The device's TLS client compares them.
std::vector<std::string> DnsSubtreesOf(const plan::Anchor& anchor);

// BasisOf reads the good object off the plan: the level at which the anchor's PKI has its end
// entities, unless the anchor accepts only others; its end entities' algorithm. Absent for an
// anchor that none of the device's verifiers uses (a bundle or keyring of others) and for one
// without a PKI of ours.
std::optional<TrialBasis> BasisOf(const plan::Plan& plan, const plan::Anchor& anchor);

// PlanTrials lists the objects, the good one first. Without the key there is only the forger's.
std::vector<TrialSpec> PlanTrials(const TrialBasis& basis);

}  // namespace birthmark::anchors
