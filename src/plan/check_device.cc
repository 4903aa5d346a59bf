// SPDX-License-Identifier: Apache-2.0
// The device: methods and transfers, stores and what protects them, stages, anchors and what the
// device's verifier can do.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plan/check.h"
#include "plan/other_party.h"
#include "vocab/rules.h"

namespace birthmark::plan {
namespace {

using vocab::AnchorKind;
using vocab::StoreKind;

// FitsSlot is true for algorithms that a slot can hold: a secret is no key pair.
bool FitsSlot(vocab::Identity slot, vocab::Algorithm a) {
  using vocab::Algorithm;
  const bool secret = a == Algorithm::kSymmetric128 || a == Algorithm::kSymmetric256;
  switch (slot) {
    case vocab::Identity::kSymmetric:
      return secret;
    case vocab::Identity::kPassword:
      return a == Algorithm::kPbkdf2;
    case vocab::Identity::kDecrypt:
      // RSA decrypts and signs; ECDSA only signs (4.1).
      return a == Algorithm::kEcdhP256 || a == Algorithm::kRsa2048 || a == Algorithm::kRsa3072 ||
             a == Algorithm::kRsa4096 || secret;
    case vocab::Identity::kIdevidSlot:
    case vocab::Identity::kAttestation:
    case vocab::Identity::kGroup:
      return !secret && a != Algorithm::kPbkdf2 && a != Algorithm::kEcdhP256;
  }
  return false;
}

void CheckSlotKind(const Plan& plan, const IdentitySlot& s, Findings& out) {
  if (!FitsSlot(s.slot, s.algorithm)) {
    out.Error("plan.slot-algorithm",
              fmt::format("identity {} cannot be of {}", ToText(s.slot), ToText(s.algorithm)),
              "symmetric: symmetric-128 or -256; password: pbkdf2-hmac-sha256; decrypt: ecdh-p256; "
              "the others sign",
              s.line);
  }
  if (IsSecret(s.slot) && s.pki) {
    out.Error("plan.slot-pki", fmt::format("identity {} has no certificate", ToText(s.slot)),
              "a secret has no public half: drop pki", s.line);
  }
  if (s.derived && s.slot != vocab::Identity::kSymmetric) {
    out.Error("plan.slot-derived",
              fmt::format("identity {} is not derived from a master key", ToText(s.slot)),
              "derived is for symmetric alone; a password is never made from anything else",
              s.line);
  }
  if (s.on_label && s.slot != vocab::Identity::kPassword) {
    out.Error("plan.slot-label", fmt::format("identity {} goes on no label", ToText(s.slot)),
              "on-label is for password alone", s.line);
  }
  if (s.slot == vocab::Identity::kPassword && !s.on_label) {
    out.Warn("plan.password-label", "the password is on no label: its owner cannot read it there",
             "say on-label = true, or deliver it by `birthmark unit export --secrets`", s.line);
  }
  if (s.on_label && plan.FindStep(vocab::StepKind::kQualityControl) == nullptr &&
      !plan.steps.empty()) {
    out.Warn("plan.password-unscanned", "no quality-control step scans the label with the password",
             "add one, so that a label on the wrong unit is found", s.line);
  }
  if (s.slot == vocab::Identity::kGroup && s.batch && *s.batch < 2) {
    out.Error("plan.group-batch", "a group of one shares nothing", "batch = 2 or more", s.line);
  }
}

// CheckAttested looks at what a slot asks of a secure element's word for its key.
void CheckAttested(const Plan& plan, const IdentitySlot& s, const Store* store, Findings& out) {
  const bool firmware_tpm = store != nullptr && store->kind == StoreKind::kFirmwareTpm;
  const bool attests =
      s.method == vocab::Method::kSalak || s.method == vocab::Method::kSapodilla || firmware_tpm;
  if (s.attestation == Attestation::kRequired && !attests) {
    out.Error(
        "plan.attestation",
        fmt::format("identity {}: {} with its key in a store of kind {} attests nothing",
                    ToText(s.slot), ToText(s.method), store == nullptr ? "?" : ToText(store->kind)),
        "attestation = \"required\" is for keys in a TPM or a secure element", s.line);
  }
  if (s.attestation == Attestation::kRequired && s.vendor_roots.empty()) {
    out.Error("plan.vendor-roots",
              fmt::format("identity {}: proof is required, but no maker's root is pinned",
                          ToText(s.slot)),
              "add vendor-roots = [\"maker.pem\"], or [\"rehearsal\"] for emulated parts", s.line);
  }
  if (!plan.board && std::ranges::find(s.vendor_roots, kRehearsalRoots) != s.vendor_roots.end()) {
    out.Error("plan.vendor-roots",
              fmt::format("identity {}: emulated parts are trusted, but no board is emulated",
                          ToText(s.slot)),
              "pin the root of the part's maker", s.line);
  }
  // Over a network the device uses its element as it likes; over a console we drive it.
  const bool driven = attests && s.method != vocab::Method::kSapodilla &&
                      s.transfer == vocab::Transfer::kMechanicallyTransferred;
  if (driven && s.algorithm != vocab::Algorithm::kEcdsaP256) {
    out.Error("plan.element-algorithm",
              fmt::format("identity {}: the element is asked for {}", ToText(s.slot),
                          ToText(s.algorithm)),
              "keys in an element behind the device are of ecdsa-p256", s.line);
  }
  for (const IdentitySlot& other : plan.identities) {
    const Store* its = plan.FindStore(other.store);
    if (!driven || its == nullptr || its == store || other.line >= s.line) continue;
    if (other.method == vocab::Method::kSalak || its->kind == StoreKind::kFirmwareTpm) {
      out.Error("plan.element-several",
                fmt::format("identities {} and {} are in two elements", ToText(other.slot),
                            ToText(s.slot)),
                "the device talks to one element: put both keys into one store", s.line);
    }
  }
}

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
    CheckSlotKind(plan, s, out);
    if (s.mixes_entropy && s.transfer != vocab::Transfer::kMechanicallyTransferred) {
      out.Error("plan.slot-mixes",
                fmt::format("identity {} mixes entropy into its key and is {}", ToText(s.slot),
                            ToText(s.transfer)),
                "a key that nobody else can compute has to come out to be certified: "
                "mechanically-transferred",
                s.line);
    }
    const Store* store = plan.FindStore(s.store);
    bool element = store != nullptr && (store->kind == StoreKind::kSecureElement ||
                                        store->kind == StoreKind::kDiscreteTpm);
    bool wants_element = s.method == vocab::Method::kSalak || s.method == vocab::Method::kSapodilla;
    CheckAttested(plan, s, store, out);
    if (store != nullptr && element != wants_element) {
      out.Error("plan.method-store",
                fmt::format("identity {}: {} with its key in a store of kind {}", ToText(s.slot),
                            ToText(s.method), ToText(store->kind)),
                wants_element ? "salak and sapodilla keep the key in a secure-element or tpm"
                              : "a key made in a secure element is salak or sapodilla",
                s.line);
    }
    if ((s.method == vocab::Method::kSapodilla) != s.ca_option.has_value()) {
      out.Error(
          "plan.ca-option",
          s.ca_option ? fmt::format("identity {}: ca-option is for sapodilla", ToText(s.slot))
                      : fmt::format("identity {}: sapodilla does not say whose authority "
                                    "certifies it",
                                    ToText(s.slot)),
          s.ca_option ? "drop it" : "add ca-option = \"generic\", \"on-behalf\" or \"connected\"",
          s.line);
    }
    if (s.method != vocab::Method::kSapodilla && (!s.activation.empty() || !s.disclosure.empty())) {
      out.Error(
          "plan.ca-option",
          fmt::format("identity {}: activation and disclosure are for sapodilla", ToText(s.slot)),
          "drop them", s.line);
    }
    if (!s.disclosure.empty() && !OtherDisclosure(s)) {
      out.Error(
          "plan.ca-option",
          fmt::format("identity {}: disclosure names no file with its digest", ToText(s.slot)),
          "write disclosure = \"FILE#sha256:HEX\"; sha256sum FILE tells it", s.line);
    }
    if (const Pki* pki = plan.PkiOf(s);
        s.ca_option == CaOption::kOnBehalf && pki != nullptr && pki->levels.size() < 2) {
      out.Error("plan.ca-option",
                fmt::format("identity {}: the PKI has no level that another party could hold",
                            ToText(s.slot)),
                "add a [[pki.level]] below the root", s.line);
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
    if (!s.privileges.empty() && s.kind != vocab::StageKind::kTamStage) {
      out.Error("plan.stage-privileges",
                fmt::format("stage \"{}\" has privileges and is no TAM", s.id),
                "privileges stand in the manifest of a stage of kind tam", s.line);
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
    if (a.subordinate && std::ranges::none_of(pki->levels, [&](const Level& l) {
          const std::string_view fixed = std::string_view(l.name).substr(0, l.name.find("{}"));
          return l.level > 1 && a.subordinate->starts_with(fixed);
        })) {
      out.Error("plan.anchor-subordinate",
                fmt::format("anchor \"{}\": no authority of pki \"{}\" below its root is \"{}\"",
                            a.id, pki->id, *a.subordinate),
                "subordinate is the name of one of its levels, 2 or more", a.line);
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
