// SPDX-License-Identifier: Apache-2.0
#include "app/status.h"

#include <algorithm>

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
  for (const char* state : {"packed", "shipped"}) {
    BM_TRY(uint64_t n,
           registry.CountUnits({.product = std::nullopt, .state = state, .site = std::nullopt}));
    ended += n;
  }
  r.unfinished = r.units - ended;
  BM_TRY(auto plans, PlansOf(*reader));
  BM_TRY(std::vector<ledger::CaRow> cas, registry.Cas());
  for (const auto& [id, adopted] : plans) {
    r.products.push_back(id);
    LookAtAuthorities(cas, adopted.plan, clock.Now(), r.alarms);
  }
  BM_TRY(uint64_t open,
         registry.CountIdentities(
             {.unit = std::nullopt, .slot = std::nullopt, .ca = std::nullopt, .state = "issued"}));
  if (open > r.unfinished) {
    r.alarms.Error(
        "status.unexplained",
        fmt::format("{} identities were issued and are in no device", open - r.unfinished),
        "birthmark cert list WS shows them; scrap or finish their units");
  }
  if (r.unfinished > 0) {
    r.alarms.Warn("status.unfinished", fmt::format("{} units are on the line", r.unfinished),
                  "birthmark line run WS --units N goes on with them");
  }
  Layout layout(workspace);
  if (!r.rehearsal && fs::exists(layout.offline_keys())) {
    r.alarms.Error("status.offline-here",
                   layout.offline().string() + ": the offline keys are on this machine",
                   "carry that folder to the machine without a network");
  }
  return r;
}

}  // namespace birthmark::app
