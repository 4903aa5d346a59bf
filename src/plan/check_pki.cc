// SPDX-License-Identifier: Apache-2.0
// PKIs: levels without a gap, lifetimes that nest, limits of subordinates, what is online.
#include <fmt/format.h>

#include "plan/check.h"

namespace birthmark::plan {
namespace {

using std::chrono::milliseconds;

// Outlives is true when something issued at the end of the parent's issuing window is still valid
// after the parent is not. Never ends after everything but never.
bool Outlives(const Lifetime& child, const Lifetime& parent, milliseconds parent_window) {
  if (parent.never) return false;
  return child.never || child.duration + parent_window > parent.duration;
}

// CheckRevocation looks at what a level tells of what it signed, and at who takes over.
void CheckRevocation(const Pki& pki, const Level& l, Findings& out) {
  auto at = [&](std::string_view what) {
    return fmt::format("pki \"{}\": level {}: {}", pki.id, l.level, what);
  };
  for (const auto* url : {&l.crl_url, &l.ocsp_url}) {
    if (*url && !(*url)->starts_with("http://")) {
      out.Error("plan.crl-url", at("a URL of revocation is not plain http://"),
                "both protect themselves: http://pki.example/crl/{}.crl", l.line);
    }
    if (l.level < 2 || !*url || (*url)->find("{}") != std::string::npos) continue;
    out.Warn("plan.crl-url", at("several authorities may tell at the same URL"),
             "put {} into it, which becomes each authority's id", l.line);
  }
  if ((l.crl_reserve > 0 || l.crl_url) && !l.crl_lifetime) {
    out.Error("plan.crl-lifetime", at("lists are spoken of, and none is signed"),
              "say how long each holds: crl-lifetime = \"P7D\"", l.line);
  }
  const Lifetime& below = static_cast<size_t>(l.level) < pki.levels.size()
                              ? pki.levels[static_cast<size_t>(l.level)].lifetime
                              : pki.end_entity.lifetime;
  if (l.successors > 0 && l.issuing_window &&
      Outlives(below, l.lifetime, *l.issuing_window * (l.successors + 1))) {
    out.Warn("plan.successors-lifetime",
             at(fmt::format("the last of {} successors ends before what it signs", l.successors)),
             "give the level a longer lifetime, or sign fewer ahead", l.line);
  }
}

// CheckCustody looks at what a kind of store can make, and at who has to verify it.
void CheckCustody(const Plan& plan, const Pki& pki, const Level& l, Findings& out) {
  auto at = [&](std::string_view what) {
    return fmt::format("pki \"{}\": level {}: {}", pki.id, l.level, what);
  };
  const bool ed25519 = l.algorithm == vocab::Algorithm::kEd25519;
  if (l.custody == Custody::kTpm && ed25519) {
    out.Error("plan.custody-algorithm", at("a TPM makes no ed25519 keys"),
              "ecdsa-p256 is what every TPM makes", l.line);
  }
  if (l.custody == Custody::kThreshold && !ed25519) {
    out.Error("plan.custody-algorithm",
              at(fmt::format("no threshold key signs {}", ToText(l.algorithm))),
              "algorithm = \"ed25519\": FROST (RFC 9591) makes its signatures", l.line);
  }
  if ((l.custody == Custody::kSplit || l.custody == Custody::kThreshold) && !l.offline) {
    out.Error("plan.custody-online",
              at(fmt::format("a {} key signs when people meet, and the level is online",
                             ToText(l.custody))),
              "say offline = true, or keep the key in a module: custody = \"pkcs11\"", l.line);
  }
  if (l.custody != Custody::kThreshold || DeviceVerifierCan(vocab::Algorithm::kEd25519)) return;
  for (const Anchor& a : plan.anchors) {
    if (a.pki != pki.id) continue;
    out.Error("plan.custody-verifier",
              at(fmt::format("the device verifies with anchor \"{}\", and its verifier cannot do "
                             "ed25519",
                             a.id)),
              "custody = \"split\" keeps an ECDSA key in shares", l.line);
  }
}

// CheckSigners looks at the end entities that sign for the manufacturer.
void CheckSigners(const Pki& pki, Findings& out) {
  const EndEntity& ee = pki.end_entity;
  auto bad = [&](std::string what, std::string fix) {
    out.Error("plan.end-entity", fmt::format("pki \"{}\" end-entity: {}", pki.id, what), fix,
              ee.line);
  };
  const bool anchor = pki.purpose == Purpose::kAnchor;
  if (!anchor && (ee.proof != Attestation::kOptional || !ee.time_zones.empty()))
    bad("proof and time-zones are of what signs under an anchor",
        "purpose = \"anchor\"; a slot's keys have attestation = \"required\"");
  if (pki.purpose == Purpose::kIdentity && ee.custody != Custody::kSoftware)
    bad("the keys are the devices'", "the slot says where they are kept: store");
  if (ee.custody == Custody::kSplit || ee.custody == Custody::kThreshold)
    bad(fmt::format("init makes no {} key for a signer", ToText(ee.custody)),
        "certify the group's key later: birthmark artifact signer WS --anchor ID --csr FILE");
  if (ee.custody == Custody::kTpm && ee.algorithm == vocab::Algorithm::kEd25519)
    bad("a TPM makes no ed25519 keys", "ecdsa-p256 is what every TPM makes");
  if (anchor && pki.levels.empty() &&
      (ee.proof != Attestation::kOptional || !ee.time_zones.empty()))
    bad("the key is its own anchor, so there is one, and nobody certifies it",
        "add [[pki.level]], or drop proof and time-zones");
  for (size_t i = 0; i < ee.time_zones.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (ee.time_zones[i] == ee.time_zones[j])
        bad(fmt::format("{} stands twice in time-zones", ee.time_zones[i]), "name each zone once");
    }
  }
}

void CheckLevels(const Plan& plan, const Pki& pki, Findings& out) {
  for (const Level& l : pki.levels) {
    CheckRevocation(pki, l, out);
    CheckCustody(plan, pki, l, out);
  }
  for (size_t i = 0; i < pki.levels.size(); ++i) {
    const Level& l = pki.levels[i];
    if (l.level == static_cast<int>(i) + 1) continue;
    out.Error(
        "plan.pki-levels",
        fmt::format("pki \"{}\": level {} stands where level {} belongs", pki.id, l.level, i + 1),
        "number the levels 1, 2, 3… from the root down, without a gap", l.line);
  }
  for (size_t i = 1; i < pki.levels.size(); ++i) {
    const Level& parent = pki.levels[i - 1];
    const Level& l = pki.levels[i];
    if (Outlives(l.lifetime, parent.lifetime, parent.issuing_window.value_or(milliseconds(0)))) {
      out.Error(
          "plan.subordinate-outlives",
          fmt::format("pki \"{}\": level {} lives {}, its parent only {}{}", pki.id, l.level,
                      ToText(l.lifetime), ToText(parent.lifetime),
                      parent.issuing_window
                          ? " and issues for " + DurationText(*parent.issuing_window)
                          : ""),
          "give the parent its child's lifetime and its own issuing window on top, or \"never\"",
          l.line);
    }
  }
  if (pki.levels.empty()) return;
  const Level& last = pki.levels.back();
  if (Outlives(pki.end_entity.lifetime, last.lifetime,
               last.issuing_window.value_or(milliseconds(0)))) {
    out.Warn(
        "plan.leaf-outlives-chain",
        fmt::format("pki \"{}\": end entities live {}, the authority that signs them {}", pki.id,
                    ToText(pki.end_entity.lifetime), ToText(last.lifetime)),
        "a certificate is of no use after its chain: give the authority the same life and a short "
        "issuing-window",
        pki.end_entity.line);
  }
  if (!pki.levels.front().offline && pki.levels.size() > 1) {
    out.Warn("plan.root-online", fmt::format("pki \"{}\": the root is online", pki.id),
             "say offline = true; its requests are then carried as files", pki.levels.front().line);
  }
  if (last.offline && pki.purpose == Purpose::kIdentity) {
    out.Error("plan.issuer-offline",
              fmt::format("pki \"{}\": level {} signs devices' certificates but is offline", pki.id,
                          last.level),
              "the last level issues on the line: offline = false", last.line);
  }
  for (size_t i = 1; i < pki.levels.size(); ++i) {
    const Level& l = pki.levels[i];
    if (pki.purpose != Purpose::kIdentity || l.issuing_window || l.max_count) continue;
    out.Note(
        "plan.subordinate-unlimited",
        fmt::format("pki \"{}\": level {} retires neither by time nor by count", pki.id, l.level),
        "issuing-window and max-count are what identity-time-limits and identity-number answer",
        l.line);
  }
}

}  // namespace

void CheckPkis(const Plan& plan, Findings& out) {
  int line = plan.product.line;
  if (plan.IdentityPki() == nullptr) {
    out.Error("plan.pki-missing", "no [[pki]] has purpose \"identity\"", "add one with its levels",
              line);
  }
  if (plan.DisclosurePki() == nullptr) {
    out.Error("plan.pki-missing", "no [[pki]] has purpose \"disclosure\"",
              "add one: a root and the key that signs disclosures", line);
  }
  for (const Pki& pki : plan.pkis) {
    CheckLevels(plan, pki, out);
    CheckSigners(pki, out);
    if (pki.purpose != Purpose::kAnchor && pki.levels.empty()) {
      out.Error("plan.pki-levels", fmt::format("pki \"{}\" has no levels", pki.id),
                "add [[pki.level]]; only an anchor's key may be its own PKI", pki.line);
    }
    if (pki.purpose != Purpose::kIdentity && !pki.end_entity.algorithm) {
      out.Error("plan.key-missing",
                fmt::format("pki \"{}\" end-entity has no \"algorithm\"", pki.id),
                "add algorithm = \"ecdsa-p256\"", pki.end_entity.line);
    }
  }
}

}  // namespace birthmark::plan
