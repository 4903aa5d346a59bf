// SPDX-License-Identifier: Apache-2.0
// drill disclose: somebody else has an authority's private key. On the copy that somebody signs a
// certificate for a unit that was never made; then it is looked for and shut out.
#include <algorithm>

#include "anchors/superior.h"
#include "app/drills/play.h"
#include "crypto/software_signer.h"
#include "pki/crl.h"
#include "pki/path.h"
#include "pki/validate.h"

namespace birthmark::app {
namespace {

// Forge is a device's certificate as whoever has the key would make it.
Result<crypto::Certificate> Forge(DrillCopy& c, const Twin& twin) {
  // Under a root or a middle level the thief first makes an authority of its own.
  BM_TRY(auto signer, c.keys().Open(twin.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(twin.certificate, *signer));
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name subject,
         pki::Name::Make({{"O", c.plan().product.manufacturer}, {"serialNumber", "NEVER-MADE"}}));
  return pki::Issue(
      issuer, pki::IDevIdProfile(), c.factory().marks, c.StampNow(),
      {.subject = subject,
       .key = key->public_key(),
       .not_after = std::nullopt,
       .hardware = pki::HardwareModule{.type = plan::HardwareTypeOid(c.plan().product),
                                       .serial = ToBytes("NEVER-MADE")}});
}

Status PlayForgery(DrillCopy& c, DrillReport& r, Twin& twin) {
  BM_TRY(crypto::Certificate forged, Forge(c, twin));
  std::vector<crypto::Certificate> between, anchors;
  for (Twin* t : c.Above(twin))
    (t->row.issuer == t->row.id ? anchors : between).push_back(t->certificate);
  const Time now = c.clock().Now();
  auto accepted = pki::BuildPath(forged, between, anchors, now, pki::Purpose::kDevice);
  r.Check("a certificate that the thief signs is accepted by whoever trusts the root",
          accepted.has_value(), accepted ? "accepted" : accepted.error().message);
  BM_TRY(auto known, c.registry().IdentityBySerial(forged.serial()));
  r.Check("the log has no such certificate: seen in the field, it is found out", !known,
          known ? "it is in the log" : "serial " + forged.serial_hex());
  if (twin.row.issuer == twin.row.id) return {};
  // The level above says in its list that this authority is no longer to be trusted.
  Twin* parent = c.FindTwin(twin.row.issuer);
  if (parent == nullptr) return {};
  std::vector<Bytes> lists;
  for (Twin* t : c.Above(*parent)) {
    BM_TRY(auto signer, c.keys().Open(t->id));
    BM_TRY(pki::Issuer issuer, pki::Issuer::Make(t->certificate, *signer));
    BM_TRY(Bytes list, pki::SignCrl(
                           {.issuer = issuer.identity(),
                            .number = 2,
                            .this_update = now,
                            .next_update = now + std::chrono::hours(24),
                            .distribution_point = ""},
                           [&](const std::function<Status(const pki::CrlEntry&)>& put) -> Status {
                             if (t != parent) return {};
                             return put({.serial = twin.certificate.serial(),
                                         .at = now,
                                         .reason = pki::CrlReason::kCaCompromise});
                           },
                           *signer));
    lists.push_back(std::move(list));
  }
  BM_TRY(auto signer, c.keys().Open(twin.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(twin.certificate, *signer));
  BM_TRY(Bytes own, pki::SignCrl({.issuer = issuer.identity(),
                                  .number = 2,
                                  .this_update = now,
                                  .next_update = now + std::chrono::hours(24),
                                  .distribution_point = ""},
                                 pki::NoEntries, *signer));
  lists.push_back(std::move(own));
  BM_TRY(pki::Validated judged, pki::Validate(forged, {.anchors = anchors,
                                                       .untrusted = between,
                                                       .crls = lists,
                                                       .ocsp = {},
                                                       .at = now,
                                                       .use = pki::Wanted::kDevice}));
  r.Check("with the list of the level above it is refused", !judged.holds,
          judged.findings.empty() ? "accepted" : judged.findings.front().code);
  return {};
}

void AnchorsToReplace(DrillCopy& c, DrillReport& r, const std::string& pki) {
  anchors::SuperiorGraph graph = anchors::SuperiorGraph::Build(c.plan());
  for (const plan::Anchor& a : c.plan().anchors) {
    if (!a.pki || *a.pki != pki) continue;
    std::string how = plan::ToText(graph.AspectsOf(a.id).replace.ToChange());
    r.notes.push_back(
        fmt::format("anchor \"{}\" in the device stands on this PKI; replaced in the field: {}",
                    a.id, how == "no" ? "by nobody: units with it are recalled" : how));
  }
}

}  // namespace

Status DrillDisclose(DrillCopy& c, const DrillOptions& o, DrillReport& r) {
  BM_CHECK(c.MakeTwins(true));
  Twin* twin = c.FindTwin(o.ca);
  if (twin == nullptr)
    return Usage("drill.ca", "no authority here is called " + o.ca, "see " + Bm(o, "ca list"));
  const std::string name = twin->row.name;
  const bool root = twin->row.issuer == twin->row.id;
  r.about = fmt::format(
      "The private key of {} ({}) is in other hands. Every certificate that it "
      "can sign may be false from the day it got out.",
      name, o.ca);
  BM_TRY(std::set<std::string> below, Below(c, o.ca));
  BM_TRY(std::vector<ledger::IdentityRow> rows, IssuedBy(c, below));
  BM_CHECK(c.Affect(rows, r));
  BM_TRY(uint64_t shipped, ShippedOf(c, rows));
  r.Count("identities", rows.size());
  r.Count("shipped", shipped);
  const plan::Pki* pki = c.plan().FindPki(twin->row.pki);
  const bool identity = pki != nullptr && pki->purpose == plan::Purpose::kIdentity;
  if (identity) {
    const bool issues = pki->levels.size() == twin->row.level;
    if (issues || twin->row.level + 1 == pki->levels.size() || root) {
      Twin* at = twin;
      // The thief works with the level below when the stolen one signs authorities only.
      if (!issues)
        for (Twin& t : c.twins())
          if (t.row.issuer == twin->row.id && t.row.level == pki->levels.size()) at = &t;
      BM_CHECK(PlayForgery(c, r, *at));
    }
    r.lives.push_back({"what others think of certificates under " + name, r.at, r.at,
                       "a forged one cannot be told from a true one without the log", false});
    r.lives.push_back({"the log tells true from false: each true one stands in it", r.at,
                       std::nullopt, "", true});
  } else {
    BM_TRY(uint64_t units, c.registry().CountUnits({}));
    r.Count("units", units);
    r.notes.push_back(fmt::format("{} units hold anchors of this PKI's product", units));
  }
  AnchorsToReplace(c, r, twin->row.pki);

  r.Do("Stop issuing under it on the line, at once.",
       Bm(o, "lot stop", "--reason \"key disclosed\""));
  r.Do("Hold what it issued while you look: a hold is taken back, a revocation is not.",
       Bm(o, "cert revoke", "--ca " + o.ca + " --hold --dry-run"));
  if (root) {
    r.Do("Make a new root by a ceremony; no list can revoke a root.",
         "birthmark ceremony new --plan PLAN --requests " + (o.workspace / "requests").string() +
             " -o ceremony.toml");
    r.Do(
        "Have every relying party take the old root out of its store: tell them its SHA-256, and "
        "the new root's, over a channel that does not hang on the old one.");
  } else {
    r.Do("Have the level above revoke it, and let a successor take over.",
         Bm(o, "ca rotate", "--ca " + o.ca + " --compromised"));
    r.Do("Publish the list of the level above.", Bm(o, "crl build"));
  }
  r.Do("Give relying parties the list of true certificates until they are replaced.",
       Bm(o, "unit export", "--format ndjson -o devices.ndjson"));
  r.Do("Certify the units anew under the successor, those in reach first; then revoke.",
       Bm(o, "cert revoke", "--ca " + o.ca + " --reason keyCompromise"));
  r.Do("Let the line go on.", Bm(o, "lot release", "--reason \"successor in force\""));
  return {};
}

}  // namespace birthmark::app
