// SPDX-License-Identifier: Apache-2.0
// The device: methods and transfers, stores and what protects them, stages, anchors and what the
// device's verifier can do.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plan/check.h"
#include "vocab/rules.h"

namespace birthmark::plan {
namespace {

using vocab::AnchorKind;
using vocab::StoreKind;

void CheckIdentities(const Plan& plan, Findings& out) {
  std::set<vocab::Identity> seen;
  for (const IdentitySlot& s : plan.identities) {
    if (!seen.insert(s.slot).second) {
      out.Error("plan.slot-duplicate", fmt::format("identity {} stands twice", ToText(s.slot)),
                "a slot holds one live identity: drop one", s.line);
    }
    if (!vocab::MethodAllows(s.method, s.transfer)) {
      out.Error("plan.method-transfer",
                fmt::format("identity {}: {} cannot be {}", ToText(s.slot), ToText(s.method),
                            ToText(s.transfer)),
                "a key that the device or its element makes is not written in from outside: "
                "mechanically-transferred or network-transferred",
                s.line);
    }
    if (s.slot == vocab::Identity::kGroup && !s.batch) {
      out.Error("plan.group-batch", "identity group does not say how many devices share the key",
                "add batch = 100000", s.line);
    }
    if (s.slot != vocab::Identity::kGroup && s.batch) {
      out.Error("plan.group-batch", fmt::format("identity {} has a batch", ToText(s.slot)),
                "only a group key is shared: drop it", s.line);
    }
    const Store* store = plan.FindStore(s.store);
    bool element = store != nullptr && (store->kind == StoreKind::kSecureElement ||
                                        store->kind == StoreKind::kDiscreteTpm);
    bool wants_element = s.method == vocab::Method::kSalak || s.method == vocab::Method::kSapodilla;
    if (store != nullptr && element != wants_element) {
      out.Error("plan.method-store",
                fmt::format("identity {}: {} with its key in a store of kind {}", ToText(s.slot),
                            ToText(s.method), ToText(store->kind)),
                wants_element ? "salak and sapodilla keep the key in a secure-element or tpm"
                              : "a key made in a secure element is salak or sapodilla",
                s.line);
    }
    if (s.transfer == vocab::Transfer::kMechanicallyInstalled &&
        plan.FindStep(vocab::StepKind::kSingleImageWrite) == nullptr &&
        plan.FindStep(vocab::StepKind::kIdentityProvision) == nullptr && !plan.steps.empty()) {
      out.Error("plan.order-no-identity",
                fmt::format("identity {} is installed by no step", ToText(s.slot)),
                "add single-image-write or identity-provision", s.line);
    }
    if (s.pki) {
      const Pki* pki = plan.FindPki(*s.pki);
      if (pki != nullptr && pki->purpose != Purpose::kIdentity) {
        out.Error("plan.pki-purpose",
                  fmt::format("identity {} is certified by pki \"{}\", whose purpose is {}",
                              ToText(s.slot), *s.pki, ToText(pki->purpose)),
                  "name a PKI with purpose \"identity\"", s.line);
      }
    }
  }
  if (plan.FindSlot(vocab::Identity::kIdevidSlot) == nullptr) {
    out.Error("plan.idevid-missing", "no identity has slot \"idevid\"",
              "add [[identity]] slot = \"idevid\"", plan.product.line);
  }
}

// NextAbove is the store in which the thing that protects `store` lives; null at the top.
const Store* NextAbove(const Plan& plan, const Store& store) {
  if (!store.protected_by) return nullptr;
  if (const Anchor* a = plan.FindAnchor(*store.protected_by)) return plan.FindStore(a->store);
  if (const Stage* s = plan.FindStage(*store.protected_by)) return plan.FindStore(s->store);
  return plan.FindStore(*store.protected_by);
}

void CheckStores(const Plan& plan, Findings& out) {
  for (const Store& s : plan.stores) {
    const Store* up = NextAbove(plan, s);
    for (size_t steps = 0; up != nullptr && steps <= plan.stores.size(); ++steps) {
      if (up == &s) {
        out.Error("plan.store-cycle",
                  fmt::format("store \"{}\" is protected, in the end, by itself", s.id),
                  "something has to stand at the top: fuses, ROM, or nothing", s.line);
        break;
      }
      up = NextAbove(plan, *up);
    }
    if (!vocab::IsInternal(s.kind) && !s.protected_by && s.kind != StoreKind::kSecureElement &&
        s.kind != StoreKind::kDiscreteTpm) {
      out.Note("plan.store-unprotected",
               fmt::format("store \"{}\" ({}) is protected by nothing", s.id, ToText(s.kind)),
               "if an anchor or stage vouches for what is in it, say protected-by", s.line);
    }
  }
}

void CheckStages(const Plan& plan, Findings& out) {
  for (const Stage& s : plan.stages) {
    if (const Anchor* a = s.verified_by ? plan.FindAnchor(*s.verified_by) : nullptr;
        a != nullptr && !a->verifies.empty() && a->verifies != ToText(s.kind)) {
      out.Error("plan.stage-anchor",
                fmt::format("stage \"{}\" is verified by anchor \"{}\", which verifies {}", s.id,
                            a->id, a->verifies),
                fmt::format("name an anchor with verifies = \"{}\"", ToText(s.kind)), s.line);
    }
    const Store* store = plan.FindStore(s.store);
    if (store != nullptr && s.lock == Lock::kNone && s.kind == vocab::StageKind::kFirstStage &&
        !s.verified_by && store->kind != StoreKind::kMaskRom) {
      out.Warn("plan.first-stage-open",
               fmt::format("stage \"{}\" is neither locked nor verified by anything", s.id),
               "say verified-by or lock, if either is so", s.line);
    }
  }
  for (const Processor& p : plan.processors) {
    const Processor* up = &p;
    for (size_t i = 0; i <= plan.processors.size() && up != nullptr && up->boots_after; ++i) {
      up = plan.FindProcessor(*up->boots_after);
      if (up != &p) continue;
      out.Error("plan.processor-cycle", fmt::format("processor \"{}\" boots after itself", p.id),
                "one processor has to be first", p.line);
      break;
    }
  }
}

bool BootChain(const Anchor& a) {
  return a.verifies == "first-stage" || a.verifies == "second-stage" ||
         a.verifies == "application" || a.verifies == "bundle" || a.verifies == "test-image";
}

void CheckAnchor(const Plan& plan, const Anchor& a, Findings& out) {
  auto plays = [&](AnchorKind k) {
    return std::find(a.kinds.begin(), a.kinds.end(), k) != a.kinds.end();
  };
  if (a.generated != a.pki.has_value()) {
    out.Error("plan.anchor-source",
              a.generated
                  ? fmt::format("anchor \"{}\" is generated, but under no PKI", a.id)
                  : fmt::format("anchor \"{}\" names a PKI of ours, but is not generated", a.id),
              "file = \"generated\" and pki = \"ID\" go together", a.line);
  }
  if (!a.generated && a.file.empty() && !plays(AnchorKind::kNetworkLocal) &&
      !plays(AnchorKind::kOther)) {
    out.Error("plan.anchor-source", fmt::format("anchor \"{}\" has no file", a.id),
              "add file = \"…\"; only a network-local anchor arrives later", a.line);
  }
  if (const Pki* pki = a.pki ? plan.FindPki(*a.pki) : nullptr) {
    if (pki->purpose != Purpose::kAnchor) {
      out.Error("plan.pki-purpose",
                fmt::format("anchor \"{}\" is the root of pki \"{}\", whose purpose is {}", a.id,
                            pki->id, ToText(pki->purpose)),
                "name a PKI with purpose \"anchor\"", a.line);
    }
    std::vector<std::pair<vocab::Algorithm, int>> used;
    for (const Level& l : pki->levels) used.emplace_back(l.algorithm, l.line);
    if (pki->end_entity.algorithm)
      used.emplace_back(*pki->end_entity.algorithm, pki->end_entity.line);
    for (auto [algorithm, line] : used) {
      if (DeviceVerifierCan(algorithm)) continue;
      out.Error(
          "plan.anchor-algorithm",
          fmt::format("anchor \"{}\": the device's verifier cannot do {}", a.id, ToText(algorithm)),
          "ecdsa-p256, ecdsa-p384, or rsa-2048 to rsa-4096", line);
    }
    if (!a.levels.empty() &&
        std::find(a.levels.begin(), a.levels.end(), pki->EeLevel()) == a.levels.end()) {
      out.Error("plan.anchor-levels",
                fmt::format("anchor \"{}\" accepts levels {}, but pki \"{}\" signs at level {}",
                            a.id, fmt::join(a.levels, ", "), pki->id, pki->EeLevel()),
                fmt::format("add {} to levels, or change the PKI", pki->EeLevel()), a.line);
    }
  }
  if (BootChain(a)) {
    for (vocab::Algorithm algorithm : a.algorithms) {
      if (DeviceVerifierCan(algorithm)) continue;
      out.Error(
          "plan.anchor-algorithm",
          fmt::format("anchor \"{}\": the device's verifier cannot do {}", a.id, ToText(algorithm)),
          "ecdsa-p256, ecdsa-p384, or rsa-2048 to rsa-4096", a.line);
    }
  }
  const Store* store = plan.FindStore(a.store);
  if (store != nullptr && store->kind == StoreKind::kOtpFuse && a.form != Form::kKeyDigest &&
      a.form != Form::kPublicKey) {
    out.Error("plan.anchor-form",
              fmt::format("anchor \"{}\": a {} does not fit into fuses", a.id, ToText(a.form)),
              "form = \"key-digest\"", a.line);
  }
  if (a.third_party && a.generated) {
    out.Error("plan.anchor-source",
              fmt::format("anchor \"{}\" is a third party's, so it is not generated here", a.id),
              "drop third-party, or name the file", a.line);
  }
}

}  // namespace

void CheckDevice(const Plan& plan, Findings& out) {
  CheckIdentities(plan, out);
  CheckStores(plan, out);
  CheckStages(plan, out);
  for (const Anchor& a : plan.anchors) CheckAnchor(plan, a, out);
  if (plan.FindAnchorKind(AnchorKind::kFirstBoot) == nullptr &&
      plan.FindStageKind(vocab::StageKind::kFirstStage) != nullptr) {
    out.Warn("plan.first-boot-missing", "no anchor is of kind first-boot",
             "without one nothing verifies the boot; add it if there is one", plan.product.line);
  }
}

}  // namespace birthmark::plan
