// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchors/inspect.h"

namespace birthmark::anchors {

std::optional<std::string> OrganizationOf(const plan::Anchor& anchor) {
  // One attribute of one name, without RFC 4514's joining and escaping: what the device compares.
  // Of several names any may fit (docs/formats/plan.md), which it cannot compare.
  constexpr std::string_view kOrganization = "dn:O=";
  std::optional<std::string> out;
  size_t names = 0;
  for (const std::string& name : anchor.name_constraints) {
    if (!name.starts_with("dn:")) continue;
    ++names;
    if (name.starts_with(kOrganization) && name.size() > kOrganization.size() &&
        name.find_first_of(",+\\\"") == std::string::npos) {
      out = name.substr(kOrganization.size());
    }
  }
  return names == 1 ? out : std::nullopt;
}

std::vector<std::string> DnsSubtreesOf(const plan::Anchor& anchor) {
  constexpr std::string_view kDns = "dns:";
  std::vector<std::string> out;
  for (const std::string& name : anchor.name_constraints) {
    if (name.starts_with(kDns) && name.size() > kDns.size())
      out.push_back(name.substr(kDns.size()));
  }
  return out;
}

std::optional<TrialBasis> BasisOf(const plan::Plan& plan, const plan::Anchor& anchor) {
  const bool tls = anchor.verifies == "tls-server" && !anchor.third_party;
  if (!(tls || IsBootAnchor(anchor)) || !anchor.pki) return std::nullopt;
  const auto pki = std::ranges::find(plan.pkis, *anchor.pki, &plan::Pki::id);
  if (pki == plan.pkis.end()) return std::nullopt;
  TrialBasis b;
  b.anchor = anchor.id;
  b.level = static_cast<uint32_t>(pki->EeLevel());
  if (!anchor.levels.empty() &&
      std::ranges::find(anchor.levels, pki->EeLevel()) == anchor.levels.end()) {
    b.level = static_cast<uint32_t>(std::ranges::max(anchor.levels));
  }
  if (b.level < 1 || b.level > kMaxTrialLevel) return std::nullopt;
  // Without authorities the end entity's key is the anchor itself (draft section 3.6, level 1).
  const auto end_entity = pki->end_entity.algorithm.value_or(
      pki->levels.empty() ? vocab::Algorithm::kEcdsaP256 : pki->levels.back().algorithm);
  const auto own = pki->levels.empty() ? end_entity : pki->levels.front().algorithm;
  b.anchor_algorithm = TrialAlgorithmOfKey(vocab::ToText(own));
  b.algorithm = b.level == 1 ? b.anchor_algorithm
                             : std::string(TrialAlgorithmOfKey(vocab::ToText(end_entity)));
  b.tls = tls;
  b.names = OrganizationOf(anchor).has_value() || (tls && !DnsSubtreesOf(anchor).empty());
  if (b.algorithm.empty()) return std::nullopt;
  return b;
}

std::vector<TrialSpec> PlanTrials(const TrialBasis& basis) {
  TrialSpec good;
  good.id = basis.anchor + "/good";
  good.anchor = basis.anchor;
  good.level = basis.level;
  good.algorithm = basis.algorithm;
  std::vector<TrialSpec> out;
  auto add = [&](Varies varies, std::string_view what) -> TrialSpec& {
    out.push_back(good);
    out.back().varies = varies;
    out.back().id = fmt::format("{}/{}", basis.anchor, what);
    return out.back();
  };
  auto add_forged = [&] { add(Varies::kAnchorKey, "anchor-key").right_key = false; };
  if (!basis.have_key) {
    add_forged();
    return out;
  }
  out.push_back(good);
  add(Varies::kSignature, "signature").tampered = true;
  add_forged();
  for (uint32_t level = 1; level <= std::min(basis.level + 1, kMaxTrialLevel); ++level) {
    if (level == basis.level || (level == 1 && basis.anchor_algorithm.empty())) continue;
    TrialSpec& spec = add(Varies::kLevel, fmt::format("level-{}", level));
    spec.level = level;
    if (level == 1) spec.algorithm = basis.anchor_algorithm;
  }
  // What follows lies in the signer's certificate; at level 1 the signer of objects is the anchor
  // itself, and a server's key has one all the same.
  if (basis.level < 2 && !basis.tls) return out;
  if (basis.tls) add(Varies::kHost, "host-name");
  for (const TrialAlgorithm& a : TrialAlgorithms()) {
    if (basis.level < 2) break;  // the anchor's key is of one algorithm
    if (a.name != basis.algorithm) add(Varies::kAlgorithm, a.name).algorithm = a.name;
  }
  add(Varies::kEku, "eku").eku = false;
  add(Varies::kPolicy, "policy-oid").policy = false;
  add(Varies::kSubject, "subject").subject = false;
  if (basis.level >= 3) add(Varies::kSubordinate, "subordinate").subordinate = false;
  if (basis.names) add(Varies::kNames, "name-constraints");
  return out;
}

}  // namespace birthmark::anchors
