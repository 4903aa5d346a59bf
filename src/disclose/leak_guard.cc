// SPDX-License-Identifier: Apache-2.0
#include "disclose/leak_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace birthmark::disclose {
namespace {

constexpr std::string_view kExtraQuestion = "identity-shared-split-extra";
constexpr std::string_view kContinentsQuestion = "identity-shared-split-continents";
// A published extra larger than this is no count of people.
constexpr int64_t kMaxExtra = 1000;

bool OnePolynomial(SplitModel m) {
  return m == SplitModel::kSingleSet || m == SplitModel::kThreshold;
}

bool InRange(std::span<const SplitClaim> claims) {
  return std::all_of(claims.begin(), claims.end(), [](const SplitClaim& c) {
    return (!c.extra || (*c.extra >= 0 && *c.extra <= kMaxExtra)) &&
           (!c.continents || (*c.continents >= 0 && *c.continents <= kContinents));
  });
}

// FitsContinents asks whether c continents recovering alone allow n shares with threshold k.
bool FitsContinents(int64_t k, int64_t n, int64_t c, SplitModel model) {
  if (!OnePolynomial(model)) return true;
  if (c >= 2) return n >= c * k;
  // No continent reaches k, so each of the seven holds at most k - 1.
  if (c == 0) return n <= kContinents * (k - 1);
  return true;  // one continent can hold any number of spare shares
}

// Pair is a number of spare shares with a number of continents that speak of the same shares.
struct Pair {
  std::optional<int64_t> extra, continents;
};

// PairsOf keeps what one source says together, and crosses numbers that stand alone with all
// others.
std::vector<Pair> PairsOf(std::span<const SplitClaim> claims) {
  std::vector<Pair> out;
  for (const SplitClaim& a : claims) {
    if (a.extra || a.continents) out.push_back({a.extra, a.continents});
    for (const SplitClaim& b : claims) {
      if (a.extra && b.continents && (!a.continents || !b.extra)) {
        out.push_back({a.extra, b.continents});
      }
    }
  }
  return out;
}

std::optional<int64_t> MostExtra(std::span<const SplitClaim> claims) {
  std::optional<int64_t> out;
  for (const SplitClaim& c : claims) {
    if (c.extra) out = std::max(out.value_or(0), *c.extra);
  }
  return out;
}

std::optional<int64_t> MostContinents(std::span<const SplitClaim> claims) {
  std::optional<int64_t> out;
  for (const SplitClaim& c : claims) {
    if (c.continents) out = std::max(out.value_or(0), *c.continents);
  }
  return out;
}

// FitsPreset asks whether the rule could have given k and n; `n` is used where no extra is
// published.
bool FitsPreset(int64_t k, int64_t n, const std::vector<Pair>& pairs, SplitPreset preset) {
  if (preset == SplitPreset::kNone) return true;
  auto by_rule = [&](const Pair& p) {
    const int64_t shares = p.extra ? k + *p.extra : n;
    if (preset == SplitPreset::kMajority) return shares == 2 * k - 1;
    if (p.continents) return shares == *p.continents * k;
    return shares % k == 0 && shares / k >= 2 && shares / k <= kContinents;
  };
  return std::any_of(pairs.begin(), pairs.end(), by_rule);
}

size_t CountThresholds(const std::vector<Split>& splits) {
  std::set<int64_t> k;
  for (const Split& s : splits) {
    if (s.k >= 2) k.insert(s.k);
  }
  return k.size();
}

std::optional<int64_t> WholeNumber(const cbor::Value& v, std::string_view key) {
  if (auto n = v.AsInt()) return n;
  if (const cbor::Value* inner = v.Find(cbor::Value(key))) return inner->AsInt();
  return std::nullopt;
}

// AddClaim puts one published value beside the other quantity of the same set and source.
void AddClaim(GuardInput& set, std::string_view source, std::string_view question, int64_t n) {
  auto it = std::find_if(set.claims.begin(), set.claims.end(),
                         [&](const SplitClaim& c) { return c.source == source; });
  if (it == set.claims.end()) it = set.claims.insert(it, SplitClaim{.source = std::string(source)});
  (question == kExtraQuestion ? it->extra : it->continents) = n;
}

// SameRoot is true when an identity PKI of one is pinned to the same anchor as one of the other.
bool SameRoot(const Disclosure& a, const Disclosure& b) {
  auto roots = [](const Disclosure& d) {
    std::set<Digest> out;
    for (const Pki& p : d.pkis) {
      if (p.anchor_digest && !p.id.starts_with("anchor:")) out.insert(*p.anchor_digest);
    }
    return out;
  };
  const std::set<Digest> ra = roots(a), rb = roots(b);
  return std::any_of(ra.begin(), ra.end(), [&](const Digest& x) { return rb.contains(x); });
}

// Possible asks for one pair that surely speaks of the same shares.
bool PossibleForSplit(int64_t extra, int64_t continents) {
  SplitClaim claim{.source = "", .extra = extra, .continents = continents};
  return CountThresholds(PossibleSplits({&claim, 1}, SplitModel::kSingleSet)) > 0;
}

}  // namespace

