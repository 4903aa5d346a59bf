// SPDX-License-Identifier: Apache-2.0
// drill stolen-reel, drill steal-pool, drill seed-leak: something that holds or makes keys is in
// other hands before it is in a device. On the copy it is stopped, whatever left is compared, and
// what can be taken back is taken back.
#include <algorithm>

#include "app/drills/play.h"
#include "app/reels.h"
#include "app/revoke.h"
#include "ledger/events.h"
#include "ledger/sqlite/pool_table.h"
#include "line/pool.h"

namespace birthmark::app {
namespace {

RevokeOptions BySerial(const std::vector<ledger::IdentityRow>& rows, RevokeAs as) {
  RevokeOptions o;
  for (const ledger::IdentityRow& row : rows) o.certificates.push_back(ToHex(row.serial));
  o.as = as;
  if (as == RevokeAs::kRevoke) o.reason = "keyCompromise";
  return o;
}

std::set<Bytes> SerialsOf(const std::vector<ledger::IdentityRow>& rows) {
  std::set<Bytes> out;
  for (const ledger::IdentityRow& row : rows) out.insert(row.serial);
  return out;
}

}  // namespace

Status DrillStolenReel(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_TRY(ledger::ReelRow reel, FindReel(c.registry(), o.product, o.reel));
  r.about = fmt::format(
      "Reel \"{}\" of {} is stolen on its way: {} parts received, {} of them in "
      "units. Its activation word counts as known to everybody.",
      reel.reel, reel.product, reel.received, reel.used);
  BM_TRY(auto before, c.States());
  ReelOptions options{.product = reel.product, .reel = reel.reel, .reason = "drill"};
  BM_TRY(ReelDone held, ChangeReel(c.factory(), options, c.clock()));
  std::vector<ledger::IdentityRow> rows;
  for (const RevokedRow& row : held.identities.rows) rows.push_back(row.identity);
  BM_CHECK(c.Affect(rows, r));
  r.Count("parts", reel.received);
  r.Count("missing", reel.received - std::min(reel.used, reel.received));
  r.Count("shipped", held.shipped.size());
  BM_TRY(auto now, c.States());
  bool all_held = std::ranges::all_of(
      rows, [&](const ledger::IdentityRow& row) { return now[row.serial] == "held"; });
  r.Check("identities of its parts are on hold", all_held, fmt::format("{} held", rows.size()));
  std::optional<Digest> part;
  BM_CHECK(ledger::ForEachElementOf(c.registry().db(), reel.product, reel.reel,
                                    [&](std::string_view, const Digest& spki) -> Status {
                                      if (!part && spki != Digest{}) part = spki;
                                      return {};
                                    }));
  if (part) {
    BM_TRY(auto stopped, StoppedReelOf(c.registry(), *part));
    r.Check("a part of it is refused at the line and at enrolment", stopped.has_value(),
            stopped ? "reel " + *stopped + " is stopped" : "it would be taken");
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, SerialsOf(rows)));
  r.Check("identities of other reels are as they were", changed == 0,
          fmt::format("{} changed", changed));
  options.act = ReelAct::kRelease;
  BM_CHECK(ChangeReel(c.factory(), options, c.clock()));
  BM_TRY(changed, ChangedBeside(c, before, {}));
  r.Check("found again and released, everything is as it was", changed == 0,
          fmt::format("{} differ", changed));
  r.Check("none of its units had left", held.shipped.empty(),
          held.shipped.empty()
              ? "none"
              : fmt::format("{} shipped: they are on hold, too", held.shipped.size()));
  r.lives.push_back({"parts of the reel at the line and at enrolment", r.at, r.at,
                     "refused until it is released", true});
  r.lives.push_back({"units with parts of other reels", r.at, std::nullopt, "", true});
  r.Do("Stop it wherever its parts turn up; this can be taken back.",
       Bm(o, "reel quarantine", reel.reel + " --reason \"missing\""));
  r.Do("See which units hold parts of it, and which have left.", Bm(o, "reel show", reel.reel));
  r.Do("Ask courier and silicon maker for the seals and the days.");
  r.Do("Found, seals whole: release it.",
       Bm(o, "reel release", reel.reel + " --reason \"found, seals whole\""));
  r.Do("Gone: revoke for good, and tell the silicon maker, who alone can end what it certified.",
       Bm(o, "reel quarantine", reel.reel + " --revoke --reason \"stolen\""));
  r.Do("Recall units that left with its parts, or give them new identities.",
       Bm(o, "unit rework", "UNIT --new-identity --override --reason \"stolen reel\""));
  return {};
}

