// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_conclude.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "anchors/trial_plan.h"
#include "cbor/reflect.h"

namespace birthmark::anchors {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TrialBasis BasisAt(uint32_t level) {
  return {"update", level, "ecdsa-p256-sha256", "ecdsa-p256-sha256", true};
}

// Verifier plays a device: it accepts what `accepts` says, and never a forger or a tampered object.
template <class Accepts>
std::vector<TrialResult> Play(uint32_t level, Accepts accepts) {
  std::vector<TrialResult> out;
  for (const TrialSpec& s : PlanTrials(BasisAt(level))) {
    TrialResult r;
    r.spec = s;
    r.accepted = s.right_key && !s.tampered && accepts(s);
    r.verdict = r.accepted ? "accepted" : "refused";
    out.push_back(r);
  }
  return out;
}

TEST(Conclude, StrictDevice) {
  const auto results = Play(3, [](const TrialSpec& s) {
    return s.level == 3 && s.eku && s.subordinate &&
           (s.algorithm == "ecdsa-p256-sha256" || s.algorithm == "rsa-3072-pss-sha256");
  });
  const Conclusion c = Conclude("update", results);
  ASSERT_TRUE(c.sound) << c.unsound;
  EXPECT_EQ(c.level, 3);
  EXPECT_THAT(c.accepted_levels, ElementsAre(3));
  EXPECT_THAT(c.refused_levels, ElementsAre(1, 2, 4));
  EXPECT_EQ(c.level_locked, true);
  EXPECT_THAT(c.algorithms, ElementsAre("ecdsa-p256-sha256", "rsa-3072-pss-sha256"));
  EXPECT_THAT(c.keys, ElementsAre("ecdsa-p256", "rsa-3072"));
  EXPECT_EQ(c.refused_algorithms.size(), TrialAlgorithms().size() - 2);
  EXPECT_THAT(c.lock_policy, ElementsAre("eku", "specific-subordinate"));
  EXPECT_THAT(c.lock_policy_tried,
              ElementsAre("eku", "policy-oid", "specific-subordinate", "subject"));
}

TEST(Conclude, AHostNameLocksNoSignerOut) {
  TrialBasis basis = BasisAt(1);
  basis.tls = true;
  std::vector<TrialResult> results;
  for (const TrialSpec& s : PlanTrials(basis)) {
    const bool host = s.varies == Varies::kHost;
    results.push_back({.spec = s,
                       .object = {},
                       .verdict = "",
                       .accepted = s.right_key && !s.tampered && s.level == 1 && !host});
  }
  const Conclusion c = Conclude("update", results);
  ASSERT_TRUE(c.sound) << c.unsound;
  EXPECT_EQ(c.host_checked, true);
  EXPECT_THAT(c.lock_policy, ElementsAre("none"));
  EXPECT_THAT(c.lock_policy_tried, ElementsAre("eku", "policy-oid", "subject"));
  EXPECT_EQ(c.level_locked, true);
  EXPECT_EQ(Conclude("update", Play(2, [](const TrialSpec&) { return true; })).host_checked,
            std::nullopt);
}

TEST(Conclude, LenientDevice) {
  const Conclusion c = Conclude("update", Play(2, [](const TrialSpec&) { return true; }));
  ASSERT_TRUE(c.sound) << c.unsound;
  EXPECT_EQ(c.level_locked, false);
  EXPECT_THAT(c.accepted_levels, ElementsAre(1, 2, 3));
  EXPECT_THAT(c.lock_policy, ElementsAre("none"));
  EXPECT_THAT(c.algorithms, testing::Contains("rsa-2048-pkcs1-sha1"));
}

TEST(Conclude, LevelOneIsLockedWhenTwoIsRefused) {
  const Conclusion locked =
      Conclude("update", Play(1, [](const TrialSpec& s) { return s.level == 1; }));
  EXPECT_EQ(locked.level_locked, true);
  EXPECT_EQ(locked.level, 1);
  EXPECT_THAT(locked.lock_policy, IsEmpty()) << "nothing was tried";
}

TEST(Conclude, WhatWasNotTriedIsNotConcluded) {
  auto results = Play(3, [](const TrialSpec& s) { return s.level == 3; });
  std::erase_if(results, [](const TrialResult& r) { return r.spec.id == "update/level-4"; });
  EXPECT_EQ(Conclude("update", results).level_locked, std::nullopt);
  std::erase_if(results, [](const TrialResult& r) { return r.spec.varies == Varies::kSubject; });
  EXPECT_THAT(Conclude("update", results).lock_policy_tried,
              ElementsAre("eku", "policy-oid", "specific-subordinate"));
}

TEST(Conclude, UnsoundTrialsProveNothing) {
  auto all = [](const TrialSpec&) { return true; };
  auto results = Play(3, all);
  const auto with = [&](auto change) {
    auto r = results;
    change(r);
    return Conclude("update", r);
  };
  const Conclusion forged = with([](auto& r) {
    for (auto& x : r) x.accepted = x.accepted || !x.spec.right_key;
  });
  EXPECT_FALSE(forged.sound);
  EXPECT_EQ(forged.unsound, "the device accepted update/anchor-key: it does not verify");
  EXPECT_EQ(forged.level, std::nullopt);
  EXPECT_FALSE(with([](auto& r) { r[0].accepted = false; }).sound);
  EXPECT_FALSE(with([](auto& r) { r.erase(r.begin()); }).sound);
  EXPECT_FALSE(with([](auto& r) {
                 std::erase_if(
                     r, [](const TrialResult& x) { return x.spec.tampered || !x.spec.right_key; });
               }).sound);
  EXPECT_FALSE(with([](auto& r) {
                 r.push_back(r[5]);
                 r.back().accepted = !r.back().accepted;
               }).sound);
  EXPECT_FALSE(Conclude("update", {}).sound);
  EXPECT_FALSE(Conclude("another", results).sound);
  EXPECT_TRUE(Conclude("update", results).sound);
}

TEST(TrialResult, RoundTripsThroughCbor) {
  for (const TrialResult& r : Play(3, [](const TrialSpec& s) { return s.eku; })) {
    const auto again = cbor::FromCbor<TrialResult>(cbor::ToCbor(r));
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ(*again, r);
  }
}

}  // namespace
}  // namespace birthmark::anchors