std::string_view ToText(SplitModel m) {
  switch (m) {
    case SplitModel::kSingleSet:
      return "single-set";
    case SplitModel::kSetPerContinent:
      return "set-per-continent";
    case SplitModel::kCopies:
      return "copies";
    case SplitModel::kThreshold:
      return "threshold";
  }
  return "";
}

bool FromText(std::string_view s, SplitModel& m) {
  for (SplitModel x : {SplitModel::kSingleSet, SplitModel::kSetPerContinent, SplitModel::kCopies,
                       SplitModel::kThreshold}) {
    if (ToText(x) == s) {
      m = x;
      return true;
    }
  }
  return false;
}

std::vector<Split> PossibleSplits(std::span<const SplitClaim> claims, SplitModel model,
                                  SplitPreset preset) {
  std::vector<Split> out;
  if (!InRange(claims)) return out;
  const std::vector<Pair> pairs = PairsOf(claims);
  const std::optional<int64_t> extra = MostExtra(claims);
  auto consider = [&](int64_t k, int64_t n) {
    bool fits = std::all_of(pairs.begin(), pairs.end(), [&](const Pair& p) {
      return !p.continents || FitsContinents(k, p.extra ? k + *p.extra : n, *p.continents, model);
    });
    if (fits && FitsPreset(k, n, pairs, preset)) out.push_back({k, n});
  };
  for (int64_t k = 1; k <= kMaxThreshold; ++k) {
    if (extra) {
      consider(k, k + *extra);
    } else {
      for (int64_t n = k; n <= kContinents * kMaxThreshold; ++n) consider(k, n);
    }
  }
  return out;
}

Findings Guard(const GuardInput& input) {
  Findings out;
  if (!InRange(input.claims)) {
    out.Error(
        "leak.range", fmt::format("{}: a published split number cannot be true", input.share_set),
        fmt::format("spare shares run from 0 to {}, continents from 0 to {}; a set with fewer "
                    "than no spare shares is a lost key and is not published",
                    kMaxExtra, kContinents));
    return out;
  }
  const size_t left = CountThresholds(PossibleSplits(input.claims, input.model, input.preset));
  if (left < static_cast<size_t>(kMinThresholds)) {
    // One wording for every cause: which one it was would tell about the split.
    out.Error("leak.narrow",
              fmt::format("{}: what is published together leaves too few ways the key can be split",
                          input.share_set),
              fmt::format("withhold {} or {}, and count in what earlier disclosures and other "
                          "products under the same root already say",
                          kExtraQuestion, kContinentsQuestion));
    return out;
  }
  const std::optional<int64_t> extra = MostExtra(input.claims);
  const std::optional<int64_t> continents = MostContinents(input.claims);
  if (extra && continents && *continents >= 2) {
    out.Warn(
        "leak.narrowed",
        fmt::format("{}: spare shares and continents together narrow the split", input.share_set),
        "withhold one of the two to leave nothing to work out");
    if (!OnePolynomial(input.model) && !PossibleForSplit(*extra, *continents)) {
      out.Warn("leak.model",
               fmt::format("{}: readers will find these numbers impossible for a single set",
                           input.share_set),
               "state the split model, or withhold one of the two");
    }
  }
  return out;
}

