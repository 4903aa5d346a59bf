// SPDX-License-Identifier: Apache-2.0
#include "app/record.h"

#include <algorithm>

#include "app/factory.h"

namespace birthmark::app {

Result<std::string> ActorHere(const Layout& layout, const std::string& as) {
  std::string who = as;
  if (who.empty() && fs::exists(layout.local_credential())) {
    BM_TRY(who, ReadTextFile(layout.local_credential(), 256));
    while (!who.empty() && who.back() == '\n') who.pop_back();
  }
  if (who.empty()) return ledger::EventContext().actor;
  BM_TRY(auto reader, OpenReader(layout.root));
  BM_TRY(std::vector<ledger::CredentialRow> known, reader->registry().Credentials());
  auto mine = [&](const ledger::CredentialRow& row) { return row.pseudonym == who; };
  if (std::ranges::none_of(known, mine)) {
    return Usage("credential.unknown", "no such credential: " + who,
                 "see `birthmark credential list`");
  }
  if (std::ranges::none_of(
          known, [&](const ledger::CredentialRow& row) { return mine(row) && !row.revoked_at; }))
    return Refused("credential.revoked", who + " was revoked", "act --as another credential");
  return who;
}

Status AppendHere(const Layout& layout, const ledger::Event& event, const Clock& clock) {
  std::optional<Loan> loan;
  auto log = ledger::LogWriter::Open(layout.ledger(), clock);
  if (!log && log.error().code == "ledger.locked" && Lends(layout)) {
    BM_TRY(loan, Loan::Ask(layout));
    log = ledger::LogWriter::Open(layout.ledger(), clock);
  }
  if (!log) return std::unexpected(std::move(log).error());
  BM_CHECK((*log)->Append(event));
  log->reset();  // before the loan is given back
  return {};
}

}  // namespace birthmark::app
