// SPDX-License-Identifier: Apache-2.0
// The questions about an anchor in the device: mostly what its own verifier accepted and refused,
// then what its file and, where the PKI is the manufacturer's own, the log say.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "anchors/facts.h"
#include "answer/evaluators.h"
#include "answer/storage.h"
#include "answer/trials.h"
#include "answer/value.h"

namespace birthmark::answer {
namespace {

const plan::Anchor& AnchorOf(const Case& c) { return *c.fold.plan.FindAnchor(c.id); }

const plan::Pki* OwnPki(const Case& c) {
  const plan::Anchor& a = AnchorOf(c);
  return a.pki ? c.fold.plan.FindPki(*a.pki) : nullptr;
}

std::string ByAnchor(const Case& c) { return "anchor " + c.id; }

// WhyNot is why trials say nothing.
std::string WhyNot(const Shown& shown) {
  if (shown.objects == 0) return "this anchor was not tried on a device";
  if (!shown.conclusion.sound) return "its trials prove nothing: " + shown.conclusion.unsound;
  return "its trials do not decide it";
}

Measured FromTrial(const Case& c, std::string method, const Shown& shown) {
  Measured m = Begin(c, std::move(method), shown.refs);
  m.verifier = shown.verifier;
  // Objects of a trial, not devices: their number tells nothing about volumes.
  m.population = Population{.of = fmt::format("{}", shown.objects + shown.unreadable),
                            .counted = fmt::format("{}", shown.objects)};
  return m;
}

template <class T>
std::string List(const std::vector<T>& items) {
  return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
}

std::vector<std::string> LevelNotes(const anchors::Conclusion& c) {
  return {"levels accepted: " + List(c.accepted_levels),
          "levels refused: " + List(c.refused_levels)};
}

// Root is an own PKI's authority at level 1.
const Authority* RootOf(const Case& c, const plan::Pki& pki) {
  for (uint32_t i : c.fold.AuthoritiesOf(pki)) {
    if (c.fold.authorities[i].depth == 1) return &c.fold.authorities[i];
  }
  return nullptr;
}

// BareKey is the event that made the key of an anchor that is a key alone.
const Row<ledger::KeyCreated>* BareKey(const Case& c) {
  const plan::Anchor& a = AnchorOf(c);
  for (const auto& row : c.fold.keys) {
    if (row.body.id == a.id ||
        (a.pki && (row.body.id == *a.pki || row.body.id == *a.pki + "-ee"))) {
      return &row;
    }
  }
  return nullptr;
}

const Row<ledger::AnchorRead>* ReadOf(const Case& c) {
  const Row<ledger::AnchorRead>* newest = nullptr;
  for (const auto& row : c.fold.anchors_read) {
    if (row.body.anchor == c.id) newest = &row;
  }
  return newest;
}

std::string Date(int64_t seconds) { return FormatDate(TimeFromMillis(seconds * 1000)); }

// HoldsBareKey is true for forms that carry no dates into the device.
bool HoldsBareKey(plan::Form form) {
  return form == plan::Form::kPublicKey || form == plan::Form::kKeyDigest ||
         form == plan::Form::kDnskey || form == plan::Form::kDs;
}

cbor::Value ThirdParty(const plan::Anchor& a) {
  cbor::Map value;
  value.emplace_back("class", "third-party");
  std::string text = a.keeper.empty() ? "kept by others" : a.keeper;
  if (!a.practice_statement.empty()) text += "; see " + a.practice_statement;
  value.emplace_back("description", std::move(text));
  return Canonical(value);
}

}  // namespace

Found PkiLevel(const Case& c) {
  Found found;
  if (const plan::Pki* pki = OwnPki(c)) {
    found.implied = static_cast<int64_t>(pki->EeLevel());
    found.implied_by = "pki " + pki->id;
  }
  const Shown shown = ShownBy(c.fold, c.id);
  if (!shown.conclusion.level) {
    found.why_not = WhyNot(shown);
    return found;
  }
  Measured m = FromTrial(c, "pki-level/1", shown);
  m.value = static_cast<int64_t>(*shown.conclusion.level);
  m.notes = LevelNotes(shown.conclusion);
  found.measured = std::move(m);
  return found;
}

Found PkiAlgorithms(const Case& c) {
  Found found;
  std::vector<std::string> names;
  for (vocab::Algorithm a : AnchorOf(c).algorithms) names.emplace_back(vocab::ToText(a));
  if (!names.empty()) {
    found.implied = Set(std::move(names));
    found.implied_by = ByAnchor(c);
  }
  const Shown shown = ShownBy(c.fold, c.id);
  if (!shown.conclusion.sound) {
    found.why_not = WhyNot(shown);
    return found;
  }
  Measured m = FromTrial(c, "pki-algorithms/1", shown);
  m.value = Set(shown.conclusion.keys);
  m.notes = {"accepted: " + List(shown.conclusion.algorithms),
             "refused: " + List(shown.conclusion.refused_algorithms)};
  found.measured = std::move(m);
  return found;
}

Found PkiLifespan(const Case& c) {
  Found found;
  const Row<ledger::AnchorRead>* read = ReadOf(c);
  if (read == nullptr) {
    found.why_not = "the anchor's file was not read in this log";
    return found;
  }
  auto facts = cbor::FromValue<anchors::AnchorFacts>(read->body.facts);
  if (!facts || facts->entries.empty()) {
    found.why_not = "the facts of the anchor's file do not read";
    return found;
  }
  std::optional<int64_t> start, end, first_end;
  for (const anchors::AnchorEntry& e : facts->entries) {
    if (e.not_before) start = std::min(start.value_or(*e.not_before), *e.not_before);
    if (e.not_after) {
      end = std::max(end.value_or(*e.not_after), *e.not_after);
      first_end = std::min(first_end.value_or(*e.not_after), *e.not_after);
    }
  }
  Measured m = Begin(c, "pki-lifespan/1", {read->ref});
  cbor::Map value;
  if (HoldsBareKey(AnchorOf(c).form) && start) {
    // A certificate on file is how the key came to us; the device sees no dates.
    m.notes.push_back("the certificate on file has dates, the device holds the key alone");
    m.leans_on = {"plan: form of the anchor"};
    start = end = first_end = std::nullopt;
  }
  value.emplace_back("dates", start || end);
  if (start) value.emplace_back("not-before", Date(*start));
  if (end) value.emplace_back("not-after", Date(*end));
  m.value = Canonical(value);
  if (!start && !end) m.notes.push_back("a bare key has no dates");
  if (facts->entries.size() > 1 && first_end) {
    m.notes.push_back(
        fmt::format("{} anchors, the first ends on {}", facts->entries.size(), Date(*first_end)));
  }
  m.notes.push_back("how it is replaced is declared, not measured");
  found.measured = std::move(m);
  return found;
}

Found PkiLevelLocked(const Case& c) {
  Found found;
  const Shown shown = ShownBy(c.fold, c.id);
  // Several levels accepted, or any at all (none listed), is not locked.
  if (!AnchorOf(c).third_party || !AnchorOf(c).levels.empty()) {
    found.implied = AnchorOf(c).levels.size() == 1;
    found.implied_by = ByAnchor(c);
  }
  if (!shown.conclusion.level_locked) {
    found.why_not = WhyNot(shown);
    return found;
  }
  Measured m = FromTrial(c, "pki-level-locked/1", shown);
  m.value = *shown.conclusion.level_locked;
  m.notes = LevelNotes(shown.conclusion);
  found.measured = std::move(m);
  return found;
}

Found PkiBreadth(const Case& c) {
  Found found;
  const plan::Pki* pki = OwnPki(c);
  if (pki == nullptr) {
    found.why_not = "the PKI is not ours to count";
    return found;
  }
  const Fold& f = c.fold;
  uint64_t count = 0, known = 0;
  std::vector<Ref> refs;
  if (pki->levels.empty()) {
    // Level 1: the anchor's own key is the only end entity there is.
    if (const Row<ledger::KeyCreated>* key = BareKey(c)) {
      ++known;
      ++count;
      refs.push_back(key->ref);
    }
  }
  // The manufacturer's own signers under this PKI; a key that is its own anchor has no certificate.
  for (const auto& row : f.signers) {
    if (row.body.pki != pki->id || row.body.chain.empty()) continue;
    auto certificate = crypto::Certificate::FromDer(row.body.chain.front());
    if (!certificate) continue;
    ++known;
    count += Millis(certificate->not_after()) >= f.end();
    refs.push_back(row.ref);
  }
  std::vector<uint32_t> seen;
  for (uint32_t i : f.AuthoritiesOf(*pki)) {
    const Authority& a = f.authorities[i];
    if (!a.fault.empty() || std::ranges::find(seen, a.use) != seen.end()) continue;
    seen.push_back(a.use);
    const KeyUse& use = f.uses[a.use];
    if (use.count == 0) continue;
    known += use.count;
    count += use.unexpired;
    refs.push_back(a.row.ref);
    refs.insert(refs.end(), use.refs.begin(), use.refs.end());
  }
  if (known == 0) {
    found.why_not = "no end-entity certificate of this PKI is in the log";
    return found;
  }
  found.rounding = f.plan.publication.exact_counts ? "exact" : "bucket: powers of ten";
  Measured m = Begin(c, "pki-breadth/1", std::move(refs));
  m.value = f.plan.publication.exact_counts ? cbor::Value(count) : cbor::Value(Bucket(count));
  m.notes.push_back("certificates not expired today; the design number is another fact");
  found.measured = std::move(m);
  return found;
}

Found PkiLockPolicy(const Case& c) {
  Found found;
  const plan::Anchor& a = AnchorOf(c);
  std::vector<std::string> words;
  if (!a.eku.empty()) words.emplace_back("eku");
  if (!a.policy_oid.empty()) words.emplace_back("policy-oid");
  if (a.subject) words.emplace_back("subject");
  if (words.empty()) words.emplace_back("none");
  if (!a.third_party) {
    found.implied = Set(std::move(words));
    found.implied_by = ByAnchor(c);
  }
  const Shown shown = ShownBy(c.fold, c.id);
  if (shown.conclusion.lock_policy_tried.empty()) {
    found.why_not = WhyNot(shown);
    return found;
  }
  Measured m = FromTrial(c, "pki-lock-policy/1", shown);
  m.value = Set(shown.conclusion.lock_policy);
  m.notes = {"tried without, one at a time: " + List(shown.conclusion.lock_policy_tried)};
  found.measured = std::move(m);
  return found;
}

Found PkiAnchorStorage(const Case& c) {
  const plan::Anchor& a = AnchorOf(c);
  Found found;
  if (!a.third_party) {
    const plan::Pki* pki = OwnPki(c);
    const Authority* root = pki == nullptr ? nullptr : RootOf(c, *pki);
    if (root != nullptr) {
      found = RootStorage(c, *root, "pki-anchor-storage");
    } else if (const Row<ledger::KeyCreated>* key = BareKey(c)) {
      found = KeyStorage(c, *key, "pki-anchor-storage/1");
    } else {
      found.why_not = "the key was not made in this log";
    }
  }
  if (a.third_party) {
    found.implied = ThirdParty(a);
    found.implied_by = ByAnchor(c);
  } else if (!a.keeper.empty()) {
    found.implied = Canonical(cbor::Map{{"description", a.keeper}});
    found.implied_by = ByAnchor(c);
  }
  return found;
}

}  // namespace birthmark::answer
