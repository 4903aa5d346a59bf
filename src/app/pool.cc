// SPDX-License-Identifier: Apache-2.0
#include "app/pool.h"

#include <algorithm>

#include "line/desk.h"

namespace birthmark::app {
namespace {

// kRecent is how far back releases tell the present rate: a shift.
constexpr auto kRecent = std::chrono::hours(8);

std::string KeyName(const std::string& station) { return "pool-" + station; }

// BambooSlot is the identity that a station writes from outside, if it does.
const plan::IdentitySlot* BambooSlot(const plan::Plan& plan, const std::string& station) {
  for (const plan::Step& step : plan.steps) {
    if (step.kind != vocab::StepKind::kSingleImageWrite || step.station != station) continue;
    for (const plan::IdentitySlot& s : plan.identities) {
      bool here = step.slots.empty() || std::ranges::find(step.slots, s.slot) != step.slots.end();
      if (here && s.method == vocab::Method::kBamboo) return &s;
    }
  }
  return nullptr;
}

Result<std::unique_ptr<line::Pool>> Open(Factory& f, const std::string& station, SecretBytes key,
                                         const Clock& clock) {
  ledger::EventContext context = f.context;
  context.station = station;
  return std::make_unique<line::Pool>(line::PoolServices{.log = *f.log,
                                                         .folder = f.layout.pool(),
                                                         .station = station,
                                                         .product = f.adopted.plan.product.id,
                                                         .station_key = std::move(key),
                                                         .clock = clock,
                                                         .context = context});
}

}  // namespace

Status FillPool(Factory& f, const PoolFillOptions& options, const Clock& clock) {
  const plan::Plan& plan = f.adopted.plan;
  const plan::IdentitySlot* slot = BambooSlot(plan, options.station);
  if (slot == nullptr) {
    return Refused("pool.station",
                   fmt::format("no step at station \"{}\" writes a bamboo identity of {}",
                               options.station, plan.product.id),
                   "name the station of the plan's single-image-write");
  }
  auto key = f.keys.online->GetSecret(KeyName(options.station));
  if (!key && key.error().code == "keystore.missing") {
    SecretBytes fresh(crypto::kSealKeySize);
    f.rng.Fill(fresh.Write(SecretAccess()));
    BM_CHECK(f.keys.online->PutSecret(KeyName(options.station), fresh));
    key = std::move(fresh);
  }
  if (!key) return std::unexpected(std::move(key).error());
  ledger::EventContext context = f.context;
  context.station = options.station;
  line::IssuingDesk desk({.log = *f.log,
                          .log_dir = f.layout.ledger(),
                          .keys = *f.keys.online,
                          .plan = plan,
                          .marks = f.marks,
                          .serials = *f.serials,
                          .clock = clock,
                          .context = context});
  BM_TRY(auto pool, Open(f, options.station, std::move(*key), clock));
  return pool->Fill(desk, plan, std::string(vocab::ToText(slot->slot)), options.count, f.rng,
                    options.made);
}

Result<std::unique_ptr<line::Pool>> OpenPool(Factory& f, const Clock& clock) {
  for (const plan::Step& step : f.adopted.plan.steps) {
    if (BambooSlot(f.adopted.plan, step.station) == nullptr) continue;
    auto key = f.keys.online->GetSecret(KeyName(step.station));
    if (!key && key.error().code == "keystore.missing") continue;
    if (!key) return std::unexpected(std::move(key).error());
    return Open(f, step.station, std::move(*key), clock);
  }
  return nullptr;
}

Result<std::vector<PoolState>> PoolStates(ledger::Registry& registry, Time now, double low_hours) {
  BM_TRY(std::vector<ledger::PoolLevel> levels,
         ledger::PoolLevels(registry.db(), Millis(now - kRecent)));
  std::vector<PoolState> out;
  for (ledger::PoolLevel& level : levels) {
    PoolState s{std::move(level)};
    if (s.released > 0) {
      // A minute at least, so that the first few releases do not make a frightening rate.
      double hours = std::max<double>(Millis(now) - *s.first_release, 60'000) / 3'600'000.0;
      s.per_hour = static_cast<double>(s.released) / hours;
      s.hours_left = static_cast<double>(s.left) / s.per_hour;
    }
    s.low = s.hours_left && *s.hours_left < low_hours;
    out.push_back(std::move(s));
  }
  return out;
}

void PoolAlarms(const std::vector<PoolState>& pools, Findings& out) {
  for (const PoolState& p : pools) {
    std::string fill = fmt::format("birthmark pool fill WS --count N --station {} --product {}",
                                   p.station, p.product);
    if (!p.low) continue;
    if (p.left == 0) {
      out.Error("status.pool-empty",
                fmt::format("the pool of {} at station {} is empty", p.product, p.station), fill);
    } else {
      out.Warn("status.pool-low",
               fmt::format("the pool of {} at station {} has {} left, {:.1f} hours at {:.0f} an "
                           "hour",
                           p.product, p.station, p.left, *p.hours_left, p.per_hour),
               fill);
    }
  }
}

}  // namespace birthmark::app
