// SPDX-License-Identifier: Apache-2.0
#include "custody/dkg.h"

#include <array>

#include "crypto/digest.h"
#include "custody/message.h"
#include "custody/test_custody.h"

namespace birthmark::custody {
namespace {

// Run holds three parties that make a key together, 2 of 3.
class DkgTest : public testing::Test {
 protected:
  void SetUp() override {
    terms_ = {.set = Bytes(16, 7), .parties = {1, 2, 3}, .threshold = 2};
    for (uint16_t i = 1; i <= 3; ++i) {
      parties_.push_back(DkgParty::Start(terms_, i, rng_).value());
      first_.push_back(parties_.back().round1());
    }
  }
  // Mail is everybody's parts, sorted by receiver.
  std::vector<std::vector<DkgRound2>> Mail() {
    std::vector<std::vector<DkgRound2>> mail(3);
    for (DkgParty& p : parties_) {
      std::vector<DkgRound2> sent = p.Deal(first_).value();
      for (DkgRound2& m : sent) mail[m.to - 1].push_back(std::move(m));
    }
    return mail;
  }
  SeededRng rng_;
  DkgTerms terms_;
  std::vector<DkgParty> parties_;
  std::vector<DkgRound1> first_;
};

TEST_F(DkgTest, PartiesThatOnlyExchangeFilesHaveOneKey) {
  std::vector<DkgRound1> received;
  for (const DkgRound1& m : first_)
    received.insert(received.begin(), FromArmor<DkgRound1>(ToArmor(m)).value());
  first_ = received;  // in another order
  std::vector<std::vector<DkgRound2>> mail(3);
  for (DkgParty& p : parties_) {
    const std::vector<DkgRound2> sent = p.Deal(first_).value();
    for (const DkgRound2& m : sent)
      mail[m.to - 1].push_back(FromArmor<DkgRound2>(ToArmor(m)).value());
  }
  std::vector<Share> shares;
  std::vector<ShareSet> sets;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(parties_[i].transcript(), parties_[0].transcript());
    Held held = parties_[i].Finish(mail[i]).value();
    shares.push_back(std::move(held.share));
    sets.push_back(std::move(held.set));
    EXPECT_EQ(sets.back(), sets.front());
  }
  EXPECT_TRUE(CheckSet(sets[0]));
  const SecretBytes key = Recover(Pick(shares, {0, 2}), sets[0]).value().key;
  EXPECT_TRUE(key == Recover(Pick(shares, {1, 2}), sets[0])->key);
}

TEST_F(DkgTest, KeyIsTheSumOfAllParts) {
  auto mail = Mail();
  const Held held = parties_[0].Finish(mail[0]).value();
  Point sum;
  for (const DkgRound1& m : first_) sum = sum + Point::FromOctets(m.commitments[0]).value();
  EXPECT_EQ(held.set.key, sum.ToBytes());
}

TEST_F(DkgTest, CheatersOfTheFirstRoundAreNamed) {
  const auto deal = [&](void (*change)(std::vector<DkgRound1>&)) {
    std::vector<DkgRound1> all = first_;
    change(all);
    DkgParty honest = DkgParty::Start(terms_, 1, rng_).value();
    all[0] = honest.round1();
    const auto r = honest.Deal(all);
    return CodeOf(r) + ": " + MessageOf(r);
  };
  const auto expect = [&](void (*change)(std::vector<DkgRound1>&), const char* code,
                          const char* party) {
    const std::string said = deal(change);
    EXPECT_TRUE(said.starts_with(std::string(code) + ": " + party)) << said << " / " << code;
  };
  expect([](auto& a) { a[1].proof[40] ^= 1; }, "dkg.proof", "party 2");
  expect([](auto& a) { a[2].commitments[0] = a[1].commitments[0]; }, "dkg.proof", "party 3");
  // Another party's proof, and its key that nobody is to seal to any more.
  expect([](auto& a) { a[2] = a[1], a[2].index = 3; }, "dkg.proof", "party 3");
  expect([](auto& a) { a[1].box[0] ^= 1; }, "dkg.proof", "party 2");
  expect([](auto& a) { a[1].commitments[1] = a[2].commitments[1]; }, "dkg.proof", "party 2");
  expect([](auto& a) { a[1].commitments.pop_back(); }, "dkg.malformed", "party 2");
  expect([](auto& a) { a[1].commitments[0] = Bytes(32); }, "dkg.malformed", "party 2");
  expect([](auto& a) { a[1].proof.clear(); }, "dkg.malformed", "party 2");
  expect([](auto& a) { a[1].sign[0] ^= 1; }, "dkg.proof", "party 2");
  expect([](auto& a) { a[1].sign.pop_back(); }, "dkg.malformed", "party 2");
  expect([](auto& a) { a[1].set[0] ^= 1; }, "dkg.foreign", "the first message of party 2");
  expect([](auto& a) { a[1].index = 9; }, "dkg.missing", "party 2");
  expect([](auto& a) { a[1].index = 0; }, "dkg.malformed", "party 0");
  expect([](auto& a) { a[2] = a[1]; }, "dkg.duplicate", "party 2");
  expect([](auto& a) { a.pop_back(); }, "dkg.missing", "party 3");
}

TEST_F(DkgTest, RogueKeyThatCancelsTheOthersIsRefused) {
  // Party 3 waits for the others and commits to what makes the key its own: it has no proof then.
  const Scalar own = Scalar::FromInt(5);
  Point wanted = Point::Base(own);
  for (size_t i = 0; i < 2; ++i)
    wanted = wanted - Point::FromOctets(first_[i].commitments[0]).value();
  first_[2].commitments[0] = wanted.ToBytes();
  const auto r = parties_[0].Deal(first_);
  EXPECT_EQ(CodeOf(r), "dkg.proof");
  EXPECT_TRUE(r.error().message.starts_with("party 3"));
}

TEST_F(DkgTest, OwnMessageAlteredOnTheWayIsSeen) {
  first_[0] = DkgParty::Start(terms_, 1, rng_)->round1();
  const auto r = parties_[0].Deal(first_);
  EXPECT_EQ(CodeOf(r), "dkg.malformed");
  EXPECT_TRUE(r.error().message.starts_with("party 1"));
}

TEST_F(DkgTest, CheatersOfTheSecondRoundAreNamed) {
  auto mail = Mail();
  const auto finish = [&](std::vector<DkgRound2> parts) {
    const auto r = parties_[0].Finish(parts);
    return CodeOf(r) + ": " + MessageOf(r).substr(0, 7);
  };
  std::vector<DkgRound2> good = mail[0];
  ASSERT_EQ(good.size(), 2u);
  EXPECT_EQ(finish({good[0]}), "dkg.missing: party 3");
  EXPECT_EQ(finish({}), "dkg.missing: party 2");
  EXPECT_EQ(finish({good[0], good[0]}), "dkg.duplicate: party 2");
  // What a carrier changes is not the sender's doing.
  auto bad = good;
  bad[1].sealed[50] ^= 1;
  EXPECT_EQ(finish(bad), "dkg.signature: the par");
  bad = good;
  std::swap(bad[0].sealed, bad[1].sealed);
  EXPECT_EQ(finish(bad), "dkg.signature: the par");
  bad = good;
  bad[0].transcript[0] ^= 1;
  EXPECT_EQ(finish(bad), "dkg.signature: the par");
  bad = good;
  bad[0] = mail[1][0];  // what party 1 sent to party 2
  EXPECT_EQ(finish(bad), "dkg.malformed: party 1");
  bad = good;
  bad[0].set[0] ^= 1;
  EXPECT_EQ(finish(bad), "dkg.foreign: the par");
  EXPECT_TRUE(finish(good).starts_with("accepted"));
}

TEST_F(DkgTest, PartThatFitsNoCommitmentIsNamedThoughItOpensAndIsSigned) {
  // Party 2 has the keys of its first message and deals by another polynomial.
  auto mail = Mail();
  const SecretBytes kept = parties_[1].ToOctets();
  const SessionKey sign = SessionKey::FromSeed(kept.Read(SecretAccess()).subspan(32, 32));
  DkgRound2& lie = mail[0][0];
  ASSERT_EQ(lie.from, 2);
  const std::array<uint8_t, 4> way{0, 2, 0, 1};
  const Digest context = crypto::Sha256(AsBytes("birthmark custody dkg part v1"),
                                        parties_[0].transcript(), ByteView(way));
  lie.sealed = SealPart(Scalar::FromInt(7), first_[0].box, context).value();
  lie.signature.clear();
  Bytes said = ToBytes("birthmark custody dkg message v1");
  const Bytes fields = cbor::ToCbor(lie);
  said.insert(said.end(), fields.begin(), fields.end());
  lie.signature = sign.Sign(said);
  const auto r = parties_[0].Finish(mail[0]);
  EXPECT_EQ(CodeOf(r), "dkg.share");
  EXPECT_TRUE(r.error().message.starts_with("party 2"));
}

TEST_F(DkgTest, PartyThatSawOtherFirstMessagesIsNamed) {
  // Party 2 was given another first message of party 3 than party 1 was.
  std::vector<DkgRound1> other = first_;
  other[2] = DkgParty::Start(terms_, 3, rng_)->round1();
  auto sent = parties_[1].Deal(other).value();
  ASSERT_TRUE(parties_[0].Deal(first_));
  ASSERT_NE(parties_[0].transcript(), parties_[1].transcript());
  const auto r = parties_[0].Finish(std::vector<DkgRound2>{sent[0]});
  EXPECT_EQ(CodeOf(r), "dkg.stale");
  EXPECT_TRUE(r.error().message.starts_with("party 2"));
}

TEST_F(DkgTest, KeptPartyGoesOnAndNoOther) {
  const SecretBytes kept = parties_[0].ToOctets();
  const ByteView octets = kept.Read(SecretAccess());
  DkgParty back = DkgParty::Restore(terms_, first_[0], octets).value();
  auto mail = Mail();
  ASSERT_TRUE(back.Deal(first_));
  EXPECT_TRUE(EqualSecret(back.Finish(mail[0])->share.value.Read(SecretAccess()),
                          parties_[0].Finish(mail[0])->share.value.Read(SecretAccess())));
  const auto restore = [&](DkgTerms terms, const DkgRound1& own, ByteView secret) {
    return CodeOf(DkgParty::Restore(std::move(terms), own, secret));
  };
  EXPECT_EQ(restore(terms_, first_[1], octets), "dkg.kept");
  EXPECT_EQ(restore(terms_, first_[0], octets.first(octets.size() - 1)), "dkg.kept");
  for (size_t at : {size_t{0}, size_t{40}, octets.size() - 32}) {
    Bytes changed(octets.begin(), octets.end());
    changed[at] ^= 8;
    EXPECT_EQ(restore(terms_, first_[0], changed), "dkg.kept") << at;
  }
  DkgTerms other = terms_;
  other.rehearsal = true;
  EXPECT_EQ(restore(other, first_[0], octets), "dkg.kept") << "the proof is bound to the terms";
  other.name = "../etc";
  EXPECT_EQ(restore(other, first_[0], octets), "dkg.name");
}

TEST_F(DkgTest, StepsHaveTheirOrder) {
  EXPECT_EQ(CodeOf(parties_[0].Finish({})), "dkg.order");
  auto mail = Mail();
  EXPECT_EQ(CodeOf(parties_[0].Deal(first_)), "dkg.order");
  EXPECT_TRUE(parties_[0].Finish(mail[0]));
  EXPECT_EQ(CodeOf(parties_[0].Finish(mail[0])), "dkg.order");
  EXPECT_EQ(CodeOf(DkgParty::Start(terms_, 0, rng_)), "custody.index");
  EXPECT_EQ(CodeOf(DkgParty::Start(terms_, 4, rng_)), "custody.index");
  EXPECT_EQ(CodeOf(DkgParty::Start({.set = Bytes(15), .parties = {1, 2}, .threshold = 2}, 1, rng_)),
            "share.set");
}

TEST_F(DkgTest, TermsNameEachPartyOnce) {
  const auto start = [&](std::vector<uint16_t> parties) {
    return CodeOf(DkgParty::Start({.set = Bytes(16), .parties = parties, .threshold = 2}, 7, rng_));
  };
  EXPECT_EQ(start({7, 9, 255}), "accepted");
  EXPECT_EQ(start({7, 7, 9}), "custody.index");
  EXPECT_EQ(start({9, 7}), "custody.index");
  EXPECT_EQ(start({0, 7}), "custody.index");
  EXPECT_EQ(start({7, 256}), "custody.index");
  EXPECT_EQ(start({6, 8}), "custody.index");
  EXPECT_EQ(start({7}), "share.threshold");
}

TEST(SealedBoxTest, OpensForItsReceiverAndContextAlone) {
  SeededRng rng;
  const BoxKey a = BoxKey::Make(rng), b = BoxKey::Make(rng);
  const Scalar part = Scalar::Random(rng);
  const Digest context = crypto::Sha256(AsBytes("run")), other = crypto::Sha256(AsBytes("other"));
  Bytes sealed = SealPart(part, a.point, context).value();
  EXPECT_EQ(OpenPart(sealed, a, context).value(), part);
  EXPECT_EQ(CodeOf(OpenPart(sealed, b, context)), "box.broken");
  EXPECT_EQ(CodeOf(OpenPart(sealed, a, other)), "box.broken");
  sealed.back() ^= 1;
  EXPECT_EQ(CodeOf(OpenPart(sealed, a, context)), "box.broken");
  sealed.pop_back();
  EXPECT_EQ(CodeOf(OpenPart(sealed, a, context)), "box.broken");
  EXPECT_EQ(CodeOf(SealPart(part, Bytes(32), context)), "box.key") << "a point of small order";
  EXPECT_EQ(CodeOf(SealPart(part, Bytes(31), context)), "box.key");
}

}  // namespace
}  // namespace birthmark::custody
