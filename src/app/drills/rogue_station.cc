// SPDX-License-Identifier: Apache-2.0
// drill rogue-station: a station signs for devices that do not exist. On the copy it does; then the
// account names what it made, that alone is revoked, and units that left are as they were. No key
// above the issuing level is used: those of the copy are destroyed before it begins.
#include <algorithm>

#include "app/drills/play.h"
#include "app/revoke.h"
#include "ledger/events.h"
#include "ledger/sqlite/account.h"

namespace birthmark::app {
namespace {

constexpr int kRogues = 5;

Result<std::set<Bytes>> OddSerials(DrillCopy& c) {
  ledger::AccountOptions options{.product = c.plan().product.id,
                                 .order = std::nullopt,
                                 .now = Millis(c.clock().Now()),
                                 .has_identity = !c.plan().identities.empty()};
  for (const plan::IdentitySlot& s : c.plan().identities)
    if (s.batch) options.shared_slots.emplace_back(vocab::ToText(s.slot));
  BM_TRY(ledger::Account account, ledger::AccountOf(c.registry().db(), options));
  std::set<Bytes> out;
  for (const ledger::Unexplained& u : account.odd)
    if (u.serial) out.insert(*u.serial);
  return out;
}

// SeenThereAlone counts units of these identities that no other station has had.
Result<uint64_t> SeenThereAlone(DrillCopy& c, const std::vector<ledger::IdentityRow>& rows,
                                const std::string& station) {
  BM_TRY(ledger::Stmt s,
         c.registry().db().Prepare("SELECT count(*) FROM visit WHERE unit=?1 AND station!=?2"));
  uint64_t n = 0;
  for (const ledger::IdentityRow& row : rows) {
    s.Bind(1, std::string_view(row.unit)).Bind(2, std::string_view(station));
    BM_CHECK(s.Step());
    n += s.Uint(0) == 0;
    s.Reset();
  }
  return n;
}

}  // namespace

Status DrillRogueStation(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  if (c.plan().FindStation(o.station) == nullptr) {
    return Usage("drill.station", "the plan has no station \"" + o.station + "\"",
                 "see " + Bm(o, "product show"));
  }
  BM_CHECK(c.MakeTwins(false));
  for (Twin& t : c.twins()) {
    const plan::Pki* pki = c.plan().FindPki(t.row.pki);
    if (pki != nullptr && t.row.level < pki->levels.size()) BM_CHECK(c.keys().Destroy(t.id));
  }
  ledger::IdentityFilter window;
  window.station = o.station;
  window.since = o.since;
  window.until = o.until;
  BM_TRY(std::vector<ledger::IdentityRow> rows, c.All(window));
  BM_TRY(uint64_t shipped, ShippedOf(c, rows));
  BM_TRY(uint64_t alone, SeenThereAlone(c, rows, o.station));
  r.about = fmt::format(
      "Station \"{}\" was not itself: whoever had it signed identities for "
      "devices that do not exist, {}.",
      o.station,
      o.since ? "from " + FormatTime(TimeFromMillis(*o.since)) + " on"
              : "at any time since the log began");
  BM_CHECK(c.Affect(rows, r));
  r.Count("identities", rows.size());
  r.Count("shipped", shipped);

  // The rogue's hour.
  BM_TRY(auto before, c.States());
  BM_TRY(std::set<Bytes> odd_before, OddSerials(c));
  std::set<Bytes> rogue;
  {
    line::IssuingDesk desk = DeskOf(c, o.station);
    for (int i = 1; i <= kRogues; ++i) {
      BM_TRY(method::Order order, OrderFor(c, fmt::format("ROGUE-{:04}", i)));
      auto made = desk.Issue(order);
      if (!made) {
        r.Check("the station can sign at all", true,
                "it cannot: " + made.error().message + "; nothing to revoke");
        break;
      }
      rogue.insert(made->certificate.serial());
    }
  }
  BM_CHECK(c.Append(
      "station:" + o.station,
      ledger::StationState{
          .join = std::nullopt, .state = "disabled", .reason = "drill", .station = o.station}));
  c.clock().Advance(std::chrono::hours(25));
  BM_TRY(std::set<Bytes> odd, OddSerials(c));
  for (const Bytes& serial : odd_before) odd.erase(serial);
  size_t found = static_cast<size_t>(
      std::ranges::count_if(rogue, [&](const Bytes& s) { return odd.contains(s); }));
  r.Check("the account names each identity that no unit explains", found == rogue.size(),
          fmt::format("{} of {} made by the rogue, {} in all", found, rogue.size(), odd.size()));
  if (!rogue.empty()) {
    RevokeOptions revoke;
    for (const Bytes& serial : rogue) revoke.certificates.push_back(ToHex(serial));
    revoke.reason = "privilegeWithdrawn";
    BM_TRY(Revoked done, Revoke(c.factory(), revoke, c.clock()));
    r.Check("they are revoked, with no key above the issuing level",
            done.rows.size() == rogue.size(), fmt::format("{} revoked", done.rows.size()));
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, rogue));
  r.Check("every other identity, shipped or not, is as it was", changed == 0,
          fmt::format("{} changed of {}", changed, before.size()));
  line::IssuingDesk desk = DeskOf(c);
  BM_TRY(method::Order order, OrderFor(c, "AFTER-0001"));
  auto after = desk.Certify(order);
  r.Check("the line goes on issuing at other stations", after.has_value(),
          after ? "it does" : after.error().message);

  r.lives.push_back({"the rogue station's credential", r.at, r.at, "it is disabled", true});
  r.lives.push_back({"units that left", r.at, std::nullopt, "", true});
  r.lives.push_back({"what it made before anybody looked", r.at, r.at + std::chrono::hours(24),
                     "the nightly account names it", true});
  r.Do("Take nothing from it any more.",
       Bm(o, "station disable", o.station + " --reason \"not itself\""));
  r.Do("Find the window: who was signed on there, and when.", Bm(o, "credential list"));
  r.Do("Name what no unit explains.", Bm(o, "reconcile"));
  r.Do("Revoke what was named; no root and no ceremony is needed.",
       Bm(o, "cert revoke", "SERIAL… --reason privilegeWithdrawn"));
  r.Do(
      "See what else it made in the window. Hold what has not left; the shipped ones are true "
      "unless another trace says otherwise.",
      Bm(o, "cert revoke", "--station " + o.station + " --since TIME --hold --dry-run"));
  r.Do("Revoke the people's credentials that were used.", Bm(o, "credential revoke",
                                                             "PSEUDONYM "
                                                             "--reason "
                                                             "…"));
  r.Do("Publish what was revoked.", Bm(o, "crl build"));
  if (alone > 0) {
    r.notes.push_back(fmt::format(
        "{} of its identities are in units that no other station has had: a rogue that also "
        "writes visits would look like these; compare them with the count of boards",
        alone));
  }
  r.notes.push_back(
      "without an authority's key in the station its credential is all that is stolen: decisions "
      "on names, counts and slots stay with the desk");
  return {};
}

}  // namespace birthmark::app
