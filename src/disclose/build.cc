// SPDX-License-Identifier: Apache-2.0
#include "disclose/build.h"

#include <algorithm>
#include <map>
#include <set>

#include "anchors/facts.h"
#include "answer/value.h"
#include "crypto/cert.h"
#include "disclose/check.h"
#include "ledger/events.h"
#include "plan/other_party.h"
#include "vocab/rules.h"

namespace birthmark::disclose {
namespace {

using plan::Plan;

// 9999-12-31T23:59:59Z: no well-defined end (RFC 5280 section 4.1.2.5).
constexpr int64_t kNoEnd = 253402300799000;
// Where a factory keeps its outside copies are a handful of places; a log with more is cut here.
constexpr size_t kMaxPlaces = 16;

struct Authority {
  ledger::CaCreated ca;
  std::optional<crypto::Certificate> certificate;
};

// Facts is what one pass over the log leaves behind.
struct Facts {
  std::vector<Authority> authorities;
  std::map<std::string, ledger::KeyCreated> keys;       // by id, the newest
  std::map<std::string, anchors::AnchorFacts> anchors;  // by anchor id, the newest
  std::map<std::string, std::vector<Place>> outside;    // by slot, each place once
  std::map<Digest, std::string> not_destroyed;          // key to slot: no end was recorded
  std::optional<Digest> application;                    // the newest application image
  std::map<std::string, ledger::SeedBatch> seeds;       // batches by id
  std::set<std::string> seeds_destroyed;                // of those, what is destroyed
  std::map<std::string, std::string> seeds_used;        // slot to how the private halves went
};

void AddPlace(std::vector<Place>& places, Place p) {
  auto same = [&](const Place& x) { return x.how == p.how && x.where == p.where; };
  if (places.size() < kMaxPlaces && std::none_of(places.begin(), places.end(), same))
    places.push_back(std::move(p));
}

Status Take(Facts& facts, const ledger::Event& e) {
  if (e.type == ledger::CaCreated::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::CaCreated>(e));
    auto cert = crypto::Certificate::FromDer(body.cert);
    facts.authorities.push_back({std::move(body), cert ? std::optional(*cert) : std::nullopt});
  } else if (e.type == ledger::KeyCreated::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::KeyCreated>(e));
    facts.keys[body.id] = std::move(body);
  } else if (e.type == ledger::AnchorRead::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::AnchorRead>(e));
    BM_TRY(facts.anchors[body.anchor], cbor::FromValue<anchors::AnchorFacts>(body.facts));
  } else if (e.type == ledger::ImageReleased::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::ImageReleased>(e));
    if (body.stage == "application") facts.application = body.digest;
  } else if (e.type == ledger::SeedBatch::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::SeedBatch>(e));
    facts.seeds[body.id] = std::move(body);
  } else if (e.type == ledger::SeedCustody::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::SeedCustody>(e));
    if (body.what == "destroyed") facts.seeds_destroyed.insert(body.batch);
  } else if (e.type == ledger::SeedsUsed::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::SeedsUsed>(e));
    facts.seeds_used[body.slot] = body.destroyed;
  } else if (e.type == ledger::KeyOutside::kType) {
    BM_TRY(auto body, ledger::BodyOf<ledger::KeyOutside>(e));
    std::vector<Place>& places = facts.outside[body.slot];
    for (size_t i = 0; i < body.places.size(); ++i) {
      AddPlace(places,
               {i == 0 ? "born" : "kept", body.places[i].place + ": " + body.places[i].form, true});
    }
    if (body.destroyed.empty()) {
      facts.not_destroyed[body.spki] = body.slot;
    } else {
      facts.not_destroyed.erase(body.spki);
      AddPlace(places, Place{"destroyed", body.destroyed, true});
    }
  }
  return {};
}

std::optional<int64_t> End(Time t) {
  return Millis(t) >= kNoEnd ? std::nullopt : std::optional(Millis(t));
}

