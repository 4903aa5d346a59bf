// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_conclude.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace birthmark::anchors {
namespace {

// Policy is the word of pki-lock-policy for what an object lacked.
std::string_view PolicyWord(Varies v) {
  switch (v) {
    case Varies::kEku:
      return "eku";
    case Varies::kPolicy:
      return "policy-oid";
    case Varies::kSubject:
      return "subject";
    case Varies::kSubordinate:
      return "specific-subordinate";
    case Varies::kNames:
      return "name-constraints";
    default:
      return "";
  }
}

// Soundness is why the trials prove nothing; empty when they do.
std::string Soundness(const std::vector<const TrialResult*>& results) {
  std::map<std::string, bool> verdicts;
  bool good_tried = false, bad_tried = false;
  std::string broken;
  for (const TrialResult* r : results) {
    const auto [it, first] = verdicts.emplace(r->spec.id, r->accepted);
    if (!first && it->second != r->accepted)
      return "the device was not consistent about " + r->spec.id;
    if (r->spec.varies == Varies::kNothing) {
      good_tried = true;
      if (!r->accepted) broken = "the good object was refused: " + r->verdict;
    }
    if (r->spec.tampered || !r->spec.right_key) {
      bad_tried = true;
      if (r->accepted) return "the device accepted " + r->spec.id + ": it does not verify";
    }
  }
  if (!broken.empty()) return broken;
  if (!good_tried) return "no good object was tried";
  return bad_tried ? "" : "no forged or tampered object was tried";
}

template <class T>
std::vector<T> Sorted(const std::set<T>& s) {
  return {s.begin(), s.end()};
}

void ConcludeLevels(const std::vector<const TrialResult*>& results, Conclusion& c) {
  std::set<uint32_t> accepted, refused;
  uint32_t usual = 0;
  for (const TrialResult* r : results) {
    if (r->spec.varies != Varies::kNothing && r->spec.varies != Varies::kLevel) continue;
    (r->accepted ? accepted : refused).insert(r->spec.level);
    if (r->spec.varies == Varies::kNothing) usual = std::max(usual, r->spec.level);
  }
  c.accepted_levels = Sorted(accepted);
  c.refused_levels = Sorted(refused);
  c.level = usual;
  // The level is locked when neither neighbour passes; one that was not offered leaves it open.
  // There is no level below the first.
  auto tried = [&](uint32_t level) { return accepted.contains(level) || refused.contains(level); };
  if (accepted.size() > 1) {
    c.level_locked = false;
  } else if (tried(usual + 1) && (usual <= 1 || tried(usual - 1))) {
    c.level_locked = true;
  }
}

void ConcludeAlgorithms(const std::vector<const TrialResult*>& results, Conclusion& c) {
  std::set<std::string> accepted, refused, keys;
  for (const TrialResult* r : results) {
    if (r->spec.varies != Varies::kNothing && r->spec.varies != Varies::kAlgorithm) continue;
    (r->accepted ? accepted : refused).insert(r->spec.algorithm);
    const TrialAlgorithm* a = FindTrialAlgorithm(r->spec.algorithm);
    if (r->accepted && a != nullptr) keys.insert(std::string(a->key));
  }
  c.algorithms = Sorted(accepted);
  c.refused_algorithms = Sorted(refused);
  c.keys = Sorted(keys);
}

void ConcludeLockPolicy(const std::vector<const TrialResult*>& results, Conclusion& c) {
  std::set<std::string> tried, needed;
  for (const TrialResult* r : results) {
    if (r->spec.varies == Varies::kHost) c.host_checked = !r->accepted;
    const std::string word(PolicyWord(r->spec.varies));
    if (word.empty()) continue;
    tried.insert(word);
    if (!r->accepted) needed.insert(word);
  }
  c.lock_policy_tried = Sorted(tried);
  c.lock_policy = Sorted(needed);
  if (needed.empty() && !tried.empty()) c.lock_policy = {"none"};
}

}  // namespace

Conclusion Conclude(const std::string& anchor, const std::vector<TrialResult>& all) {
  std::vector<const TrialResult*> results;
  for (const TrialResult& r : all) {
    if (r.spec.anchor == anchor) results.push_back(&r);
  }
  Conclusion c;
  c.unsound = Soundness(results);
  c.sound = c.unsound.empty();
  if (!c.sound) return c;
  ConcludeLevels(results, c);
  ConcludeAlgorithms(results, c);
  ConcludeLockPolicy(results, c);
  return c;
}

}  // namespace birthmark::anchors