Status DrillStealPool(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_TRY(std::vector<ledger::PoolLevel> levels, ledger::PoolLevels(c.registry().db(), 0));
  if (!o.station.empty())
    std::erase_if(levels, [&](const ledger::PoolLevel& l) { return l.station != o.station; });
  if (levels.empty()) {
    return Usage("drill.pool",
                 o.station.empty() ? "this workspace has no pool"
                                   : "station \"" + o.station + "\" has no pool",
                 "see " + Bm(o, "pool status"));
  }
  r.about =
      "The sealed pool of keys made ahead is stolen, and so is what opens it. Which "
      "certificates are the thief's, and is any of them in a unit?";
  BM_TRY(auto before, c.States());
  std::vector<ledger::IdentityRow> rows;
  std::optional<Time> oldest;
  uint64_t in_units = 0;
  for (const ledger::PoolLevel& level : levels) {
    ledger::PoolPlace from;
    for (;;) {
      BM_TRY(std::vector<ledger::PoolRow> some,
             ledger::PoolNext(c.registry().db(), level.station, level.product, from, 1000));
      for (const ledger::PoolRow& row : some) {
        from = {row.seq, row.pos + 1};
        oldest =
            std::min(oldest.value_or(TimeFromMillis(row.filled_at)), TimeFromMillis(row.filled_at));
        BM_TRY(std::string unit, StateOfUnit(c, row.unit));
        in_units += !unit.empty();
        BM_TRY(auto its, c.registry().IdentitiesOf(row.unit));
        for (ledger::IdentityRow& i : its)
          if (i.state == "issued") rows.push_back(std::move(i));
      }
      if (some.size() < 1000) break;
    }
  }
  BM_CHECK(c.Affect(rows, r));
  r.Count("identities", rows.size());
  r.Check("none of them is in a unit: what was handed out was destroyed here", in_units == 0,
          fmt::format("{} in units", in_units));
  if (!rows.empty()) {
    BM_TRY(Revoked held, Revoke(c.factory(), BySerial(rows, RevokeAs::kHold), c.clock()));
    r.Check("what is left can be held", held.rows.size() == rows.size(),
            fmt::format("{} held", held.rows.size()));
    for (const ledger::PoolLevel& level : levels) {
      line::Pool pool({.log = *c.factory().log,
                       .folder = c.factory().layout.pool(),
                       .station = level.station,
                       .product = level.product,
                       .station_key = SecretBytes(crypto::kSealKeySize),
                       .clock = c.clock(),
                       .context = c.factory().context});
      BM_TRY(auto next, pool.NextSerial());
      r.Check("the line takes none of them from the pool of " + level.station, !next,
              next ? *next : "it goes on to make new ones");
    }
    BM_TRY(Revoked gone, Revoke(c.factory(), BySerial(rows, RevokeAs::kRevoke), c.clock()));
    r.Check("and revoked for good", gone.rows.size() == rows.size(),
            fmt::format("{} revoked", gone.rows.size()));
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, SerialsOf(rows)));
  r.Check("units that have an identity from the pool are as they were", changed == 0,
          fmt::format("{} changed", changed));
  r.lives.push_back(
      {"certificates of the stolen keys, for who knows no list", r.at, std::nullopt, "", false});
  r.lives.push_back(
      {"the same, for who asks a list", r.at, r.at, "refused once it is published", true});
  r.lives.push_back({"the line, from new keys", r.at, std::nullopt, "", false});
  if (oldest)
    r.notes.push_back("the oldest of these keys was made " + FormatDate(*oldest) +
                      ": it is valid from that day on, in whoever's hands");
  r.Do("Hold what is left in the pool (the list is in identities.csv).",
       Bm(o, "cert revoke", "SERIAL… --hold"));
  r.Do("See how much was there, and since when.", Bm(o, "pool status"));
  r.Do("Revoke, and publish the list.", Bm(o, "cert revoke", "SERIAL… --reason keyCompromise"));
  r.Do("Sign the next list at once.", Bm(o, "crl build"));
  r.Do("Make new ones for the line.", Bm(o, "pool fill", "--count N --station STATION"));
  r.Do("Find out how the station's key got out: the pool alone opens nothing.");
  return {};
}

