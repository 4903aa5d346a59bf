// SPDX-License-Identifier: Apache-2.0
// drill lose-site, drill lose-continent: one place, or all of a continent, is gone with its
// stations, its units in work and its holders of shares. On the copy its stations are taken from
// and what was under way there is held; all else must go on.
#include <algorithm>

#include "app/drills/play.h"
#include "app/revoke.h"
#include "app/station.h"
#include "ledger/events.h"
#include "ledger/sqlite/pool_table.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxHolders = 64 * 1024;

struct Places {
  std::set<std::string> sites;
  std::string words;
};

// HoldersOutside reads "CONTINENT,HEALTHY" lines and a line "k,N": private, and only a yes or no
// leaves this function.
Result<bool> EnoughOutside(const fs::path& file, const std::string& continent) {
  auto bad = [&](size_t line) {
    return Usage("drill.holders", fmt::format("{}:{}: is no holder", file.string(), line),
                 "a line a holder: EU,yes or AS,no; and one line k,N");
  };
  BM_TRY(std::string text, ReadTextFile(file, kMaxHolders));
  uint64_t outside = 0, k = 0;
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    size_t comma = line.find(',');
    if (comma == line.npos) return bad(number);
    std::string_view what = line.substr(0, comma), value = line.substr(comma + 1);
    plan::Continent known{};
    if (what == "k") {
      if (value.empty() || value.size() > 3 || k != 0) return bad(number);
      for (char d : value) {
        if (d < '0' || d > '9') return bad(number);
        k = k * 10 + static_cast<uint64_t>(d - '0');
      }
    } else if (plan::FromText(what, known) && (value == "yes" || value == "no")) {
      outside += what != continent && value == "yes";
    } else {
      return bad(number);
    }
  }
  if (k == 0) return bad(number);
  return outside >= k;
}

Status PlayPlaces(DrillCopy& c, const DrillOptions& o, DrillReport& r, const Places& lost) {
  BM_CHECK(c.MakeTwins(false));
  BM_TRY(auto reader, c.factory().NewReader());
  BM_TRY(auto plans, PlansOf(*reader));
  BM_TRY(std::vector<StationRow> islands, Stations(*reader));
  reader.reset();
  BM_TRY(auto before, c.States());
  std::set<std::string> stations;
  for (const auto& [id, adopted] : plans) {
    const plan::Plan& p = adopted.plan;
    std::set<std::string> here;
    for (const plan::Station& s : p.stations)
      if (lost.sites.contains(s.site)) here.insert(s.id);
    stations.insert(here.begin(), here.end());
    std::vector<std::string> steps;
    for (const plan::Step& s : p.steps)
      if (here.contains(s.station)) steps.emplace_back(vocab::ToText(s.kind));
    r.lives.push_back(
        {"making " + p.product.name, r.at, steps.empty() ? std::nullopt : std::optional(r.at),
         steps.empty() ? ""
                       : fmt::format("{} of {} steps are done there", steps.size(), p.steps.size()),
         false});
  }
  // Units that were begun there and had not left.
  std::vector<ledger::IdentityRow> caught;
  uint64_t units = 0;
  for (const std::string& site : lost.sites) {
    ledger::UnitFilter filter;
    filter.site = site;
    ledger::Page page{.limit = 1000};
    for (;;) {
      BM_TRY(std::vector<ledger::UnitRow> rows, c.registry().Units(filter, page));
      for (const ledger::UnitRow& u : rows) {
        if (u.state == "shipped" || u.state == "scrapped" || u.site != site) continue;
        ++units;
        BM_TRY(std::vector<ledger::IdentityRow> its, c.registry().IdentitiesOf(u.unit));
        for (ledger::IdentityRow& i : its)
          if (ledger::IsLive(i.state) && i.state != "held") caught.push_back(std::move(i));
      }
      if (rows.size() < page.limit) break;
      page.after_unit = rows.back().unit;
    }
  }
  // What was made ahead for its stations.
  BM_TRY(std::vector<ledger::PoolLevel> pools, ledger::PoolLevels(c.registry().db(), 0));
  uint64_t pooled = 0;
  for (const ledger::PoolLevel& pool : pools) {
    if (!stations.contains(pool.station)) continue;
    ledger::PoolPlace from;
    for (;;) {
      BM_TRY(std::vector<ledger::PoolRow> rows,
             ledger::PoolNext(c.registry().db(), pool.station, pool.product, from, 1000));
      for (const ledger::PoolRow& row : rows) {
        from = {row.seq, row.pos + 1};
        ++pooled;
        BM_TRY(std::vector<ledger::IdentityRow> its, c.registry().IdentitiesOf(row.unit));
        for (ledger::IdentityRow& i : its)
          if (i.state == "issued") caught.push_back(std::move(i));
      }
      if (rows.size() < 1000) break;
    }
  }
  BM_CHECK(c.Affect(caught, r));
  r.Count("identities", caught.size());
  r.Count("units", units);
  r.Count("pool", pooled);

  for (const std::string& s : stations) {
    BM_CHECK(
        c.Append("station:" + s,
                 ledger::StationState{
                     .join = std::nullopt, .state = "disabled", .reason = "drill", .station = s}));
  }
  std::set<Bytes> touched;
  if (!caught.empty()) {
    RevokeOptions hold;
    for (const ledger::IdentityRow& i : caught) {
      hold.certificates.push_back(ToHex(i.serial));
      touched.insert(i.serial);
    }
    hold.as = RevokeAs::kHold;
    BM_TRY(Revoked done, Revoke(c.factory(), hold, c.clock()));
    r.Check("what was under way there is on hold", done.rows.size() == touched.size(),
            fmt::format("{} held", done.rows.size()));
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, touched));
  r.Check("every other identity is as it was", changed == 0, fmt::format("{} changed", changed));
  if (SlotOf(c.plan()) != nullptr) {
    line::IssuingDesk desk = DeskOf(c);
    BM_TRY(method::Order order, OrderFor(c, "AFTER-0001"));
    auto after = desk.Certify(order);
    r.Check("this workspace can still issue", after.has_value(),
            after ? "it can" : after.error().message);
  }
  for (const StationRow& s : islands) {
    if (!lost.sites.contains(s.site) || s.state != "joined") continue;
    r.notes.push_back(fmt::format(
        "station {} had an authority of its own ({}): {} issued here known, its log has {} "
        "entries here; what it did since it last told is lost with it",
        s.station, s.ca.empty() ? "none yet" : s.ca, s.issued, s.entries));
  }
  r.lives.push_back({"units that left", r.at, std::nullopt, "", true});
  for (const std::string& s : stations)
    r.Do("Take nothing from station " + s + " any more, should it come back in other hands.",
         Bm(o, "station disable", s + " --reason \"site lost\""));
  r.Do("Hold what was under way and made ahead there (the list is in identities.csv).",
       Bm(o, "cert revoke", "SERIAL… --hold"));
  r.Do("Account for it.", Bm(o, "reconcile"));
  r.Do("When it is certain that nothing comes back: revoke what is held.",
       Bm(o, "cert revoke", "SERIAL… --reason cessationOfOperation"));
  r.Do("Move the steps to a site that stands: a changed plan with other stations.",
       Bm(o, "plan adopt", "PLAN"));
  return {};
}

