// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include <algorithm>

#include "app/crls.h"
#include "app/pool.h"
#include "app/responder.h"
#include "app/status_watch.h"
#include "ledger/sqlite/account.h"

namespace birthmark::app {
namespace {

constexpr auto kSoon = std::chrono::hours(24 * 60);

void LookAtAuthorities(const std::vector<ledger::CaRow>& cas, const plan::Plan& plan, Time now,
                       Findings& out) {
  const plan::Pki* pki = plan.IdentityPki();
  bool any = false, usable = false;
  // Whoever waits, or goes on for longer, takes over by itself.
  bool waits = false;
  size_t longer = 0;
  auto goes_on = [&](const ledger::CaRow& ca) {
    return ca.state == "active" && ca.issues_until && Millis(now + kSoon) < *ca.issues_until;
  };
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != pki->id || ca.level != pki->levels.size()) continue;
    waits |= ca.state == "waiting";
    longer += goes_on(ca);
  }
  auto followed = [&](const ledger::CaRow& ca) { return waits || longer > goes_on(ca); };
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != pki->id || ca.level != pki->levels.size()) continue;
    any = true;
    if (ca.state == "retired" || ca.state == "compromised") continue;
    bool time_over = ca.issues_until && Millis(now) >= *ca.issues_until;
    bool count_over = ca.max_count && ca.issued >= *ca.max_count;
    if (!time_over && !count_over) usable = true;
    if (ca.state == "waiting") continue;
    if (!time_over && ca.issues_until && Millis(now + kSoon) >= *ca.issues_until && !followed(ca)) {
      out.Warn(
          "status.retiring",
          fmt::format("{} issues until {}", ca.name, FormatDate(TimeFromMillis(*ca.issues_until))),
          "sign its successor");
    }
    if (!count_over && ca.max_count && ca.issued * 10 >= *ca.max_count * 9 && !followed(ca)) {
      out.Warn("status.retiring",
               fmt::format("{} has issued {} of {}", ca.name, ca.issued, *ca.max_count),
               "sign its successor");
    }
  }
  if (!any) {
    out.Error("status.waiting", "the identity PKI waits for the response of a level above",
              "birthmark ceremony accept WS RECORD, or birthmark request import WS FILE");
  } else if (!usable) {
    out.Error("status.retired", "no subordinate may issue any more", "sign a successor");
  }
}

}  // namespace

Result<StatusReport> LookAt(const fs::path& workspace, const Clock& clock,
                            const StatusOptions& options) {
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
  BM_CHECK(CrlAlarms(*reader, plans, layout, clock.Now(), r.alarms));
  BM_TRY(VigilMarks marks, KeepVigil(*reader, layout, options.from_start));
  r.revocations_to = marks.revoked;
  BM_TRY(std::set<std::string> explained, ExplainedAlarms(*reader));
  BM_CHECK(WatchDisclosure(*reader, explained, r.alarms));
  BM_CHECK(WatchSigning(*reader, marks, explained, r.alarms));
  BM_CHECK(WatchLoss(*reader, marks, plans, clock.Now(), r.alarms));
  if (options.modules) BM_CHECK(WatchModules(workspace, r.alarms));
  BM_CHECK(WatchResponders(*reader, clock.Now(), r.alarms));
  BM_CHECK(WatchCare(*reader, options.backup, options.drill, clock.Now(), r.alarms));
  if (!r.rehearsal && fs::exists(layout.offline_keys())) {
    r.alarms.Error("status.offline-here",
                   layout.offline().string() + ": the offline keys are on this machine",
                   "carry that folder to the machine without a network");
  }
  return r;
}

}  // namespace birthmark::app
