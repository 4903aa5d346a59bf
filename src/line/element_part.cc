// SPDX-License-Identifier: Apache-2.0
#include "line/element_part.h"

#include "element/parts/parts.h"

namespace birthmark::line {
namespace {

bool IsTpm(vocab::StoreKind k) {
  return k == vocab::StoreKind::kDiscreteTpm || k == vocab::StoreKind::kFirmwareTpm;
}

}  // namespace

bool NeedsElement(const plan::Plan& plan, const plan::IdentitySlot& slot) {
  if (slot.method == vocab::Method::kSalak) return true;
  const plan::Store* store = plan.FindStore(slot.store);
  return slot.method == vocab::Method::kAvocado && store != nullptr &&
         store->kind == vocab::StoreKind::kFirmwareTpm;
}

method::SalakTerms SalakTermsOf(const plan::Plan& plan, const plan::IdentitySlot& slot,
                                std::vector<crypto::Certificate> roots) {
  using Policy = method::SalakTerms::Attestation;
  const plan::Store* store = plan.FindStore(slot.store);
  return {.attestation = slot.attestation == plan::Attestation::kRequired    ? Policy::kRequired
                         : slot.attestation == plan::Attestation::kForbidden ? Policy::kForbidden
                                                                             : Policy::kOptional,
          .roots = std::move(roots),
          .method = std::string(vocab::ToText(slot.method)),
          .kind = store != nullptr && IsTpm(store->kind) ? "tpm2" : ""};
}

Result<std::string> EmulatedElement(const plan::Plan& plan, const fs::path& state,
                                    const fs::path& maker, const std::string& serial) {
  for (const plan::IdentitySlot& slot : plan.identities) {
    if (!NeedsElement(plan, slot)) continue;
    const plan::Store* store = plan.FindStore(slot.store);
    BM_CHECK(MakeDirs(state, 0700));
    if (store != nullptr && IsTpm(store->kind)) {
      BM_CHECK(element::MakeTpm(state / "tpm", maker, serial));
      return "swtpm:" + (state / "tpm").string();
    }
    BM_CHECK(element::MakeToken(state / "token"));
    return "softhsm:" + (state / "token").string();
  }
  return "";
}

}  // namespace birthmark::line