// SeededPlaces is the way of a key that chip and manufacturer compute from one seed (4.1.1.3). What
// people wrote about couriers and places stays in the log; what they did is here.
std::vector<Place> SeededPlaces(const plan::IdentitySlot& slot, const Plan& plan,
                                const std::string& device, const Facts& facts) {
  if (slot.mixes_entropy) {
    return {{"born", device + ", from a seed and entropy that nobody else has", false}};
  }
  std::vector<Place> out;
  bool kept = false, open = false, any = false;
  for (const auto& [id, batch] : facts.seeds) {
    if (batch.product != plan.product.id) continue;
    any = true;
    open = open || batch.protection == "none";
    kept = kept || !facts.seeds_destroyed.contains(id);
    AddPlace(out, {"born", "silicon maker: seed for the chip's " + batch.origin, true});
  }
  auto used = facts.seeds_used.find(std::string(vocab::ToText(slot.slot)));
  if (!any)
    return {{"born", "whoever holds the seed can compute it", true}, {"born", device, false}};
  if (open) out.push_back({"kept", "seed file encrypted with nothing", true});
  if (kept) out.push_back({"kept", "derivation site: seeds sealed, not used up", true});
  if (used != facts.seeds_used.end())
    out.push_back({"born", "derivation site: plain memory", true});
  out.push_back({"born", device, false});
  if (used != facts.seeds_used.end()) out.push_back({"destroyed", used->second, true});
  if (!kept) out.push_back({"destroyed", "derivation site: seeds used up and erased", true});
  return out;
}

// PlacesOf is the way of a slot's key: outside the device first where the method says so or the log
// saw it, then the device, then the end of the copies outside.
std::vector<Place> PlacesOf(const plan::IdentitySlot& slot, const Plan& plan, const Facts& facts) {
  const plan::Store* store = plan.FindStore(slot.store);
  const std::string device =
      "device: " + (store == nullptr ? slot.store : std::string(vocab::ToText(store->kind)));
  auto seen = facts.outside.find(std::string(vocab::ToText(slot.slot)));
  std::vector<Place> out, ends;
  if (seen != facts.outside.end()) {
    for (const Place& p : seen->second) (p.how == "destroyed" ? ends : out).push_back(p);
    auto here = [&](const auto& left) { return left.second == seen->first; };
    if (std::any_of(facts.not_destroyed.begin(), facts.not_destroyed.end(), here))
      out.push_back({"kept", "outside the device, not destroyed", true});
    out.push_back({"installed", device, false});
    out.insert(out.end(), ends.begin(), ends.end());
    return out;
  }
  switch (slot.method) {
    case vocab::Method::kAvocado:
      return {{"born", device, false}};
    case vocab::Method::kBamboo:
      if (slot.derived)
        return {{"born", "whoever holds the master key can compute it", true},
                {"installed", device, false}};
      if (slot.slot == vocab::Identity::kGroup)
        return {{"born", "the factory's key store", true},
                {"kept", "the factory's key store, until its batch is full", true},
                {"installed", device, false}};
      return {{"born", "the factory's systems", true}, {"installed", device, false}};
    case vocab::Method::kCarrot:
      return SeededPlaces(slot, plan, device, facts);
    case vocab::Method::kSalak:
      return {{"born", device, false}};
    case vocab::Method::kSapodilla:
      return {{"born", "secure element, in the silicon maker's factory", true},
              {"installed", device, false}};
  }
  return out;
}

std::vector<const Authority*> AuthoritiesOf(const plan::Pki& pki, const Facts& facts) {
  const std::string purpose = pki.purpose == plan::Purpose::kAnchor
                                  ? "anchor:" + pki.id
                                  : std::string(plan::ToText(pki.purpose));
  std::vector<const Authority*> out;
  // Several PKIs may have one purpose: its word counts only for one that no authority names.
  const bool named = std::any_of(facts.authorities.begin(), facts.authorities.end(),
                                 [&](const Authority& a) { return a.ca.pki == pki.id; });
  for (const Authority& a : facts.authorities) {
    if (a.ca.pki == (named ? pki.id : purpose)) out.push_back(&a);
  }
  return out;
}

