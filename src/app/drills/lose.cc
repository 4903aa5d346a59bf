// SPDX-License-Identifier: Apache-2.0
// drill lose: a key of the manufacturer's is gone. On the copy its twin is destroyed, and then
// everything that may need it is tried at each hour at which something could end.
#include <algorithm>

#include "app/drills/play.h"
#include "app/revoke.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

constexpr size_t kMostAuthorities = 16;
constexpr size_t kMostPaths = 3;

// RealPaths validates certificates that units really have, under the real chain.
struct RealPaths {
  crypto::Certificate leaf;
  std::vector<crypto::Certificate> between, anchors;
};
Result<std::vector<RealPaths>> PathsOf(DrillCopy& copy,
                                       const std::vector<ledger::IdentityRow>& rows) {
  std::vector<RealPaths> out;
  BM_TRY(auto reader, copy.factory().NewReader());
  for (const ledger::IdentityRow& row : rows) {
    Twin* twin = copy.FindTwin(row.ca);
    if (twin == nullptr || !ledger::IsLive(row.state)) continue;
    BM_TRY(ledger::Event e, reader->EventAt(row.seq));
    BM_TRY(crypto::Certificate leaf, CertificateIn(e));
    RealPaths p{std::move(leaf), {}, {}};
    for (Twin* t : copy.Above(*twin))
      (t->row.issuer == t->row.id ? p.anchors : p.between).push_back(t->original);
    out.push_back(std::move(p));
    if (out.size() == kMostPaths) break;
  }
  return out;
}

std::string RefusedBy(const Status& s) { return s ? "works" : s.error().message; }

Status LoseAuthority(DrillCopy& c, const DrillOptions& o, DrillReport& r, Twin& lost) {
  const std::string name = lost.row.name;
  const plan::Level* level = LevelOfTwin(c, lost);
  const bool root = lost.row.issuer == lost.row.id;
  BM_TRY(std::set<std::string> below, Below(c, lost.row.id));
  BM_TRY(std::vector<ledger::IdentityRow> rows, IssuedBy(c, below));
  BM_TRY(auto before, c.States());
  BM_CHECK(c.Affect(rows, r));
  r.Count("identities", rows.size());
  r.Check("before the loss the key signs", TryCrl(c, lost).has_value(), RefusedBy(TryCrl(c, lost)));
  BM_CHECK(c.keys().Destroy(lost.id));

  std::vector<Time> moments = Moments(c);
  std::optional<Time> first;
  size_t shown = 0;
  for (Twin& t : c.twins()) {
    if (t.row.pki != lost.row.pki || shown == kMostAuthorities) continue;
    const bool related = below.contains(t.row.id) || t.row.id == lost.row.issuer;
    if (!related) continue;
    ++shown;
    const bool last_level = std::ranges::none_of(c.twins(), [&](const Twin& other) {
      return other.row.issuer == t.row.id && other.row.id != t.row.id;
    });
    auto add = [&](std::string what, const Try& attempt, std::string then) {
      std::optional<Time> until = StopsAt(c, moments, attempt);
      if (until && *until > r.at) first = std::min(first.value_or(*until), *until);
      r.lives.push_back({std::move(what), r.at, until, std::move(then), true});
    };
    if (last_level) {
      add(
          "issuing under " + t.row.name, [&] { return TryIssue(c, t); },
          "the line needs a successor of it");
    }
    if (t.row.issuer != t.row.id) {
      add(
          "a successor of " + t.row.name + " can be signed", [&] { return TrySuccessor(c, t); },
          "only a new chain from another authority");
    }
    add(
        "revocation lists of " + t.row.name + " can be signed", [&] { return TryCrl(c, t); },
        "nothing it signed can be revoked");
  }
  BM_TRY(LastList lists, ListsOf(c, lost.row.id));
  if (lists.next_update) {
    r.lives.push_back({"the last list that " + name + " signed", r.at,
                       std::max(*lists.next_update, lists.reserve_until.value_or(Time{})),
                       "whoever wants a list accepts nothing of it any more", false});
  } else if (level != nullptr && level->crl_lifetime) {
    r.notes.push_back("the plan promises revocation lists of " + name +
                      ", and the log has none signed: sign the reserve while there is a key");
  }
  BM_TRY(std::vector<RealPaths> paths, PathsOf(c, rows));
  std::vector<Time> ends;
  for (const RealPaths& p : paths) {
    AddEnd(p.leaf, ends);
    for (const auto& cert : p.between) AddEnd(cert, ends);
    for (const auto& cert : p.anchors) AddEnd(cert, ends);
  }
  auto verify = [&]() -> Status {
    for (const RealPaths& p : paths) {
      BM_CHECK(
          pki::BuildPath(p.leaf, p.between, p.anchors, c.clock().Now(), pki::Purpose::kDevice));
    }
    return {};
  };
  if (!paths.empty()) {
    Status now = verify();
    r.Check(fmt::format("{} certificates of units verify without the key", paths.size()),
            now.has_value(), RefusedBy(now));
    r.lives.push_back({"certificates that units have verify", r.at, StopsAt(c, ends, verify),
                       "their chain is over: units need new certificates", true});
  }
  BM_TRY(uint64_t changed, ChangedBeside(c, before, {}));
  r.Check("no identity changed by the loss", changed == 0, fmt::format("{} changed", changed));

  using plan::Custody;
  const Custody custody = level == nullptr ? Custody::kSoftware : level->custody;
  r.Do(
      "Say that it is lost and not disclosed: nothing is to be revoked. When that is not certain, "
      "play the other drill.",
      Bm(o, "drill disclose", "--ca " + lost.row.id));
  if (custody == Custody::kSplit || custody == Custody::kThreshold) {
    r.Do("See whether enough holders are healthy.", "birthmark custody status CUSTODY");
    r.Do(custody == Custody::kSplit
             ? "Recover it: Key Executives bring their shares together in a ceremony."
             : "The key is in no one place: holders sign without the lost part, then re-share.",
         "birthmark ceremony run FILE --reviewed SHA-256 -o CUSTODY");
  } else if (lost.row.offline) {
    r.Do("Restore the offline side from its own backup, on a machine without a network.",
         "birthmark backup restore FILE WS");
  } else {
    r.Do("Restore the key's file from a backup that is younger than the key.",
         "birthmark backup check FILE");
  }
  if (root) {
    r.Do(first ? "Else make a new root by a ceremony before " + FormatDate(*first) +
                     ": from then on the line stands still."
               : "Else make a new root by a ceremony.",
         "birthmark ceremony new --plan PLAN --requests " + (o.workspace / "requests").string() +
             " -o ceremony.toml");
    r.Do(
        "Give relying parties the new root beside the old one; units in the field keep the old "
        "chain as long as it verifies.");
  } else {
    r.Do("Let a successor take over that is signed ahead, or have the level above sign one.",
         Bm(o, "ca rotate", "--ca " + lost.row.id + " --retire"));
    r.Do(
        "Sign the last revocation list of the lost authority by the level above it, as an end: "
        "revoke it with the reason cessationOfOperation once its certificates are replaced.");
  }
  r.Do("Record that this was rehearsed, and when.", Bm(o, "drill list"));
  return {};
}