std::vector<GuardInput> ClaimsOf(const Disclosure& d, Findings* findings) {
  std::vector<GuardInput> out;
  for (const answer::Answer& a : d.answers) {
    const bool extra = a.question == kExtraQuestion;
    if ((!extra && a.question != kContinentsQuestion) || a.state != "answered") continue;
    auto it = std::find_if(out.begin(), out.end(),
                           [&](const GuardInput& g) { return g.share_set == a.subject; });
    if (it == out.end()) it = out.insert(it, GuardInput{.share_set = a.subject});
    auto take = [&](std::string_view source, const cbor::Value& v) {
      if (auto n = WholeNumber(v, extra ? "extra" : "continents")) {
        AddClaim(*it, source, a.question, *n);
      } else if (findings != nullptr) {
        findings->Error("leak.not-a-number",
                        fmt::format("{} of {} is not a whole number", a.question, a.subject),
                        "give a whole number, or withhold it");
      }
    };
    if (a.declared) take("declared", a.declared->value);
    if (a.measured) take(a.measured->basis, a.measured->value);
  }
  return out;
}

GuardResult GuardDisclosure(const Disclosure& next, std::span<const Disclosure> published,
                            SplitModel model, SplitPreset preset) {
  GuardResult out;
  std::vector<GuardInput> sets = ClaimsOf(next, &out.findings);
  for (GuardInput& set : sets) {
    set.model = model;
    set.preset = preset;
  }
  for (const Disclosure& d : published) {
    if (d.product.id != next.product.id && !SameRoot(d, next)) continue;
    for (GuardInput& before : ClaimsOf(d, nullptr)) {
      // The identity root is one key, whatever each product calls its set of shares.
      for (GuardInput& set : sets) {
        if (set.share_set != before.share_set && !SameRoot(d, next)) continue;
        for (SplitClaim& c : before.claims) {
          c.source = fmt::format("{}, disclosure {} of {}", c.source, d.version, d.product.id);
          set.claims.push_back(c);
        }
      }
    }
  }
  for (const GuardInput& set : sets) out.findings.Append(Guard(set));

  auto is_split_question = [](const answer::Answer& a) {
    return a.question == kExtraQuestion || a.question == kContinentsQuestion;
  };
  const bool not_split = std::any_of(next.answers.begin(), next.answers.end(), [&](const auto& a) {
    return is_split_question(a) && a.state == "not-applicable";
  });
  if (out.refused()) {
    out.words = "refused: what is published together gives the split away";
  } else if (sets.empty()) {
    out.words =
        not_split ? "root is not split; nothing to infer" : "nothing about a split is published";
  } else if (!out.findings.empty()) {
    out.words = "published numbers narrow the split; enough ways remain";
  } else {
    out.words = "published numbers leave the split open";
  }
  return out;
}

Findings ImpossibleClaims(const Disclosure& d) {
  Findings out;
  const bool stated = d.split_model == ToText(SplitModel::kSingleSet);
  Findings unreadable;
  for (const GuardInput& set : ClaimsOf(d, &unreadable)) {
    if (!InRange(set.claims)) {
      out.Error("disclosure.split-range",
                fmt::format("{}: a split number that no split can have", set.share_set),
                "ask the manufacturer for a corrected disclosure");
      continue;
    }
    // Certain pairs only. Continents that recover with today's healthy shares also recover with all
    // shares, so the largest published extra goes with every number of continents.
    const std::optional<int64_t> extra = MostExtra(set.claims);
    const std::optional<int64_t> continents = MostContinents(set.claims);
    bool impossible = extra && continents && !PossibleForSplit(*extra, *continents);
    for (const SplitClaim& c : set.claims) {
      impossible =
          impossible || (c.extra && c.continents && !PossibleForSplit(*c.extra, *c.continents));
    }
    if (!impossible) continue;
    std::string message = fmt::format(
        "{}: the published spare shares and continents are impossible under a single set of shares",
        set.share_set);
    if (stated) {
      out.Error("disclosure.split-impossible", message + ", which the disclosure says it is",
                "ask the manufacturer for a corrected disclosure");
    } else {
      out.Warn("disclosure.split-impossible", message,
               "ask the manufacturer how the shares and continents relate");
    }
  }
  for (const Finding& f : unreadable.all()) {
    out.Error("disclosure.split-range", f.message,
              "ask the manufacturer for a corrected disclosure");
  }
  return out;
}

}  // namespace birthmark::disclose