PkiLevel LevelOf(const plan::Level& planned, const std::vector<const Authority*>& all,
                 const Facts& facts) {
  PkiLevel out;
  out.name = planned.name;
  out.level = static_cast<uint32_t>(planned.level);
  out.offline = planned.offline;
  out.algorithm = vocab::ToText(planned.algorithm);
  uint64_t count = 0;
  bool endless = false;
  for (const Authority* a : all) {
    if (a->ca.level != out.level) continue;
    ++count;
    out.name = a->ca.name;
    out.offline = a->ca.offline;
    if (auto key = facts.keys.find(a->ca.id); key != facts.keys.end())
      out.storage = key->second.store;
    if (!a->certificate) continue;
    out.algorithm = a->certificate->key_text();
    const int64_t from = Millis(a->certificate->not_before());
    out.not_before = std::min(out.not_before.value_or(from), from);
    if (auto to = End(a->certificate->not_after())) {
      out.not_after = std::max(out.not_after.value_or(*to), *to);
    } else {
      endless = true;
    }
  }
  if (endless) out.not_after.reset();
  out.siblings = count > kMaxToldSiblings ? 0 : count;
  return out;
}

// DrawPki is the levels of one PKI, from its certificates where there are any, else from the plan.
Pki DrawPki(std::string id, const plan::Pki& pki, const Plan& plan, const Facts& facts) {
  Pki out;
  out.id = std::move(id);
  const std::vector<const Authority*> all = AuthoritiesOf(pki, facts);
  for (const plan::Level& l : pki.levels) out.levels.push_back(LevelOf(l, all, facts));
  for (const Authority* a : all) {
    if (a->ca.level == 1 && a->certificate) out.anchor_digest = a->certificate->digest();
  }
  PkiLevel ee;
  ee.ee = true;
  ee.level = static_cast<uint32_t>(pki.EeLevel());
  ee.siblings = 0;
  ee.name = pki.end_entity.name;
  if (pki.end_entity.algorithm) ee.algorithm = vocab::ToText(*pki.end_entity.algorithm);
  if (pki.purpose == plan::Purpose::kIdentity) {
    if (ee.name.empty()) ee.name = "devices";
    ee.storage = "device";
    for (const plan::IdentitySlot& s : plan.identities) {
      if (plan.PkiOf(s) == &pki && ee.algorithm.empty()) ee.algorithm = vocab::ToText(s.algorithm);
    }
  }
  out.levels.push_back(std::move(ee));
  return out;
}

// DrawAnchor tells an anchor as the device has it; its first kind is its place in every rendering.
Anchor DrawAnchor(const plan::Anchor& a, const Plan& plan, const Facts& facts) {
  Anchor out;
  out.id = a.id;
  out.form = plan::ToText(a.form);
  out.store = a.store;
  for (vocab::AnchorKind k : a.kinds) {
    if (out.kind.empty()) {
      out.kind = vocab::ToText(k);
    } else {
      out.also.emplace_back(vocab::ToText(k));
    }
  }
  if (!a.verifies.empty()) out.verifies = {a.verifies};
  if (const plan::Store* s = plan.FindStore(a.store)) out.protected_by = s->protected_by;
  out.entries = 0;
  if (auto read = facts.anchors.find(a.id); read != facts.anchors.end()) {
    out.digest = read->second.digest;
    out.entries = read->second.entries.size();
    // One date for a bundle of many would be nobody's.
    if (out.entries == 1) {
      const anchors::AnchorEntry& e = read->second.entries.front();
      if (e.not_before) out.not_before = *e.not_before * 1000;
      if (e.not_after && *e.not_after * 1000 < kNoEnd) out.not_after = *e.not_after * 1000;
    }
    return out;
  }
  const plan::Pki* pki = a.pki ? plan.FindPki(*a.pki) : nullptr;
  if (pki == nullptr) return out;
  const bool bare = a.form == plan::Form::kPublicKey || a.form == plan::Form::kKeyDigest;
  for (const Authority* x : AuthoritiesOf(*pki, facts)) {
    if (x->ca.level != 1 || !x->certificate) continue;
    out.entries = 1;
    if (bare && x->certificate->public_key()) {
      out.digest = x->certificate->public_key()->spki_digest();
    } else {
      out.digest = x->certificate->digest();
      out.not_before = Millis(x->certificate->not_before());
      out.not_after = End(x->certificate->not_after());
    }
  }
  for (const std::string& id : {pki->id, a.id}) {
    auto key = facts.keys.find(id);
    if (out.entries == 0 && key != facts.keys.end()) {
      out.digest = key->second.spki;
      out.entries = 1;
    }
  }
  return out;
}

