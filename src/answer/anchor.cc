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

bool Plays(const plan::Anchor& a, vocab::AnchorKind kind) {
  return std::ranges::find(a.kinds, kind) != a.kinds.end();
}

// Operators is where those who run a PKI of others say how they do it.
std::string Operators(const plan::Anchor& a) {
  std::string text = a.keeper.empty() ? "kept by others" : a.keeper;
  if (!a.practice_statement.empty()) return text + "; see " + a.practice_statement;
  // Known ones, where the plan names none: the practice statement of the root zone's KSK operator,
  // and the list of the certification authorities that browsers take, each with its own.
  if (Plays(a, vocab::AnchorKind::kDnssec)) return text + "; see https://www.iana.org/dnssec/dps";
  if (Plays(a, vocab::AnchorKind::kWebPki))
    return text + "; see each authority's own statement, listed at https://www.ccadb.org";
  return text;
}

// WhyNot is why trials say nothing.
std::string WhyNot(const Case& c, const Shown& shown) {
  const plan::Anchor& a = AnchorOf(c);
  if (shown.objects == 0 && a.third_party) return "run by others: " + Operators(a);
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
  value.emplace_back("description", Operators(a));
  return Canonical(value);
}

// Replaced is what the log has of an anchor's replacements.
struct Replaced {
  std::vector<Ref> refs;
  uint64_t by_plan = 0;
  std::string means;               // vocab's word for the newest that reached devices in use
  std::optional<int64_t> longest;  // in force. Units: ms
};
Replaced ReplacedIn(const Case& c) {
  // The events' words and vocab's. A new plan is no means: it changes no device that is out.
  constexpr std::pair<std::string_view, std::string_view> kMeans[] = {
      {"signed-update", "signed-update"},
      {"rfc5011", "rfc-5011"},
      {"est-cacerts", "est-cacerts"},
      {"voucher", "voucher"}};
  Replaced out;
  std::optional<int64_t> since;
  for (const auto& row : c.fold.anchors_read) {
    if (row.body.anchor == c.id && !since) since = row.at;
  }
  for (const auto& row : c.fold.anchors_replaced) {
    if (row.body.anchor != c.id) continue;
    out.refs.push_back(row.ref);
    out.by_plan += row.body.means == "new-plan";
    for (const auto& [said, word] : kMeans)
      if (row.body.means == said) out.means = word;
    if (since) out.longest = std::max(out.longest.value_or(0), row.at - *since);
    since = row.at;
  }
  return out;
}

// AddScans tells in which images the anchor was looked for: the file's dates are the device's only
// as far as the file is what the device holds.
void AddScans(const Case& c, std::vector<Ref>& refs, std::vector<std::string>& notes) {
  for (const Row<ledger::ImageScanned>& scan : c.fold.images_scanned) {
    for (const ledger::AnchorFound& a : scan.body.anchors) {
      if (a.anchor != c.id) continue;
      const std::string image = ToHex(scan.body.image).substr(0, 16);
      notes.push_back(a.found ? fmt::format("found in the image {}… at {}", image, a.where)
                              : fmt::format("not found in the image {}…", image));
      refs.push_back(scan.ref);
    }
  }
}

}  // namespace

