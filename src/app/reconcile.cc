// SPDX-License-Identifier: Apache-2.0
#include "app/reconcile.h"

#include <algorithm>

#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr size_t kMostNamed = 5000;  // an event has a megabyte at most

}  // namespace

std::vector<ledger::Count> AccountTerms(const ledger::Account& a) {
  return {{"reserved", a.reserved},
          {"generated", a.generated},
          {"void", a.voided},
          {"destroyed", a.destroyed},
          {"superseded", a.superseded},
          {"revoked", a.revoked},
          {"installed", a.installed},
          {"delivered", a.delivered},
          {"pool", a.pool},
          {"held", a.held},
          {"on-line", a.on_line},
          {"unexplained", a.unexplained},
          {"adopted", a.adopted},
          {"units-good", a.units_good},
          {"units-scrapped", a.units_scrapped},
          {"units-on-line", a.units_on_line},
          {"odd", a.odd.size()}};
}

Result<Reconciled> Reconcile(ledger::LogReader& reader, const std::string& product,
                             std::optional<uint64_t> order, const Clock& clock) {
  BM_TRY(AdoptedPlan adopted, PlanOf(reader, product));
  Reconciled out{.product = adopted.plan.product.id, .from = {}, .to = clock.Now(), .account = {}};
  BM_TRY(std::vector<uint64_t> closes,
         reader.registry().EventsOfType(ledger::ReconcileClosed::kType));
  BM_TRY(ledger::Event first, reader.EventAt(0));
  out.from = TimeFromMillis(first.at);
  for (uint64_t seq : closes) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::ReconcileClosed body, ledger::BodyOf<ledger::ReconcileClosed>(event));
    if (body.product == out.product) out.from = TimeFromMillis(body.to);
  }
  ledger::AccountOptions options{.product = out.product,
                                 .order = order,
                                 .now = Millis(out.to),
                                 .has_identity = !adopted.plan.identities.empty()};
  for (const plan::IdentitySlot& s : adopted.plan.identities) {
    if (s.batch) options.shared_slots.emplace_back(vocab::ToText(s.slot));
  }
  BM_TRY(out.account, ledger::AccountOf(reader.registry().db(), options));
  return out;
}

Status CloseReconcile(Factory& f, const Reconciled& r, const Clock& clock) {
  ledger::ReconcileClosed body{.to = Millis(r.to),
                               .from = Millis(r.from),
                               .counts = AccountTerms(r.account),
                               .product = r.product,
                               .unexplained = r.account.odd};
  if (body.unexplained.size() > kMostNamed) body.unexplained.resize(kMostNamed);
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "product:" + r.product, body)));
  return {};
}

}  // namespace birthmark::app
