// SPDX-License-Identifier: Apache-2.0
// drill crl-outage: nobody can sign or publish revocation lists any more. On the copy the lists
// that the world has (and the reserve) are signed under twins, then a relying party that insists on
// lists and one that does not judge a device's certificate hour after hour.
#include <algorithm>

#include "app/drills/play.h"
#include "crypto/software_signer.h"
#include "pki/crl.h"
#include "pki/validate.h"

namespace birthmark::app {
namespace {

constexpr auto kAlways = std::chrono::hours(24 * 365 * 60);
constexpr size_t kMostIssuers = 20;

// Promise is until when lists of one authority are there.
struct Promise {
  std::optional<Time> last;     // nextUpdate of the newest list, or as the plan promises from now
  std::optional<Time> reserve;  // of the reserve's last
  bool signed_ = false;         // the log has lists; else the plan's word alone
  Time end() const { return std::max(last.value_or(Time{}), reserve.value_or(Time{})); }
};

Result<Promise> PromiseOf(DrillCopy& c, const Twin& twin, Time now) {
  Promise p;
  BM_TRY(LastList lists, ListsOf(c, twin.row.id));
  const plan::Level* level = LevelOfTwin(c, twin);
  p.last = lists.next_update;
  p.reserve = lists.reserve_until;
  p.signed_ = p.last.has_value();
  if (!p.signed_ && level != nullptr && level->crl_lifetime) p.last = now + *level->crl_lifetime;
  return p;
}

Result<Bytes> ListOf(DrillCopy& c, const Twin& twin, Time from, Time until) {
  BM_TRY(auto signer, c.keys().Open(twin.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(twin.certificate, *signer));
  return pki::SignCrl({.issuer = issuer.identity(),
                       .number = 1,
                       .this_update = from,
                       .next_update = until,
                       .distribution_point = ""},
                      pki::NoEntries, *signer);
}

// PlayOutage judges a device under one issuing authority.
Status PlayOutage(DrillCopy& c, DrillReport& r, Twin& issuer,
                  const std::map<std::string, Promise>& promises) {
  const Time now = r.at;
  BM_TRY(auto signer, c.keys().Open(issuer.id));
  BM_TRY(pki::Issuer by, pki::Issuer::Make(issuer.certificate, *signer));
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", c.plan().product.manufacturer}, {"serialNumber", "DRILL-0001"}}));
  BM_TRY(
      crypto::Certificate leaf,
      pki::Issue(by, pki::IDevIdProfile(), c.factory().marks, c.StampNow(),
                 {.subject = subject,
                  .key = key->public_key(),
                  .not_after = std::nullopt,
                  .hardware = pki::HardwareModule{.type = plan::HardwareTypeOid(c.plan().product),
                                                  .serial = ToBytes("DRILL-0001")}}));
  std::vector<crypto::Certificate> between, anchors;
  std::vector<Bytes> lists;
  std::optional<Time> end;
  std::string first;
  for (Twin* t : c.Above(issuer)) {
    const bool root = t->row.issuer == t->row.id;
    (root ? anchors : between).push_back(t->certificate);
    const Promise& p = promises.at(t->row.id);
    if (p.last && (!end || p.end() < *end)) {
      end = p.end();
      first = t->row.name;
    }
    // Where no list is promised, this relying party is taken to have one that does not end.
    Time until = p.last ? p.end() : now + kAlways;
    if (until <= now) until = now + std::chrono::minutes(1);
    BM_TRY(Bytes list, ListOf(c, *t, now - std::chrono::hours(1), until));
    lists.push_back(std::move(list));
  }
  if (!end) return {};
  auto judge = [&](std::span<const Bytes> with) -> Status {
    BM_TRY(pki::Validated v, pki::Validate(leaf, {.anchors = anchors,
                                                  .untrusted = between,
                                                  .crls = with,
                                                  .ocsp = {},
                                                  .at = c.clock().Now(),
                                                  .use = pki::Wanted::kDevice}));
    if (v.holds) return {};
    return Refused(v.findings.empty() ? "chain.refused" : v.findings.front().code, "is refused");
  };
  const auto minute = std::chrono::minutes(1);
  std::vector<Time> moments{*end - minute, *end + minute};
  std::optional<Time> hard = StopsAt(c, moments, [&] { return judge(lists); });
  std::optional<Time> soft = StopsAt(c, moments, [&] { return judge({}); });
  r.lives.push_back({"devices under " + issuer.row.name + ", for who insists on lists", now,
                     *end <= now ? std::optional(now) : hard,
                     "refused: the list of " + first + " is over", true});
  r.lives.push_back(
      {"devices under " + issuer.row.name + ", for who does without", now, soft, "", true});
  r.Check("who insists on lists refuses the devices of " + issuer.row.name +
              " right behind the last nextUpdate, and not before",
          *end <= now || (hard && *hard == *end + minute),
          hard ? "refused from " + FormatTime(*hard) + " on" : "never refused");
  r.Check("who does without goes on", !soft, soft ? FormatTime(*soft) : "accepted");
  return {};
}

}  // namespace

Status DrillCrlOutage(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_CHECK(c.MakeTwins(false));
  r.about =
      "No revocation list can be signed or published any more, of no authority. From which "
      "hour on is which identity refused, by whom?";
  std::map<std::string, Promise> promises;
  bool any = false;
  for (Twin& t : c.twins()) {
    BM_TRY(promises[t.row.id], PromiseOf(c, t, r.at));
    const Promise& p = promises[t.row.id];
    if (!p.last) continue;
    any = true;
    r.lives.push_back({"the newest list of " + t.row.name, r.at, *p.last,
                       p.reserve ? "the reserve" : "no list", false});
    if (p.reserve && *p.reserve > *p.last) {
      r.lives.push_back({"the reserve of " + t.row.name, *p.last, *p.reserve, "no list", false});
    }
    const plan::Level* level = LevelOfTwin(c, t);
    if (!p.signed_) {
      r.notes.push_back("the log has no list of " + t.row.name +
                        ": the hours above are as if one were signed now, as the plan promises");
    }
    if (level != nullptr && level->crl_reserve > 0 && !p.reserve) {
      r.notes.push_back(fmt::format("the plan promises {} lists of {} ahead; the log has none",
                                    level->crl_reserve, t.row.name));
    }
  }
  size_t played = 0;
  std::vector<ledger::IdentityRow> rows;
  for (Twin& t : c.twins()) {
    const plan::Pki* pki = c.plan().FindPki(t.row.pki);
    if (pki == nullptr || t.row.level != pki->levels.size()) continue;
    BM_TRY(std::vector<ledger::IdentityRow> its, IssuedBy(c, {t.row.id}));
    std::ranges::move(its, std::back_inserter(rows));
    if (any && played++ < kMostIssuers) BM_CHECK(PlayOutage(c, r, t, promises));
  }
  BM_CHECK(c.Affect(rows, r));
  r.Count("identities", rows.size());
  if (!any) {
    r.notes.push_back(
        "the plan promises no revocation lists: nobody can insist on them, nothing is refused, "
        "and nothing that is revoked is refused either");
  }
  r.Do("See how long what is signed lasts.", Bm(o, "status"));
  r.Do("Publish from the reserve, which needs no key.", Bm(o, "crl build"));
  r.Do(
      "Carry the lists to whatever can serve a file, and have the name of the distribution point "
      "lead there: lists protect themselves.");
  r.Do(
      "Bring the key that signs lists back, or have the level above revoke and replace the "
      "authority.",
      Bm(o, "ca rotate"));
  r.Do("Tell those who insist on lists the hour from which on they will refuse.");
  r.Do("Afterwards: longer lists, or more of them ahead: crl-lifetime and crl-reserve in the plan.",
       Bm(o, "plan adopt", "PLAN"));
  return {};
}

}  // namespace birthmark::app
