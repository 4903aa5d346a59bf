// SPDX-License-Identifier: Apache-2.0
// The questions about an identity PKI, from its authorities and every certificate they issued.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "answer/evaluators.h"
#include "answer/storage.h"
#include "answer/value.h"
#include "ceremony/record.h"

namespace birthmark::answer {
namespace {

const plan::Pki* PkiOf(const Case& c) { return c.fold.plan.FindPki(c.id); }

// Keys are the distinct keys of a PKI's authorities that issued to devices, with one authority of
// each.
struct IssuingKey {
  const Authority* authority;
  const KeyUse* use;
};
std::vector<IssuingKey> IssuingKeys(const Case& c, bool subordinates_only) {
  const Fold& f = c.fold;
  std::map<uint32_t, const Authority*> by_use;
  for (uint32_t i : f.AuthoritiesOf(*PkiOf(c))) {
    const Authority& a = f.authorities[i];
    if (!a.fault.empty() || a.use == kNone || (subordinates_only && a.depth < 2)) continue;
    by_use.try_emplace(a.use, &a);  // the same key certified again is the same subordinate
  }
  std::vector<IssuingKey> out;
  for (const auto& [use, authority] : by_use) {
    if (f.uses[use].count > 0) out.push_back({authority, &f.uses[use]});
  }
  return out;
}

std::vector<Ref> RefsOf(const Case& c, const std::vector<IssuingKey>& keys) {
  std::vector<Ref> refs;
  for (uint32_t i : c.fold.AuthoritiesOf(*PkiOf(c))) refs.push_back(c.fold.authorities[i].row.ref);
  for (const IssuingKey& k : keys) refs.insert(refs.end(), k.use->refs.begin(), k.use->refs.end());
  return refs;
}

const plan::Level* IssuingLevel(const plan::Pki& pki) {
  return pki.levels.empty() ? nullptr : &pki.levels.back();
}

std::string Where(const plan::Pki& pki) {
  return fmt::format("pki {}, level {}", pki.id, pki.levels.size());
}

constexpr std::string_view kNoneIssued = "no certificate was issued to a device under this PKI";

}  // namespace

Found IdentityPkiLevel(const Case& c) {
  const Fold& f = c.fold;
  const plan::Pki& pki = *PkiOf(c);
  Found found;
  found.implied = static_cast<int64_t>(pki.EeLevel());
  found.implied_by = "pki " + pki.id;
  const std::vector<IssuingKey> keys = IssuingKeys(c, false);
  std::map<int, uint64_t> levels;
  uint64_t count = 0, checked = 0, faults = 0;
  for (const IssuingKey& k : keys) {
    count += k.use->count;
    checked += k.use->checked;
    faults += k.use->faults;
    if (k.use->count > k.use->faults)
      levels[k.authority->depth + 1] += k.use->count - k.use->faults;
  }
  if (levels.empty()) {
    found.why_not = kNoneIssued;
    return found;
  }
  Measured m = Begin(c, "identity-pki-level/1", RefsOf(c, keys));
  m.value = static_cast<int64_t>(levels.rbegin()->first);
  for (const auto& [level, n] : levels) {
    m.notes.push_back(fmt::format("at level {}: {} certificates", level, Bucket(n)));
  }
  m.notes.push_back(checked + faults >= count
                        ? "every certificate's signature was checked"
                        : "all certificates' issuers and a sample of signatures were checked");
  for (const plan::IdentitySlot& s : f.plan.identities) {
    if (f.plan.PkiOf(s) != &pki || !s.ca_option) continue;
    m.notes.push_back(*s.ca_option == plan::CaOption::kOnBehalf
                          ? "an authority whose key the silicon maker holds certifies the parts"
                          : "the silicon maker's factory asks an authority of ours for each part");
  }
  if (faults > 0)
    m.exclusions.push_back(fmt::format("certificates whose path does not hold: {}", Few(faults)));
  for (uint32_t i : f.AuthoritiesOf(pki)) {
    const Authority& a = f.authorities[i];
    if (!a.fault.empty())
      m.exclusions.push_back(fmt::format("authority {}: {}", a.row.body.id, a.fault));
  }
  if (f.unplaced_identities > 0) {
    m.exclusions.push_back(
        fmt::format("certificates of an authority not in the log: {}", Few(f.unplaced_identities)));
  }
  m.population =
      Population{.of = Bucket(count), .counted = Bucket(count - std::min(faults, count))};
  found.measured = std::move(m);
  return found;
}

Found IdentityTimeLimits(const Case& c) {
  const plan::Pki& pki = *PkiOf(c);
  Found found;
  if (pki.levels.size() < 2) {
    found.not_applicable = "the PKI has no subordinates";
    return found;
  }
  const plan::Level& level = *IssuingLevel(pki);
  found.implied = level.issuing_window ? FormatDuration(*level.issuing_window) : "none";
  found.implied_by = Where(pki);
  std::vector<IssuingKey> keys = IssuingKeys(c, true);
  if (keys.empty()) {
    found.why_not = kNoneIssued;
    return found;
  }
  std::ranges::sort(keys, {}, [](const IssuingKey& k) { return k.use->first; });
  int64_t longest = 0;
  uint64_t issuing = 0;
  for (const IssuingKey& k : keys) {
    // The successor is the first key that began after this one's last certificate; keys of several
    // sites issue side by side and do not follow one another.
    auto next =
        std::ranges::find_if(keys, [&](const IssuingKey& o) { return o.use->first > k.use->last; });
    issuing += next == keys.end();
    longest =
        std::max(longest, (next == keys.end() ? k.use->last : next->use->first) - k.use->first);
  }
  Measured m = Begin(c, "identity-time-limits-per-subordinate/1", RefsOf(c, keys));
  m.value = FormatDuration(std::chrono::milliseconds(longest / 1000 * 1000));
  if (issuing > 0) {
    m.notes.push_back(issuing == keys.size() ? "still issuing: no subordinate has a successor yet"
                                             : "some subordinates have no successor yet");
  }
  m.notes.push_back(fmt::format("subordinate keys seen: {}", keys.size()));
  found.measured = std::move(m);
  return found;
}

Found IdentityNumberPerSubordinate(const Case& c) {
  const plan::Pki& pki = *PkiOf(c);
  Found found;
  if (pki.levels.size() < 2) {
    found.not_applicable = "the PKI has no subordinates";
    return found;
  }
  const plan::Level& level = *IssuingLevel(pki);
  if (level.max_count) {
    found.implied = *level.max_count;
  } else {
    found.implied = "none";
  }
  found.implied_by = Where(pki);
  const std::vector<IssuingKey> keys = IssuingKeys(c, true);
  if (keys.empty()) {
    found.why_not = kNoneIssued;
    return found;
  }
  uint64_t most = 0;
  for (const IssuingKey& k : keys) most = std::max(most, k.use->count);
  const bool exact = c.fold.plan.publication.exact_counts;
  found.rounding = exact ? "exact" : "bucket: powers of ten";
  Measured m = Begin(c, "identity-number-per-subordinate/1", RefsOf(c, keys));
  m.value = exact ? cbor::Value(most) : cbor::Value(Bucket(most));
  if (keys.size() == 1) m.notes.push_back("the subordinate is still issuing");
  found.measured = std::move(m);
  return found;
}

Found IdentityAnchorStorage(const Case& c) {
  Found found;
  const Fold& f = c.fold;
  const std::vector<uint32_t> authorities = f.AuthoritiesOf(*PkiOf(c));
  auto root =
      std::ranges::find_if(authorities, [&](uint32_t i) { return f.authorities[i].depth == 1; });
  if (root == authorities.end()) {
    found.why_not = "the root is not in this log";
    return found;
  }
  return RootStorage(c, f.authorities[*root], "identity-anchor-storage");
}

namespace {

// RootOf is the root of the PKI whose shares are asked about; null when the log has none.
const Authority* RootOf(const Case& c) {
  const plan::Pki* pki = PkiOf(c);
  if (pki == nullptr) pki = c.fold.plan.IdentityPki();
  for (uint32_t i : c.fold.AuthoritiesOf(*pki)) {
    if (c.fold.authorities[i].depth == 1) return &c.fold.authorities[i];
  }
  return nullptr;
}

bool IsSplit(const ledger::KeyCreated& key) { return key.store == "split" || key.store == "frost"; }

// AskShares: shares are made and counted inside sealed ceremonies. What one attests is signed by
// the key of its sealed log, which the split key itself vouches for; anybody can follow that, and
// nobody can count again. The newest statement of a use holds.
Found AskShares(const Case& c, std::string_view method,
                uint32_t (*number)(const ledger::SplitStatement&)) {
  Found found;
  const Authority* root = RootOf(c);
  const ledger::KeyCreated* key = root == nullptr ? nullptr : KeyOf(c.fold, *root);
  if (key != nullptr && !IsSplit(*key)) {
    found.not_applicable = "root is not split";
    return found;
  }
  found.why_not = "no ceremony told of shares";
  if (root == nullptr || !root->certificate) return found;
  const ledger::SplitStatement* best = nullptr;
  std::vector<ledger::SplitStatement> read;
  read.reserve(c.fold.attested.size());
  Ref ref = 0;
  for (const Row<ledger::CeremonyAttested>& row : c.fold.attested) {
    auto said = ceremony::CheckStatement(row.body, *root->certificate->public_key());
    // It speaks of another key, or says so and that key does not vouch for it.
    if (!said || said->set != root->row.body.id) continue;
    read.push_back(std::move(*said));
    // Recovering is what the draft asks about; a threshold key may have only its use told of.
    if (best != nullptr && best->use == "recover" && read.back().use != "recover") continue;
    best = &read.back();
    ref = row.ref;
  }
  if (best == nullptr) return found;
  Measured m = Begin(c, std::string(method), {root->row.ref, ref});
  m.basis = "attested";
  m.value = static_cast<int64_t>(number(*best));
  m.notes.push_back(fmt::format("as of {}, when the shares were last proven",
                                FormatDate(TimeFromMillis(best->at))));
  m.notes.push_back("worked out and signed inside a sealed ceremony; the root vouches for its log");
  if (best->use == "use")
    m.notes.push_back("of signing together: the key is never brought together");
  if (best->rehearsal) m.notes.push_back("a rehearsed ceremony");
  found.why_not.reset();
  found.measured = std::move(m);
  return found;
}

}  // namespace

Found IdentitySplitExtra(const Case& c) {
  return AskShares(c, "identity-shared-split-extra/1",
                   [](const ledger::SplitStatement& s) { return s.extra; });
}

Found IdentitySplitContinents(const Case& c) {
  return AskShares(c, "identity-shared-split-continents/1",
                   [](const ledger::SplitStatement& s) { return s.continents; });
}

}  // namespace birthmark::answer