Found PkiLevel(const Case& c) {
  Found found;
  if (const plan::Pki* pki = OwnPki(c)) {
    found.implied = static_cast<int64_t>(pki->EeLevel());
    found.implied_by = "pki " + pki->id;
  }
  const Shown shown = ShownBy(c.fold, c.id);
  const Shipped shipped = ShippedUnder(c.fold, c.id);
  const anchors::Conclusion& said = shown.conclusion;
  if (said.level) {
    Measured m = FromTrial(c, "pki-level/1", shown);
    m.value = static_cast<int64_t>(*said.level);
    m.notes = LevelNotes(said);
    found.earlier.push_back(std::move(m));
  }
  // Deepest of what really left, unless the device is known to refuse that level.
  std::optional<int64_t> deepest;
  std::vector<std::string> notes, exclusions;
  for (const auto& [level, count] : shipped.levels) {
    const std::string what = fmt::format("level {}: {} signed", level, Few(count));
    if (said.sound && std::ranges::find(said.refused_levels, level) != said.refused_levels.end()) {
      exclusions.push_back(what + ", and the device refuses it");
      continue;
    }
    deepest = level;
    notes.push_back(what);
  }
  if (!deepest && !said.level) {
    found.why_not = WhyNot(c, shown);
    return found;
  }
  Measured m = said.level ? FromTrial(c, "pki-level/2", shown) : Begin(c, "pki-level/2", {});
  std::vector<Ref> refs = shipped.refs;
  if (said.level) refs.insert(refs.end(), shown.refs.begin(), shown.refs.end());
  m.evidence = c.fold.Head(std::move(refs));
  m.value = deepest ? *deepest : static_cast<int64_t>(*said.level);
  m.notes = std::move(notes);
  m.exclusions = std::move(exclusions);
  if (said.level) {
    for (std::string& note : LevelNotes(said)) m.notes.push_back(std::move(note));
    if (!deepest) m.notes.push_back("nothing was signed under it yet: a trial's object decides");
  } else {
    m.notes.push_back("signed, and not offered to a device in a trial that proves something");
  }
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
    found.why_not = WhyNot(c, shown);
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
  const Replaced replaced = ReplacedIn(c);
  Measured with = m;
  m.notes.push_back("how it is replaced is declared, not measured");
  found.earlier.push_back(std::move(m));
  // What was recorded: by which means the newest replacement came, and the longest one was in
  // force.
  with.method = "pki-lifespan/2";
  std::vector<Ref> refs = replaced.refs;
  refs.push_back(read->ref);
  AddScans(c, refs, with.notes);
  with.evidence = c.fold.Head(std::move(refs));
  if (replaced.longest) {
    const auto days =
        std::chrono::floor<std::chrono::days>(std::chrono::milliseconds(*replaced.longest));
    value.emplace_back("interval", FormatDuration(days));
  }
  if (!replaced.means.empty()) value.emplace_back("means", replaced.means);
  with.value = Canonical(value);
  if (replaced.refs.empty()) {
    with.notes.push_back("no replacement is on record: how it is replaced is declared");
  } else {
    with.notes.push_back(fmt::format("replaced {} times on record", replaced.refs.size()));
    if (replaced.by_plan > 0)
      with.notes.push_back(
          fmt::format("{} of them by a new version of the plan: in devices made from then on",
                      replaced.by_plan));
  }
  found.measured = std::move(with);
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
    found.why_not = WhyNot(c, shown);
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
    found.why_not = AnchorOf(c).third_party ? "run by others: " + Operators(AnchorOf(c))
                                            : "the PKI is not ours to count";
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
  found.rounding = f.plan.publication.exact_counts ? "exact" : "bucket: powers of ten";
  auto counted = [&](std::string method) {
    Measured m = Begin(c, std::move(method), refs);
    m.value = f.plan.publication.exact_counts ? cbor::Value(count) : cbor::Value(Bucket(count));
    m.notes.push_back("certificates not expired today; the design number is another fact");
    return m;
  };
  if (known > 0) found.earlier.push_back(counted("pki-breadth/1"));
  // Method 2 also counts the signers whose keys are elsewhere and were certified on request.
  for (const auto& row : f.admitted) {
    if (row.body.pki != pki->id || row.body.chain.empty()) continue;
    auto certificate = crypto::Certificate::FromDer(row.body.chain.front());
    if (!certificate) continue;
    ++known;
    count += Millis(certificate->not_after()) >= f.end();
    refs.push_back(row.ref);
  }
  if (known == 0) {
    found.why_not = "no end-entity certificate of this PKI is in the log";
    return found;
  }
  found.measured = counted("pki-breadth/2");
  return found;
}

Found PkiLockPolicy(const Case& c) {
  Found found;
  const plan::Anchor& a = AnchorOf(c);
  std::vector<std::string> words;
  if (!a.eku.empty()) words.emplace_back("eku");
  if (!a.policy_oid.empty()) words.emplace_back("policy-oid");
  if (a.subject) words.emplace_back("subject");
  if (!a.name_constraints.empty()) words.emplace_back("name-constraints");
  if (a.subordinate) words.emplace_back("specific-subordinate");
  if (words.empty()) words.emplace_back("none");
  if (!a.third_party) {
    found.implied = Set(std::move(words));
    found.implied_by = ByAnchor(c);
  }
  const Shown shown = ShownBy(c.fold, c.id);
  if (shown.conclusion.lock_policy_tried.empty()) {
    found.why_not = WhyNot(c, shown);
    return found;
  }
  Measured m = FromTrial(c, "pki-lock-policy/1", shown);
  m.value = Set(shown.conclusion.lock_policy);
  m.notes = {"tried without, one at a time: " + List(shown.conclusion.lock_policy_tried)};
  if (shown.conclusion.host_checked) {
    m.notes.push_back(std::string("a server of another host name was ") +
                      (*shown.conclusion.host_checked ? "refused" : "accepted"));
  }
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
