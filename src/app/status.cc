// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include <algorithm>

#include "app/pool.h"
#include "ledger/sqlite/account.h"

namespace birthmark::app {
namespace {

constexpr auto kSoon = std::chrono::hours(24 * 60);

void LookAtAuthorities(const std::vector<ledger::CaRow>& cas, const plan::Plan& plan, Time now,
                       Findings& out) {
  const plan::Pki* pki = plan.IdentityPki();
  bool any = false, usable = false;
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != pki->id || ca.level != pki->levels.size()) continue;
    any = true;
    bool time_over = ca.issues_until && Millis(now) >= *ca.issues_until;
    bool count_over = ca.max_count && ca.issued >= *ca.max_count;
    if (!time_over && !count_over) usable = true;
    if (!time_over && ca.issues_until && Millis(now + kSoon) >= *ca.issues_until) {
      out.Warn(
          "status.retiring",
          fmt::format("{} issues until {}", ca.name, FormatDate(TimeFromMillis(*ca.issues_until))),
          "sign its successor");
    }
    if (!count_over && ca.max_count && ca.issued * 10 >= *ca.max_count * 9) {
      out.Warn("status.retiring",
               fmt::format("{} has issued {} of {}", ca.name, ca.issued, *ca.max_count),
               "sign its successor");
    }
  }
  if (!any) {
    out.Error("status.waiting", "the identity PKI waits for the response of a level above",
              "birthmark request import WS FILE");
  } else if (!usable) {
    out.Error("status.retired", "no subordinate may issue any more", "sign a successor");
  }
}

}  // namespace

Result<StatusReport> LookAt(const fs::path& workspace, const Clock& clock) {
  BM_TRY(auto reader, OpenReader(workspace));
  StatusReport r;
  r.rehearsal = reader->genesis().rehearsal;
  r.events = reader->size();
  ledger::Registry& registry = reader->registry();
  BM_TRY(r.units, registry.CountUnits({}));
  BM_TRY(r.identities, registry.CountIdentities({}));
  BM_TRY(r.scrapped,
         registry.CountUnits({.product = std::nullopt, .state = "scrapped", .site = std::nullopt}));
  uint64_t ended = r.scrapped;
  for (const char* state : {"packed", "shipped", "adopted", "corrected"}) {
    BM_TRY(uint64_t n,
           registry.CountUnits({.product = std::nullopt, .state = state, .site = std::nullopt}));
    ended += n;
  }
  r.unfinished = r.units - ended;
  BM_TRY(auto plans, PlansOf(*reader));
  BM_TRY(std::vector<ledger::CaRow> cas, registry.Cas());
  // Stations' own authorities come and go; `station list` tells of them.
  BM_TRY(std::vector<uint64_t> islands, registry.EventsOfType(ledger::IslandOpened::kType));
  for (uint64_t seq : islands) {
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::IslandOpened island, ledger::BodyOf<ledger::IslandOpened>(e));
    if (island.origin != reader->genesis().origin)
      std::erase_if(cas, [&](const ledger::CaRow& ca) { return ca.id == island.ca; });
  }
  for (const auto& [id, adopted] : plans) {
    r.products.push_back(id);
    LookAtAuthorities(cas, adopted.plan, clock.Now(), r.alarms);
  }
  BM_TRY(uint64_t open, ledger::InNoDevice(registry.db()));
  if (open > r.unfinished) {
    r.alarms.Error(
        "status.unexplained",
        fmt::format("{} identities were issued and are in no device", open - r.unfinished),
        "birthmark reconcile WS names them; scrap or finish their units");
  }
  if (r.unfinished > 0) {
    r.alarms.Warn("status.unfinished", fmt::format("{} units are on the line", r.unfinished),
                  "birthmark line run WS --units N goes on with them");
  }
  BM_TRY(std::vector<PoolState> pools, PoolStates(registry, clock.Now(), kLowWaterHours));
  PoolAlarms(pools, r.alarms);
  Layout layout(workspace);
  if (!r.rehearsal && fs::exists(layout.offline_keys())) {
    r.alarms.Error("status.offline-here",
                   layout.offline().string() + ": the offline keys are on this machine",
                   "carry that folder to the machine without a network");
  }
  return r;
}

}  // namespace birthmark::app
