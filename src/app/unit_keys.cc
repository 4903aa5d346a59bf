// SPDX-License-Identifier: Apache-2.0
#include "app/unit_keys.h"

#include <algorithm>
#include <map>

#include "attest/event.h"
#include "ledger/events.h"
#include "plan/parse.h"
#include "vocab/rules.h"

namespace birthmark::app {
namespace {

// The store that a unit's slot has by the newest plan of its product.
Result<std::map<std::string, vocab::StoreKind>> StoresOf(View& view, const std::string& unit) {
  const std::string product = unit.substr(0, unit.find('/'));
  BM_TRY(std::vector<ledger::PlanRow> rows, view.registry().Plans());
  const ledger::PlanRow* newest = nullptr;
  for (const ledger::PlanRow& row : rows) {
    if (row.product == product && (newest == nullptr || row.version >= newest->version))
      newest = &row;
  }
  std::map<std::string, vocab::StoreKind> out;
  if (newest == nullptr) return out;
  BM_TRY(ledger::Event event, view.EventAt(newest->seq));
  BM_TRY(ledger::PlanAdopted body, ledger::BodyOf<ledger::PlanAdopted>(event));
  plan::Parsed parsed = plan::ParsePlan(AsText(body.text));
  if (!parsed.plan) return out;
  for (const plan::IdentitySlot& slot : parsed.plan->identities) {
    if (const plan::Store* store = parsed.plan->FindStore(slot.store))
      out[std::string(vocab::ToText(slot.slot))] = store->kind;
  }
  return out;
}

}  // namespace

Result<std::vector<UnitKey>> KeysOfUnit(View& view, const std::string& unit,
                                        vocab::Revision revision) {
  BM_TRY(std::vector<ledger::IdentityRow> identities, view.registry().IdentitiesOf(unit));
  BM_TRY(auto stores, StoresOf(view, unit));
  std::map<Digest, ledger::KeyAttested> attested;  // the newest word on each key
  BM_CHECK(view.events().ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    if (e.type != ledger::KeyAttested::kType || e.subject != "unit:" + unit) return {};
    BM_TRY(ledger::KeyAttested body, ledger::BodyOf<ledger::KeyAttested>(e));
    attested.insert_or_assign(body.spki, std::move(body));
    return {};
  }));
  std::vector<UnitKey> out;
  for (const ledger::IdentityRow& row : identities) {
    UnitKey key{.slot = row.slot, .state = row.state, .method = row.method, .spki = row.spki};
    vocab::Method method{};
    auto store = stores.find(row.slot);
    if (store != stores.end() && vocab::FromText(row.method, method)) {
      const vocab::BirthFacts birth = vocab::BirthFactsOf(method, store->second);
      key.method = vocab::NameIn(vocab::MethodFor(birth, revision), revision);
    }
    if (auto it = attested.find(row.spki); it != attested.end()) {
      key.kind = it->second.kind;
      key.facts = attest::FactsOf(it->second);
      key.labels = attest::LabelsOf(key.facts);
      key.root = it->second.root;
    }
    out.push_back(std::move(key));
  }
  return out;
}

}  // namespace birthmark::app
