// SPDX-License-Identifier: Apache-2.0
// The nightly reconcile of a product: the account of all identities, and writing it down. Leaves
// out the sums themselves (ledger/sqlite/account.h).
#pragma once

#include "app/factory.h"
#include "ledger/sqlite/account.h"

namespace birthmark::app {

struct Reconciled {
  std::string product;
  Time from{}, to{};  // since the last close, or since the log began
  ledger::Account account;
};

// Reconcile works the account out from a snapshot.
Result<Reconciled> Reconcile(ledger::LogReader& reader, const std::string& product,
                             std::optional<uint64_t> order, const Clock& clock);

// CloseReconcile writes reconcile.closed. It names at most 5 000 that do not fit; the count tells
// of all.
Status CloseReconcile(Factory& factory, const Reconciled& reconciled, const Clock& clock);

// AccountTerms are the equation's terms by name, in its order.
std::vector<ledger::Count> AccountTerms(const ledger::Account& a);

}  // namespace birthmark::app