// LoseOther is a key that is no authority's of a plan's PKI.
Status LoseOther(DrillCopy& c, const DrillOptions& o, DrillReport& r, const ledger::KeyRow& key) {
  const std::string twin = "drill." + key.id;
  BM_CHECK(c.keys().Create(twin, crypto::Algorithm::kEcdsaP256));
  auto sign = [&]() -> Status {
    BM_TRY(auto signer, c.keys().Open(twin));
    BM_CHECK(signer->Sign(AsBytes("drill")));
    return {};
  };
  r.Check("before the loss the key signs", sign().has_value(), RefusedBy(sign()));
  BM_CHECK(c.keys().Destroy(twin));
  auto stops = [&](std::string what, std::string then) {
    r.lives.push_back({std::move(what), r.at, StopsAt(c, {}, sign), std::move(then), true});
  };
  auto goes_on = [&](std::string what) {
    r.lives.push_back({std::move(what), r.at, std::nullopt, "", false});
  };
  BM_TRY(uint64_t units, c.registry().CountUnits({}));
  if (key.purpose == "log") {
    stops("checkpoints, bundles and backups can be signed", "nobody outside can check the log");
    goes_on("the line, issuing, the log itself");
    goes_on("checkpoints that readers have");
    r.Do("Restore the key from a backup: it is bound to this log for good.",
         "birthmark backup restore FILE WS");
    r.Do(
        "Without one: close this workspace with a last statement, and begin another under the "
        "same roots.",
        "birthmark init WS2 --plan P --root-cert root.pem");
  } else if (key.purpose == "disclosure") {
    stops("disclosures can be signed", "the newest disclosure stays the last");
    goes_on("disclosures that were given out verify");
    r.Do("Have the disclosure PKI certify a new signer, offline.", Bm(o, "request list"));
    r.Do("Tell readers: their pinned disclosure root stays the same.");
  } else if (key.purpose == "image" || key.purpose == "anchor") {
    stops("images and updates can be signed", "no unit takes a new image from this key");
    goes_on("units boot what they have");
    r.Count("units", units);
    r.Do("See which units can take a new anchor, and through what.", Bm(o, "answer"));
    r.Do(
        "Have the PKI behind the anchor certify a new signer; a key that is its own anchor has "
        "no successor but through the anchor above it.");
  } else {
    stops("what " + key.id + " signs", "");
    goes_on("the line and units in the field");
    r.Do("Make another one and end this one's credential.", Bm(o, "credential list"));
  }
  return {};
}

}  // namespace

Status DrillLose(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_TRY(std::vector<ledger::KeyRow> keys, c.registry().Keys());
  auto key = std::ranges::find_if(
      keys, [&](const ledger::KeyRow& k) { return k.id == o.key && !k.destroyed_at; });
  if (key == keys.end()) {
    BM_TRY(std::vector<ledger::CaRow> cas, c.registry().Cas());
    // An external root's key was never here; it can be lost all the same.
    if (std::ranges::find(cas, o.key, &ledger::CaRow::id) == cas.end())
      return Usage("drill.key", "no key here is called " + o.key, "see " + Bm(o, "key list"));
  }
  r.about = fmt::format(
      "The private key \"{}\" is lost: nobody has it, and nobody else has it "
      "either. Until when does what go on, and who must do what?",
      o.key);
  BM_CHECK(c.MakeTwins(true));
  if (Twin* twin = c.FindTwin(o.key)) return LoseAuthority(c, o, r, *twin);
  return LoseOther(c, o, r, *key);
}

}  // namespace birthmark::app
