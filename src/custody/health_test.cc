// SPDX-License-Identifier: Apache-2.0
#include "custody/health.h"

#include "custody/group.h"
#include "custody/message.h"
#include "custody/test_custody.h"

namespace birthmark::custody {
namespace {

class HealthTest : public testing::Test {
 protected:
  SeededRng rng_;
  Dealt dealt_ = Deal(3, 5, rng_).value();
  Bytes statement_ = RoundStatement(Bytes(32, 9), *ParseTime("2026-11-22T10:00:00Z")).value();
  ShareProof proof_ = ProveShare(dealt_.shares[1], statement_, rng_).value();
};

TEST_F(HealthTest, EveryHolderProvesTheOwnShareAndNoOther) {
  for (const Share& s : dealt_.shares) {
    const ShareProof made = ProveShare(s, statement_, rng_).value();
    const ShareProof p = FromArmor<ShareProof>(ToArmor(made)).value();
    for (const HolderKey& h : dealt_.set.holders) {
      EXPECT_EQ(CodeOf(CheckProof(dealt_.set, h.index, statement_, p)),
                h.index == s.index ? "accepted" : "proof.index");
    }
    ShareProof renumbered = p;
    renumbered.index = s.index % 5 + 1;
    EXPECT_EQ(CodeOf(CheckProof(dealt_.set, renumbered.index, statement_, renumbered)),
              "proof.wrong");
  }
}

TEST_F(HealthTest, StatementIsTheRoundAndTheDay) {
  EXPECT_EQ(AsText(statement_),
            "birthmark share health\nround " + ToHex(Bytes(32, 9)) + "\ndate 2026-11-22\n");
  const Time now = *ParseTime("2026-11-22T10:00:00Z");
  EXPECT_EQ(CodeOf(RoundStatement(Bytes(15), now)), "proof.statement");
  EXPECT_EQ(CodeOf(RoundStatement(Bytes(65), now)), "proof.statement");
}

TEST_F(HealthTest, WrongShareAndChangedProofsAreRefused) {
  const auto check = [&](const ShareProof& p) {
    return CodeOf(CheckProof(dealt_.set, 2, statement_, p));
  };
  EXPECT_EQ(check(proof_), "accepted");
  EXPECT_EQ(check(ProveShare(Wrong(dealt_.shares[1]), statement_, rng_).value()), "proof.wrong");
  ShareProof p = proof_;
  p.proof[32] ^= 1;
  EXPECT_EQ(check(p), "proof.wrong");
  p = proof_;
  p.proof[63] |= 0xf0;
  EXPECT_EQ(check(p), "proof.malformed");
  p = proof_;
  std::fill(p.proof.begin(), p.proof.begin() + 32, 0);
  EXPECT_EQ(check(p), "proof.malformed");
  p = proof_;
  p.proof.pop_back();
  EXPECT_EQ(check(p), "proof.malformed");
  p = proof_;
  p.statement[0] ^= 1;
  EXPECT_EQ(check(p), "proof.statement");
  EXPECT_EQ(CodeOf(CheckProof(dealt_.set, 6, statement_, proof_)), "proof.index");
}

TEST_F(HealthTest, ProofOfAnEarlierRoundDoesNotServeAgain) {
  const Bytes later = RoundStatement(Bytes(32, 8), *ParseTime("2026-12-22T10:00:00Z")).value();
  EXPECT_EQ(CodeOf(CheckProof(dealt_.set, 2, later, proof_)), "proof.statement");
  ShareProof p = proof_;
  p.statement = later;
  EXPECT_EQ(CodeOf(CheckProof(dealt_.set, 2, later, p)), "proof.wrong");
}

TEST_F(HealthTest, ProofsOfOtherSetsAndGenerationsAreNamed) {
  const Dealt other = Deal(3, 5, rng_).value();
  EXPECT_EQ(CodeOf(CheckProof(other.set, 2, statement_, proof_)), "share.foreign");
  const Dealt next = Reshare(dealt_.shares, dealt_.set, 3, 5, rng_).value();
  EXPECT_EQ(CodeOf(CheckProof(next.set, 2, statement_, proof_)), "share.stale");
  const ShareProof ahead = ProveShare(next.shares[1], statement_, rng_).value();
  EXPECT_EQ(CodeOf(CheckProof(dealt_.set, 2, statement_, ahead)), "share.ahead");
  ShareProof p = proof_;
  p.generation = 2;
  EXPECT_EQ(CodeOf(CheckProof(next.set, 2, statement_, p)), "proof.wrong");
}

TEST_F(HealthTest, StatementsHaveBounds) {
  EXPECT_EQ(CodeOf(ProveShare(dealt_.shares[0], {}, rng_)), "proof.statement");
  EXPECT_EQ(CodeOf(ProveShare(dealt_.shares[0], Bytes(4097), rng_)), "proof.statement");
  Share bad = CopyOf(dealt_.shares[0]);
  bad.index = 0;
  EXPECT_EQ(CodeOf(ProveShare(bad, statement_, rng_)), "share.mistyped");
}

TEST_F(HealthTest, RepeatedRandomnessDoesNotRepeatTheNonce) {
  // Two responses over one nonce would give the share away.
  SeededRng a, b;
  const ShareProof x = ProveShare(dealt_.shares[0], AsBytes("one"), a).value();
  const ShareProof y = ProveShare(dealt_.shares[0], AsBytes("two"), b).value();
  EXPECT_FALSE(std::equal(x.proof.begin(), x.proof.begin() + 32, y.proof.begin()));
}

}  // namespace
}  // namespace birthmark::custody
