// SPDX-License-Identifier: Apache-2.0
#include "line/serials.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/events.h"
#include "ledger/events_continuity.h"
#include "ledger/sqlite/pool_table.h"

namespace birthmark::line {

Result<bool> SerialNumbers::Taken(const std::string& unit) {
  BM_TRY(std::optional<ledger::UnitRow> row, registry_.Unit(unit));
  if (row) return true;
  if (in_pool_.get() == nullptr) {
    BM_TRY(in_pool_, registry_.db().Prepare("SELECT 1 FROM pool WHERE unit=?"));
  }
  BM_TRY(bool ahead, in_pool_.Bind(1, std::string_view(unit)).Step());
  in_pool_.Reset();
  if (ahead) return true;
  BM_TRY(std::vector<ledger::IdentityRow> identities, registry_.IdentitiesOf(unit));
  return !identities.empty();
}

Status SerialNumbers::LoadRanges() {
  BM_TRY(ledger::Stmt get, registry_.db().Prepare("SELECT event FROM log WHERE seq=?"));
  auto event = [&](uint64_t seq) -> Result<ledger::Event> {
    BM_TRY(bool found, get.Bind(1, seq).Step());
    if (!found) return Internal("ledger.no-event", fmt::format("event {} is missing", seq));
    auto e = ledger::DecodeEvent(get.Blob(0));
    get.Reset();
    return e;
  };
  BM_TRY(std::vector<uint64_t> restores, registry_.EventsOfType(ledger::WorkspaceRestored::kType));
  for (uint64_t seq : restores) {
    BM_TRY(ledger::Event e, event(seq));
    BM_TRY(ledger::WorkspaceRestored restored, ledger::BodyOf<ledger::WorkspaceRestored>(e));
    for (const ledger::LostNumbers& n : restored.numbers)
      if (n.product == plan_.product.id) lost_.push_back({n.first, n.last});
  }
  BM_TRY(std::vector<uint64_t> seqs, registry_.EventsOfType(ledger::IslandOpened::kType));
  if (seqs.empty()) return {};
  BM_TRY(ledger::Event first, event(0));
  BM_TRY(ledger::Genesis genesis, ledger::BodyOf<ledger::Genesis>(first));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, event(seq));
    BM_TRY(ledger::IslandOpened island, ledger::BodyOf<ledger::IslandOpened>(e));
    if (island.product != plan_.product.id || island.first == 0) continue;
    (island.origin == genesis.origin ? ours_ : others_).push_back({island.first, island.last});
  }
  std::ranges::sort(ours_, {}, &Range::first);
  std::ranges::sort(others_, {}, &Range::first);
  return {};
}

uint64_t SerialNumbers::Allowed(uint64_t n) const {
  for (;;) {
    n = NotOthers(n);
    auto lost =
        std::ranges::find_if(lost_, [&](const Range& r) { return n >= r.first && n <= r.last; });
    if (n == 0 || lost == lost_.end()) return n;
    n = lost->last + 1;
  }
}

uint64_t SerialNumbers::NotOthers(uint64_t n) const {
  if (!ours_.empty()) {
    for (const Range& r : ours_)
      if (n <= r.last) return std::max(n, r.first);
    return 0;
  }
  for (const Range& r : others_)
    if (n >= r.first && n <= r.last) n = r.last + 1;
  return n;
}

Result<std::string> SerialNumbers::Next() {
  if (plan_.product.serial_list) {
    return Refused("line.serial-list", "this release takes serial numbers from a pattern",
                   "set serial-pattern in the plan");
  }
  // Numbers below the count are taken, unless some were skipped; the search closes the difference.
  if (next_ == 0) {
    BM_CHECK(LoadRanges());
    const std::string& product = plan_.product.id;
    BM_TRY(uint64_t units, registry_.CountUnits({.product = product}));
    BM_TRY(uint64_t ahead, ledger::PoolAhead(registry_.db(), product));
    // Identities whose keys come from seeds are certified long before their units begin.
    BM_TRY(uint64_t seeds, ledger::SeedsUsedOf(registry_.db(), product));
    uint64_t taken = std::max(units + ahead, seeds);
    next_ = taken + 1;
    if (!ours_.empty()) {
      next_ = ours_.back().last + 1;
      for (const Range& r : ours_) {
        if (uint64_t size = r.last - r.first + 1; taken < size) {
          next_ = r.first + taken;
          break;
        } else {
          taken -= size;
        }
      }
    }
  }
  for (int tries = 0; tries < 1'000'000; ++tries) {
    uint64_t number = Allowed(next_);
    if (number == 0) break;
    next_ = number + 1;
    std::string serial = plan::FormatSerial(plan_.product.serial_pattern, number);
    BM_TRY(bool taken, Taken(plan_.product.id + "/" + serial));
    if (!taken) return serial;
  }
  return Refused("line.serials-used-up", "no free serial number was found in the plan's pattern");
}

}  // namespace birthmark::line
