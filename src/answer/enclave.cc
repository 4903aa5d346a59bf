// SPDX-License-Identifier: Apache-2.0
// The three initial-enclave questions: where the first anchor is, what checks the first stage,
// whether the first stage is encrypted. From read-backs of units and the trial of a flipped bit.
#include <fmt/format.h>

#include <map>
#include <set>

#include "answer/evaluators.h"
#include "answer/trials.h"
#include "answer/value.h"
#include "vocab/rules.h"

namespace birthmark::answer {
namespace {

const plan::Store* StoreOfStage(const plan::Plan& p) {
  const plan::Stage* stage = p.FindStageKind(vocab::StageKind::kFirstStage);
  return stage == nullptr ? nullptr : p.FindStore(stage->store);
}

// InitialAnchor is the anchor that checks the first stage, or else the first-boot anchor.
const plan::Anchor* InitialAnchor(const plan::Plan& p) {
  const plan::Stage* stage = p.FindStageKind(vocab::StageKind::kFirstStage);
  if (stage != nullptr && stage->verified_by) return p.FindAnchor(*stage->verified_by);
  return p.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
}

// StoreRead is the kind of store a read-back names: by its own word, or by an id of the plan's.
std::optional<vocab::StoreKind> StoreRead(const plan::Plan& p, std::string_view word) {
  if (word == "fuse") return vocab::StoreKind::kOtpFuse;
  vocab::StoreKind kind{};
  if (vocab::FromText(word, kind)) return kind;
  if (const plan::Store* store = p.FindStore(word)) return store->kind;
  return std::nullopt;
}

struct AnchorReads {
  uint64_t written = 0, read = 0, equal = 0;
  std::set<vocab::StoreKind> stores;
  bool unknown_store = false;
};

AnchorReads CountAnchorReads(const Fold& f) {
  AnchorReads n;
  std::map<uint32_t, std::optional<vocab::StoreKind>> known;
  for (const Unit& u : f.units) {
    n.written += u.last_interval != kNone || u.anchor_read;
    if (!u.anchor_read) continue;
    ++n.read;
    if (!u.anchor_equal) continue;
    ++n.equal;
    auto [it, fresh] = known.try_emplace(u.anchor_store);
    if (fresh) it->second = StoreRead(f.plan, f.names.At(u.anchor_store));
    if (it->second) {
      n.stores.insert(*it->second);
    } else {
      n.unknown_store = true;
    }
  }
  return n;
}

// Holds says what the anchor is, in the words of vocab::IsKeyLocation.
std::string_view Holds(plan::Form form) {
  switch (form) {
    case plan::Form::kKeyDigest:
    case plan::Form::kDs:
      return "key-digest";
    default:
      return "public-key";
  }
}

std::string KeyLocation(const plan::Anchor& anchor, vocab::StoreKind store) {
  return fmt::format("{} in {}", Holds(anchor.form), vocab::ToText(store));
}

void AddPopulation(Measured& m, uint64_t counted, uint64_t of, uint64_t unequal) {
  m.population = Population{.of = Bucket(of), .counted = Bucket(counted)};
  if (counted == of) m.notes.push_back("every unit was read back");
  if (unequal > 0) m.exclusions.push_back(fmt::format("read back unequal: {}", Few(unequal)));
}

}  // namespace

Found InitialEnclaveLocation(const Case& c) {
  const Fold& f = c.fold;
  Found found;
  if (const plan::Anchor* anchor = InitialAnchor(f.plan)) {
    if (const plan::Store* store = f.plan.FindStore(anchor->store)) {
      found.implied = vocab::LocationText(store->kind);
      found.implied_by = fmt::format("anchor {}, store {}", anchor->id, store->id);
    }
  }
  const AnchorReads n = CountAnchorReads(f);
  if (n.equal == 0) {
    found.why_not = n.read == 0 ? "no unit's boot anchor was read back"
                                : "no unit's boot anchor read back as it was meant";
    return found;
  }
  if (n.stores.size() != 1 || n.unknown_store) {
    found.why_not = "units' boot anchors were read back from different or unknown stores";
    return found;
  }
  Measured m = Begin(c, "initial-enclave-location/1", f.anchor_reads);
  m.value = vocab::LocationText(*n.stores.begin());
  AddPopulation(m, n.equal, n.written, n.read - n.equal);
  found.measured = std::move(m);
  return found;
}

Found InitialEnclaveIntegrityKey(const Case& c) {
  const Fold& f = c.fold;
  Found found;
  const plan::Store* stage_store = StoreOfStage(f.plan);
  if (stage_store != nullptr && vocab::IsInternal(stage_store->kind)) {
    found.not_applicable = fmt::format("the first stage is inside the processor ({})",
                                       vocab::ToText(stage_store->kind));
    return found;
  }
  const plan::Stage* stage = f.plan.FindStageKind(vocab::StageKind::kFirstStage);
  const plan::Anchor* anchor =
      stage != nullptr && stage->verified_by ? f.plan.FindAnchor(*stage->verified_by) : nullptr;
  if (stage != nullptr) {
    const plan::Store* store = anchor == nullptr ? nullptr : f.plan.FindStore(anchor->store);
    if (anchor == nullptr) {
      found.implied = "none";
    } else if (store != nullptr) {
      found.implied = KeyLocation(*anchor, store->kind);
    }
    found.implied_by = fmt::format("stage {}", stage->id);
  }
  if (anchor == nullptr) {
    found.why_not = "the plan names no anchor for the first stage, so none was tried";
    return found;
  }
  const Shown trial = ShownBy(f, anchor->id);
  if (!trial.flipped_tried || (!trial.flipped_accepted && !trial.good_accepted)) {
    // Refusing a changed first stage means nothing of a device that refuses the good one too.
    found.why_not = "no unit was tried with a good first stage and a changed one";
    return found;
  }
  if (trial.flipped_accepted) {
    Measured m = Begin(c, "initial-enclave-integrity-key/1", trial.refs);
    m.value = "none";
    m.notes.push_back("a first stage with one bit changed was accepted");
    m.verifier = trial.verifier;
    found.measured = std::move(m);
    return found;
  }
  const AnchorReads n = CountAnchorReads(f);
  if (n.equal == 0 || n.stores.size() != 1 || n.unknown_store) {
    found.why_not = "a changed first stage was refused, but where its key is was not read back";
    return found;
  }
  std::vector<Ref> refs = f.anchor_reads;
  refs.insert(refs.end(), trial.refs.begin(), trial.refs.end());
  Measured m = Begin(c, "initial-enclave-integrity-key/1", std::move(refs));
  m.value = KeyLocation(*anchor, *n.stores.begin());
  m.notes.push_back("a first stage with one bit changed was refused");
  m.leans_on = {"plan: form of the anchor"};
  m.verifier = trial.verifier;
  AddPopulation(m, n.equal, n.written, n.read - n.equal);
  found.measured = std::move(m);
  return found;
}

Found InitialEnclavePrivacyKey(const Case& c) {
  const Fold& f = c.fold;
  Found found;
  const plan::Store* store = StoreOfStage(f.plan);
  const plan::Stage* stage = f.plan.FindStageKind(vocab::StageKind::kFirstStage);
  if (store != nullptr && vocab::IsInternal(store->kind)) {
    found.not_applicable =
        fmt::format("the first stage is inside the processor ({})", vocab::ToText(store->kind));
    return found;
  }
  if (stage != nullptr) {
    switch (stage->encrypted) {
      case plan::Encryption::kNo:
        found.implied = "no";
        break;
      case plan::Encryption::kSharedKey:
        found.implied = "yes-shared-key";
        break;
      case plan::Encryption::kPerDeviceKey:
        found.implied = "yes-per-device-key";
        break;
    }
    found.implied_by = fmt::format("stage {}", stage->id);
  }
  std::set<std::string> plain;
  std::vector<Ref> refs = f.stage_reads;
  for (const auto& row : f.images) {
    if (row.body.stage != "first-stage") continue;
    plain.emplace(row.body.digest.begin(), row.body.digest.end());
    refs.push_back(row.ref);
  }
  uint64_t read = 0, equal = 0, written = 0;
  for (const auto& [digest, times] : f.stage_digests) {
    read += times;
    if (plain.contains(digest)) equal += times;
  }
  for (const Unit& u : f.units) written += u.last_interval != kNone || u.stage_read;
  if (read == 0 || plain.empty()) {
    found.why_not = read == 0 ? "no unit's first stage was read back"
                              : "no first stage was released in this log";
    return found;
  }
  Measured m = Begin(c, "initial-enclave-privacy-key/1", std::move(refs));
  AddPopulation(m, read, written, 0);
  if (equal > 0) {
    // One plain image on a unit's flash is enough: whoever has that flash reads it.
    m.value = "no";
    if (equal < read)
      m.notes.push_back(
          fmt::format("units with something else than the plain image: {}", Few(read - equal)));
  } else if (read >= 2 && f.stage_digests.size() == 1) {
    m.value = "yes-shared-key";
    m.notes.push_back("no unit holds the plain image; all hold the same octets");
  } else if (read >= 2 && f.stage_digests.size() == read) {
    m.value = "yes-per-device-key";
    m.notes.push_back("no unit holds the plain image, no two hold the same octets");
  } else {
    found.why_not = "what was read back is neither the plain image nor plainly one key or many";
    return found;
  }
  found.measured = std::move(m);
  return found;
}

}  // namespace birthmark::answer