const plan::Declared* DeclaredOf(const plan::Plan& plan, std::string_view question) {
  for (const plan::Declared& d : plan.declared)
    if (vocab::ToText(d.question) == question) return &d;
  return nullptr;
}

// HoldersWords adds what is known of shares: from the private list a yes or a no, from the plan
// what is told to everybody.
Status AddHolders(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  if (!o.holders.empty()) {
    BM_TRY(bool enough, EnoughOutside(o.holders, o.continent));
    r.Check("healthy holders outside of " + o.continent + " can use the split keys", enough,
            enough ? "yes" : "no");
  }
  if (const plan::Declared* d = DeclaredOf(c.plan(), "identity-shared-split-continents"); d) {
    r.notes.push_back(
        "what is told of the split: on this many continents the key can be used "
        "with nobody travelling: " +
        plan::ToText(d->value) + "; one of them may be this one");
  }
  if (const plan::Declared* d = DeclaredOf(c.plan(), "identity-shared-split-extra"); d)
    r.notes.push_back("spare shares that are told of: " + plan::ToText(d->value));
  r.Do("See which holders are left and when each last proved the share.",
       "birthmark custody status CUSTODY");
  r.Do("Re-share among those who are left: the key stays, the lost shares die.",
       "birthmark ceremony new --plan PLAN -o ceremony.toml");
  return {};
}

}  // namespace

Status DrillLoseSite(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  const plan::Site* site = c.plan().FindSite(o.site);
  if (site == nullptr) {
    return Usage("drill.site", "the plan has no site \"" + o.site + "\"",
                 "see " + Bm(o, "product show"));
  }
  r.about = fmt::format(
      "Site \"{}\" ({}, {}) is gone: stations, units in work, what was made "
      "ahead for it.",
      site->id, site->name, site->country);
  return PlayPlaces(c, o, r, {{site->id}, site->id});
}

Status DrillLoseContinent(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  plan::Continent continent{};
  if (!plan::FromText(o.continent, continent)) {
    return Usage("drill.continent", "\"" + o.continent + "\" is no continent",
                 "one of AF, AN, AS, EU, NA, OC, SA");
  }
  Places lost{{}, o.continent};
  for (const plan::Site& s : c.plan().sites)
    if (s.continent == continent) lost.sites.insert(s.id);
  r.about = fmt::format(
      "Nobody and nothing on continent {} can be reached: {} of {} sites, and "
      "every holder of a share there.",
      o.continent, lost.sites.size(), c.plan().sites.size());
  BM_CHECK(PlayPlaces(c, o, r, lost));
  return AddHolders(c, o, r);
}

}  // namespace birthmark::app
