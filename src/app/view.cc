// SPDX-License-Identifier: Apache-2.0
#include "app/view.h"

#include "ledger/events.h"

namespace birthmark::app {

Result<std::unique_ptr<View>> View::Open(const std::string& where) {
  auto v = std::unique_ptr<View>(new View);
  if (fs::is_regular_file(where)) {
    BM_TRY(v->bundle_, ledger::Bundle::Open(ledger::FromFile(where), std::nullopt));
    BM_CHECK(v->FillFrom(*v->bundle_));
    return v;
  }
  BM_TRY(v->reader_, OpenReader(where));
  v->rehearsal_ = v->reader_->genesis().rehearsal;
  return v;
}

Status View::FillFrom(ledger::Bundle& bundle) {
  BM_TRY(db_, ledger::Db::Open("", ledger::Db::Mode::kCreate));
  BM_CHECK(ledger::Registry::CreateTables(db_));
  BM_TRY(registry_,
         ledger::Registry::Open(
             db_, [this](const ledger::Key16& key, std::vector<uint64_t>& out) -> Status {
               auto [from, to] = keys_.equal_range(key);
               for (auto it = from; it != to; ++it) out.push_back(it->second);
               return {};
             }));
  BM_CHECK(db_.Exec("BEGIN"));
  BM_CHECK(bundle.ForEach([&](uint64_t seq, const ledger::Event& e, ByteView) -> Status {
    if (e.type == ledger::Genesis::kType) {
      BM_TRY(ledger::Genesis genesis, ledger::BodyOf<ledger::Genesis>(e));
      rehearsal_ = genesis.rehearsal;
    }
    BM_TRY(ledger::Changes changes, ledger::Fold(e));
    BM_CHECK(registry_->Apply(seq, changes));
    // At once: a later change of state looks its identity up by these keys.
    for (const ledger::Change& c : changes) {
      if (auto* row = std::get_if<ledger::IdentityRow>(&c)) {
        for (const ledger::Key16& key : {ledger::SpkiKey(row->spki), ledger::SerialKey(row->serial),
                                         ledger::UnitKey(row->unit)}) {
          keys_.emplace(key, seq);
        }
      } else if (auto* made = std::get_if<ledger::KeyRow>(&c)) {
        keys_.emplace(ledger::SpkiKey(made->spki), seq);
      }
    }
    return {};
  }));
  BM_CHECK(registry_->EndBatch());
  return db_.Exec("COMMIT");
}

ledger::EventSource& View::events() {
  if (reader_) return *reader_;
  return *bundle_;
}

Result<ledger::Event> View::EventAt(uint64_t seq) {
  if (reader_) return reader_->EventAt(seq);
  std::optional<ledger::Event> found;
  BM_CHECK(bundle_->ForEach([&](uint64_t at, const ledger::Event& e, ByteView) -> Status {
    if (at == seq) found = e;
    return {};
  }));
  if (!found) return Refused("ledger.no-event", fmt::format("event {} is not in this bundle", seq));
  return *found;
}

}  // namespace birthmark::app
