// SPDX-License-Identifier: Apache-2.0
#include "disclose/leak_guard.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace birthmark::disclose {
namespace {

using K = std::vector<int64_t>;

SplitClaim Claim(std::optional<int64_t> extra, std::optional<int64_t> continents,
                 std::string source = "declared") {
  return {std::move(source), extra, continents};
}

K Thresholds(std::vector<SplitClaim> claims, SplitModel model = SplitModel::kSingleSet,
             SplitPreset preset = SplitPreset::kNone) {
  K out;
  for (const Split& s : PossibleSplits(claims, model, preset)) {
    if (out.empty() || out.back() != s.k) out.push_back(s.k);
  }
  return out;
}

Findings GuardOf(std::vector<SplitClaim> claims, SplitModel model = SplitModel::kSingleSet,
                 SplitPreset preset = SplitPreset::kNone) {
  return Guard({"share-set:root", std::move(claims), model, preset});
}

answer::Answer SplitAnswer(std::string question, int64_t declared,
                           std::string subject = "share-set:root") {
  answer::Answer a;
  a.question = std::move(question);
  a.subject = std::move(subject);
  a.state = "answered";
  a.declared = answer::Declared{"2026-11-01", "PKI operator", cbor::Value(declared), {}};
  return a;
}

Disclosure Publishing(std::optional<int64_t> extra, std::optional<int64_t> continents) {
  Disclosure d;
  d.product.id = "acme/bmc";
  if (extra) d.answers.push_back(SplitAnswer("identity-shared-split-extra", *extra));
  if (continents) d.answers.push_back(SplitAnswer("identity-shared-split-continents", *continents));
  return d;
}

TEST(LeakGuard, SingleSetTable) {
  EXPECT_EQ(Thresholds({Claim(2, 3)}), K({1}));  // no threshold at all
  EXPECT_EQ(Thresholds({Claim(3, 3)}), K({1}));
  EXPECT_EQ(Thresholds({Claim(4, 3)}), K({1, 2}));
  EXPECT_EQ(Thresholds({Claim(1, 3)}), K({}));
  EXPECT_EQ(Thresholds({Claim(0, 2)}), K({}));
  EXPECT_EQ(Thresholds({Claim(4, 2)}), K({1, 2, 3, 4}));
  EXPECT_EQ(Thresholds({Claim(12, 7)}), K({1, 2}));
}

TEST(LeakGuard, BoundIsExtraOverContinentsLessOne) {
  for (int64_t c = 2; c <= kContinents; ++c) {
    for (int64_t e = 0; e <= 60; ++e) {
      const K k = Thresholds({Claim(e, c)});
      const int64_t bound = std::min(e / (c - 1), kMaxThreshold);
      ASSERT_EQ(static_cast<int64_t>(k.size()), bound) << e << " " << c;
    }
  }
}

TEST(LeakGuard, OneContinentBoundsNothing) {
  EXPECT_EQ(Thresholds({Claim(0, 1)}).size(), static_cast<size_t>(kMaxThreshold));
  EXPECT_EQ(Thresholds({Claim(5, 1)}), Thresholds({Claim(5, {})}));
}

TEST(LeakGuard, NoContinentMeansEachHoldsLessThanTheThreshold) {
  // n <= 7(k-1) with n = k+e: k >= (e+7)/6.
  EXPECT_EQ(Thresholds({Claim(0, 0)}).front(), 2);
  EXPECT_EQ(Thresholds({Claim(5, 0)}).front(), 2);
  EXPECT_EQ(Thresholds({Claim(6, 0)}).front(), 3);
}

TEST(LeakGuard, SharesFollowFromTheExtra) {
  EXPECT_EQ(PossibleSplits(std::vector{Claim(4, 3)}, SplitModel::kSingleSet),
            (std::vector<Split>{{1, 5}, {2, 6}}));
}

TEST(LeakGuard, ContinentsAloneLeaveSharesOpen) {
  const std::vector<Split> splits =
      PossibleSplits(std::vector{Claim({}, 3)}, SplitModel::kSingleSet);
  EXPECT_EQ(Thresholds({Claim({}, 3)}).size(), static_cast<size_t>(kMaxThreshold));
  EXPECT_TRUE(
      std::all_of(splits.begin(), splits.end(), [](const Split& s) { return s.n >= 3 * s.k; }));
  EXPECT_TRUE(GuardOf({Claim({}, 3)}).empty());
}

TEST(LeakGuard, OtherModelsAreNotBoundByContinents) {
  EXPECT_EQ(Thresholds({Claim(0, 2)}, SplitModel::kSetPerContinent).size(),
            static_cast<size_t>(kMaxThreshold));
  EXPECT_EQ(Thresholds({Claim(2, 3)}, SplitModel::kCopies).size(),
            static_cast<size_t>(kMaxThreshold));
  EXPECT_EQ(Thresholds({Claim(2, 3)}, SplitModel::kThreshold), K({1}));
}

TEST(LeakGuard, PresetsGiveTheThresholdAway) {
  EXPECT_EQ(Thresholds({Claim(4, {})}, SplitModel::kSingleSet, SplitPreset::kMajority), K({5}));
  EXPECT_EQ(Thresholds({Claim(4, 2)}, SplitModel::kSingleSet, SplitPreset::kPerContinent), K({4}));
  EXPECT_EQ(Thresholds({Claim(6, 3)}, SplitModel::kSingleSet, SplitPreset::kPerContinent), K({3}));
  EXPECT_TRUE(GuardOf({Claim(4, {})}).empty());
  EXPECT_TRUE(
      GuardOf({Claim(4, {})}, SplitModel::kSingleSet, SplitPreset::kMajority).Has("leak.narrow"));
  EXPECT_TRUE(GuardOf({Claim(40, 2)}, SplitModel::kSingleSet, SplitPreset::kPerContinent)
                  .Has("leak.narrow"));
}

TEST(LeakGuard, RefusesWhatLeavesTooFewThresholds) {
  for (auto [e, c] : {std::pair{0, 2}, {2, 3}, {3, 3}, {4, 3}, {5, 3}, {7, 3}, {2, 2}, {3, 2}}) {
    EXPECT_TRUE(GuardOf({Claim(e, c)}).Has("leak.narrow")) << e << " " << c;
  }
  for (auto [e, c] : {std::pair{4, 2}, {8, 3}, {24, 7}}) {
    EXPECT_FALSE(GuardOf({Claim(e, c)}).HasErrors()) << e << " " << c;
    EXPECT_TRUE(GuardOf({Claim(e, c)}).Has("leak.narrowed")) << e << " " << c;
  }
}

TEST(LeakGuard, CrossesNumbersThatDifferentSourcesGiveAlone) {
  EXPECT_FALSE(GuardOf({Claim(2, {})}).HasErrors());
  EXPECT_TRUE(GuardOf({Claim(2, {}), Claim({}, 3, "disclosure 1")}).Has("leak.narrow"));
}

TEST(LeakGuard, KeepsEachSourcesPairTogether) {
  // Cards die: declared 8 spare on 2 continents, 1 spare and no continent proven today.
  EXPECT_EQ(Thresholds({Claim(8, 2), Claim(1, 0, "attested")}), K({2, 3, 4, 5, 6, 7, 8}));
}

TEST(LeakGuard, RefusesNumbersOutOfRange) {
  EXPECT_TRUE(GuardOf({Claim(-1, {})}).Has("leak.range"));
  EXPECT_TRUE(GuardOf({Claim({}, 8)}).Has("leak.range"));
  EXPECT_TRUE(GuardOf({Claim(1001, {})}).Has("leak.range"));
}

TEST(LeakGuard, WordsAreTheSameWhateverTheCauseWas) {
  auto words = [](Findings f) { return f.ToString(); };
  const std::string narrow = words(GuardOf({Claim(2, 3)}));
  EXPECT_EQ(narrow, words(GuardOf({Claim(4, 3)})));
  EXPECT_EQ(narrow, words(GuardOf({Claim(4, {})}, SplitModel::kSingleSet, SplitPreset::kMajority)));
  EXPECT_EQ(words(GuardOf({Claim(4, 2)})), words(GuardOf({Claim(9, 2)})));
  EXPECT_EQ(words(GuardOf({Claim(9, 2)})).find_first_of("0123456789"), std::string::npos);
}

TEST(LeakGuard, WarnsThatReadersWillThinkOfASingleSet) {
  EXPECT_TRUE(GuardOf({Claim(0, 2)}, SplitModel::kSetPerContinent).Has("leak.model"));
}

TEST(GuardDisclosure, NothingToInferWithoutASplit) {
  Disclosure d = Publishing({}, {});
  answer::Answer a;
  a.question = "identity-shared-split-extra";
  a.state = "not-applicable";
  a.why = "root is not split";
  d.answers.push_back(a);
  const GuardResult r = GuardDisclosure(d, {}, SplitModel::kSingleSet);
  EXPECT_FALSE(r.refused());
  EXPECT_EQ(r.words, "root is not split; nothing to infer");
}

TEST(GuardDisclosure, CountsEarlierDisclosuresOfTheProduct) {
  const Disclosure before = Publishing({}, 3), next = Publishing(2, {});
  EXPECT_FALSE(GuardDisclosure(next, {}, SplitModel::kSingleSet).refused());
  EXPECT_TRUE(GuardDisclosure(next, std::vector{before}, SplitModel::kSingleSet).refused());
}

TEST(GuardDisclosure, CountsOtherProductsUnderTheSameRootAlone) {
  Disclosure other = Publishing({}, 3), next = Publishing(2, {});
  other.product.id = "acme/bulb";
  other.answers[0].subject = "share-set:lamps";
  other.pkis.push_back({.id = "identity", .anchor_digest = Digest{1}});
  next.pkis.push_back({.id = "identity", .anchor_digest = Digest{2}});
  EXPECT_FALSE(GuardDisclosure(next, std::vector{other}, SplitModel::kSingleSet).refused());
  next.pkis[0].anchor_digest = Digest{1};
  EXPECT_TRUE(GuardDisclosure(next, std::vector{other}, SplitModel::kSingleSet).refused());
}

TEST(GuardDisclosure, CrossesDeclaredAndAttested) {
  Disclosure d = Publishing(2, {});
  answer::Answer a = SplitAnswer("identity-shared-split-continents", 0);
  a.declared.reset();
  a.measured.emplace();
  a.measured->basis = "attested";
  a.measured->value = cbor::Value(3);
  d.answers.push_back(a);
  EXPECT_TRUE(GuardDisclosure(d, {}, SplitModel::kSingleSet).refused());
}

TEST(GuardDisclosure, RefusesAValueItCannotJudge) {
  Disclosure d = Publishing(4, {});
  d.answers[0].declared->value = cbor::Value("about four");
  EXPECT_TRUE(GuardDisclosure(d, {}, SplitModel::kSingleSet).findings.Has("leak.not-a-number"));
}

TEST(ImpossibleClaims, FailsOnlyWhenTheModelIsStated) {
  Disclosure d = Publishing(2, 3);
  EXPECT_TRUE(ImpossibleClaims(d).Has("disclosure.split-impossible"));
  EXPECT_FALSE(ImpossibleClaims(d).HasErrors());
  d.split_model = "single-set";
  EXPECT_TRUE(ImpossibleClaims(d).HasErrors());
  d.split_model = "set-per-continent";
  EXPECT_FALSE(ImpossibleClaims(d).HasErrors());
}

TEST(ImpossibleClaims, SaysNothingOfPossibleOnes) {
  EXPECT_TRUE(ImpossibleClaims(Publishing(4, 3)).empty());
  EXPECT_TRUE(ImpossibleClaims(Publishing(0, 1)).empty());
  EXPECT_TRUE(ImpossibleClaims(Publishing({}, 5)).empty());
  EXPECT_TRUE(ImpossibleClaims(Publishing(0, 2)).Has("disclosure.split-impossible"));
  EXPECT_TRUE(ImpossibleClaims(Publishing(-1, {})).Has("disclosure.split-range"));
}

}  // namespace
}  // namespace birthmark::disclose
