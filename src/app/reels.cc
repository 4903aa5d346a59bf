// SPDX-License-Identifier: Apache-2.0
#include "app/reels.h"

#include <algorithm>
#include <set>

#include "app/roles.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kUsesAtOnce = 1000;
constexpr size_t kMaxReelReason = 200;

// Identities are all that belong to parts of a reel: certified ahead of any unit, or taken over.
Status IdentitiesOfReel(ledger::Registry& registry, const ledger::ReelRow& reel,
                        const std::function<void(const ledger::IdentityRow&)>& fn,
                        uint64_t& without) {
  return ledger::ForEachElementOf(registry.db(), reel.product, reel.reel,
                                  [&](std::string_view uid, const Digest& spki) -> Status {
                                    BM_TRY(std::vector<ledger::IdentityRow> rows,
                                           registry.IdentitiesByKey(spki));
                                    for (const ledger::IdentityRow& row : rows) fn(row);
                                    if (!rows.empty()) return {};
                                    BM_TRY(auto use, ledger::ElementUseOf(registry.db(), uid));
                                    if (!use) {
                                      ++without;
                                      return {};
                                    }
                                    // A part that makes its key on our order: the identity is the
                                    // slot's.
                                    BM_TRY(rows, registry.IdentitiesOf(use->unit));
                                    for (const ledger::IdentityRow& row : rows)
                                      if (row.slot == use->slot) fn(row);
                                    return {};
                                  });
}

}  // namespace

Result<ledger::ReelRow> FindReel(ledger::Registry& registry, const std::string& product,
                                 const std::string& reel) {
  BM_TRY(std::vector<ledger::ReelRow> all, ledger::Reels(registry.db(), product));
  std::erase_if(all, [&](const ledger::ReelRow& r) { return r.reel != reel; });
  if (all.size() == 1) return std::move(all.front());
  if (all.empty())
    return Refused("reel.unknown", "no reel is called " + reel,
                   "`birthmark reel list WS` lists them");
  return Usage("reel.which", "several products have a reel " + reel, "name one with --product");
}

Result<std::vector<ReelUnit>> UnitsOfReel(ledger::Registry& registry, const ledger::ReelRow& reel) {
  std::vector<ReelUnit> out;
  std::string after;
  for (;;) {
    BM_TRY(auto uses, ledger::UsesOf(registry.db(), reel.product, reel.reel, after, kUsesAtOnce));
    for (ledger::ElementUse& use : uses) {
      after = use.uid;
      ReelUnit unit{.use = std::move(use), .state = "", .identity = ""};
      BM_TRY(auto row, registry.Unit(unit.use.unit));
      if (row) unit.state = row->state;
      BM_TRY(auto identities, registry.IdentitiesOf(unit.use.unit));
      for (const ledger::IdentityRow& i : identities)
        if (i.slot == unit.use.slot) unit.identity = i.state;
      out.push_back(std::move(unit));
    }
    if (uses.size() < kUsesAtOnce) return out;
  }
}

Result<std::optional<std::string>> StoppedReelOf(ledger::Registry& registry, const Digest& spki) {
  BM_TRY(auto row, registry.ElementByKey(spki));
  if (!row) return std::nullopt;
  BM_TRY(auto reel, ledger::ReelOf(registry.db(), row->product, row->reel));
  if (!reel || reel->state != "quarantined") return std::nullopt;
  return reel->reel;
}

Result<ReelDone> ChangeReel(Factory& f, const ReelOptions& o, const Clock& clock) {
  if (o.reason.empty() || o.reason.size() > kMaxReelReason || !IsUtf8(o.reason))
    return Usage("reel.reason", "a reason has 1 to 200 characters", "say why, in a few words");
  BM_CHECK(RequireRole(f, {"maintainer", "administrator"}, "stopping or releasing a reel"));
  ledger::Registry& registry = f.log->registry();
  ReelDone out;
  BM_TRY(out.reel, FindReel(registry, o.product, o.reel));
  bool release = o.act == ReelAct::kRelease;
  bool quarantined = out.reel.state == "quarantined";
  if (release && !quarantined) {
    return Refused("reel.state", o.reel + " is not in quarantine",
                   "`birthmark reel show WS REEL` tells its state");
  }
  BM_TRY(std::vector<ReelUnit> units, UnitsOfReel(registry, out.reel));
  for (ReelUnit& u : units)
    if (u.state == "shipped") out.shipped.push_back(std::move(u));
  std::set<std::string> serials;
  BM_CHECK(IdentitiesOfReel(
      registry, out.reel,
      [&](const ledger::IdentityRow& row) {
        out.still_revoked += release && row.state == "revoked";
        if (release ? row.state == "held" : ledger::IsLive(row.state))
          serials.insert(ToHex(row.serial));
      },
      out.not_ours));
  // The reel is stopped before anything else: from this commit on no part of it is accepted.
  if (!o.dry_run && quarantined == release) {
    ledger::ReelState body{.reel = out.reel.reel,
                           .state = release ? "released" : "quarantined",
                           .reason = o.reason,
                           .product = out.reel.product};
    BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(),
                                             "reel:" + out.reel.product + "/" + o.reel, body)));
  }
  if (serials.empty()) return out;
  RevokeOptions revoke;
  revoke.certificates.assign(serials.begin(), serials.end());
  revoke.as = release                     ? RevokeAs::kUnhold
              : o.act == ReelAct::kRevoke ? RevokeAs::kRevoke
                                          : RevokeAs::kHold;
  // Whoever has the parts can sign with them.
  if (o.act == ReelAct::kRevoke) revoke.reason = "keyCompromise";
  revoke.dry_run = o.dry_run;
  BM_TRY(out.identities, Revoke(f, revoke, clock));
  return out;
}

}  // namespace birthmark::app