void FromPlan(const Plan& plan, const Facts& facts, Disclosure& d) {
  d.product = {plan.product.id,           plan.product.name,
               plan.product.firmware,     plan.product.hardware_variant,
               plan.product.manufacturer, facts.application};
  if (plan.publication.list_sites) {
    for (const plan::Site& s : plan.sites)
      d.sites.push_back({s.id, s.country, std::string(plan::ToText(s.continent))});
  }
  for (const plan::Pki& p : plan.pkis) {
    if (p.purpose == plan::Purpose::kIdentity) d.pkis.push_back(DrawPki(p.id, p, plan, facts));
    if (p.purpose != plan::Purpose::kAnchor) continue;
    for (const plan::Anchor& a : plan.anchors) {
      if (a.pki == p.id) d.pkis.push_back(DrawPki("anchor:" + a.id, p, plan, facts));
    }
  }
  for (const plan::IdentitySlot& s : plan.identities) {
    const plan::Pki* pki = plan.PkiOf(s);
    Identity i;
    i.pki = pki == nullptr ? "" : pki->id;
    i.slot = vocab::ToText(s.slot);
    i.lock = plan::ToText(s.identity_lock);
    i.birth = vocab::ToText(vocab::BirthOf(s.method));
    i.method = vocab::ToText(s.method);
    i.places = PlacesOf(s, plan, facts);
    if (s.ca_option) i.authority = plan::ToText(*s.ca_option);
    if (auto ref = plan::OtherDisclosure(s)) i.refers = ref->sha256;
    // The maker's own PKI is none of those that are drawn here.
    if (s.ca_option == plan::CaOption::kGeneric) i.pki.clear();
    i.transfer = vocab::ToText(s.transfer);
    i.algorithm = vocab::ToText(s.algorithm);
    if (s.batch) {
      i.shared =
          plan.publication.exact_counts ? std::to_string(*s.batch) : answer::Bucket(*s.batch);
    }
    d.identities.push_back(std::move(i));
  }
  for (const plan::Store& s : plan.stores) {
    d.stores.push_back({s.id, std::string(vocab::ToText(s.kind)), vocab::IsInternal(s.kind),
                        s.processor, s.protected_by});
  }
  for (const plan::Stage& s : plan.stages) {
    d.stages.push_back({s.id, std::string(plan::ToText(s.lock)), s.store,
                        std::string(plan::ToText(s.encrypted)), s.processor, s.verified_by,
                        std::string(vocab::ToText(s.kind))});
  }
  for (const plan::Anchor& a : plan.anchors) d.anchors.push_back(DrawAnchor(a, plan, facts));
}

}  // namespace

Result<Built> Build(const BuildInput& input, ledger::EventSource& source) {
  const answer::Evaluation& evaluation = input.evaluation;
  Facts facts;
  // Events after the evaluation's end are not part of what the checkpoint covers.
  BM_CHECK(source.ForEach([&](uint64_t seq, const ledger::Event& e, ByteView) -> Status {
    return seq < evaluation.head.size ? Take(facts, e) : Status();
  }));
  Built out;
  Disclosure& d = out.disclosure;
  FromPlan(evaluation.plan, facts, d);
  d.version = input.version;
  d.issued = Millis(input.issued);
  d.program = input.program;
  d.revision = vocab::ToText(vocab::kDefaultRevision);
  d.checkpoint = input.checkpoint;
  d.period_from = evaluation.period.from;
  d.period_to = evaluation.period.to;
  d.answers = evaluation.answers;
  d.rehearsal = evaluation.rehearsal;
  if (d.rehearsal) {
    const auto& stations = evaluation.plan.stations;
    if (evaluation.plan.board ||
        std::any_of(stations.begin(), stations.end(),
                    [](const plan::Station& s) { return s.link == "emulator"; })) {
      d.marks.emplace_back(kMarkDevices);
    }
    d.marks.emplace_back(kMarkKeys);
  }
  if (input.stated_model) d.split_model = ToText(*input.stated_model);
  out.findings = Check(d);
  return out;
}

}  // namespace birthmark::disclose