Status DrillSeedLeak(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_TRY(auto batch, ledger::SeedBatchOf(c.registry().db(), o.batch));
  if (!batch) {
    return Usage("drill.batch", "no batch of seeds is called " + o.batch,
                 "see " + Bm(o, "seed list"));
  }
  r.about = fmt::format(
      "The seeds of batch {} ({}) are known to others. Every key that is derived "
      "from them can be computed, those of chips to come included.",
      batch->id, batch->oem);
  BM_TRY(auto before, c.States());
  std::vector<ledger::IdentityRow> rows;
  {
    BM_TRY(auto reader, c.factory().NewReader());
    BM_TRY(ledger::Stmt s,
           c.registry().db().Prepare("SELECT seq FROM seed_run WHERE batch=? ORDER BY seq"));
    s.Bind(1, std::string_view(o.batch));
    for (;;) {
      BM_TRY(bool more, s.Step());
      if (!more) break;
      BM_TRY(ledger::Event e, reader->EventAt(s.Uint(0)));
      BM_TRY(ledger::SeedsUsed used, ledger::BodyOf<ledger::SeedsUsed>(e));
      for (const std::string& unit : used.units) {
        BM_TRY(auto its, c.registry().IdentitiesOf(unit));
        for (ledger::IdentityRow& i : its)
          if (i.slot == used.slot && ledger::IsLive(i.state)) rows.push_back(std::move(i));
      }
    }
  }
  const uint64_t unused = batch->count - std::min(batch->count, batch->used + batch->refused);
  BM_CHECK(c.Affect(rows, r));
  BM_TRY(uint64_t shipped, ShippedOf(c, rows));
  r.Count("identities", rows.size());
  r.Count("shipped", shipped);
  r.Count("unused", unused);
  if (!rows.empty()) {
    BM_TRY(Revoked held, Revoke(c.factory(), BySerial(rows, RevokeAs::kHold), c.clock()));
    BM_TRY(Revoked gone, Revoke(c.factory(), BySerial(rows, RevokeAs::kRevoke), c.clock()));
    r.Check("every identity derived from the batch is found and ended",
            gone.rows.size() == rows.size(),
            fmt::format("{} held, then {} revoked", held.rows.size(), gone.rows.size()));
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, SerialsOf(rows)));
  r.Check("identities of other batches are as they were", changed == 0,
          fmt::format("{} changed", changed));
  r.lives.push_back({"certificates derived from the batch", r.at, r.at,
                     "not to be trusted once the list is published", true});
  r.lives.push_back({"identities of other batches", r.at, std::nullopt, "", true});
  if (unused > 0) {
    r.notes.push_back(
        fmt::format("{} seeds of the batch are in chips that have no certificate "
                    "yet: their keys are known already",
                    unused));
  }
  if (batch->destroyed_at > 0) {
    r.notes.push_back("the copy here was destroyed " +
                      FormatDate(TimeFromMillis(batch->destroyed_at)) +
                      ": look at the silicon maker's and the courier's first");
  }
  r.notes.push_back(
      "a chip keeps its seed for life: without entropy of its own, or a second seed, "
      "the units need another method");
  r.Do("Use nothing more of it.", Bm(o, "lot stop", "--reason \"seeds disclosed\""));
  r.Do("Read the batch's way: who had it, where, when.", Bm(o, "seed show", batch->id));
  r.Do("Hold what came from it (the list is in identities.csv).",
       Bm(o, "cert revoke", "SERIAL… --hold"));
  r.Do(
      "Ask the silicon maker for the chips of the batch that are not yet used, and set them "
      "aside.");
  r.Do("Recall what left, or have relying parties refuse it: revoke.",
       Bm(o, "cert revoke", "SERIAL… --reason keyCompromise"));
  r.Do("Publish the list.", Bm(o, "crl build"));
  r.Do("Go on with another batch.", Bm(o, "seed import", "FILE --key KEY"));
  return {};
}

}  // namespace birthmark::app
