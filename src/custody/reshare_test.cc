// SPDX-License-Identifier: Apache-2.0
#include "custody/reshare.h"

#include "custody/message.h"
#include "custody/sharing.h"
#include "custody/test_custody.h"

namespace birthmark::custody {
namespace {

class ReshareTest : public testing::Test {
 protected:
  void SetUp() override {
    for (uint16_t i : {2, 4, 6, 8}) receivers_.push_back(ReshareReceiver::Start(i, rng_).value());
    std::vector<Receiver> keys;
    for (const auto& r : receivers_) keys.push_back(r.receiver());
    const std::vector<uint16_t> dealers = {5, 1, 3};
    terms_ = MakeTerms(old_.set, dealers, keys, 2).value();
    for (size_t i : {0, 2, 4}) dealings_.push_back(DealOn(old_.shares[i], terms_, rng_).value());
  }
  SecretBytes KeyOf(const Dealt& d, const std::vector<size_t>& at) {
    return std::move(Recover(Pick(d.shares, at), d.set).value().key);
  }
  SeededRng rng_;
  Dealt old_ = DistributedKey(3, 5, rng_).value();
  std::vector<ReshareReceiver> receivers_;
  ReshareTerms terms_;
  std::vector<Dealing> dealings_;
};

TEST_F(ReshareTest, KeyStaysWhileHoldersAndThresholdChange) {
  const SecretBytes key = KeyOf(old_, {0, 1, 2});
  Dealt now = std::move(old_);
  uint32_t generation = 1;
  for (const auto& [k, n] :
       {std::pair<uint16_t, uint16_t>{4, 7}, {2, 2}, {2, 9}, {5, 9}, {5, 5}, {3, 4}}) {
    Dealt next = Reshare(now.shares, now.set, k, n, rng_).value();
    EXPECT_TRUE(CheckSet(next.set));
    EXPECT_EQ(next.set.generation, ++generation);
    EXPECT_EQ(next.set.threshold, k);
    EXPECT_EQ(next.set.holders.size(), n);
    EXPECT_EQ(next.set.key, now.set.key);
    EXPECT_EQ(next.set.set, now.set.set);
    EXPECT_TRUE(Recover(next.shares, next.set)->key == key);
    for (const Share& s : now.shares) EXPECT_EQ(CodeOf(CheckShare(s, next.set)), "share.stale");
    now = std::move(next);
  }
}

TEST_F(ReshareTest, OldAndNewSharesDoNotMix) {
  const Dealt next = Reshare(old_.shares, old_.set, 3, 5, rng_).value();
  std::vector<Share> mixed = Pick(old_.shares, {0, 1});
  mixed.push_back(CopyOf(next.shares[2]));
  EXPECT_EQ(CodeOf(Recover(mixed, next.set)), "share.too-few");
  // Even where nobody looks at generations: the values lie on different polynomials.
  for (Share& s : mixed) s.generation = 1;
  const Result<Recovered> r = Recover(mixed, old_.set);
  EXPECT_EQ(CodeOf(r), "share.too-few");
  EXPECT_NE(r.error().message.find("share 3: share.wrong"), std::string::npos);
}

TEST_F(ReshareTest, HoldersThatStayKeepTheirIndex) {
  const std::vector<uint16_t> stay = {1, 2, 5, 17};
  const Dealt next = ReshareTo(old_.shares, old_.set, 3, stay, rng_).value();
  std::vector<uint16_t> got;
  for (const HolderKey& h : next.set.holders) got.push_back(h.index);
  EXPECT_EQ(got, stay);
  EXPECT_TRUE(KeyOf(next, {0, 2, 3}) == KeyOf(old_, {0, 1, 2}));
  const std::vector<uint16_t> twice = {1, 2, 2}, zero = {0, 1, 2};
  EXPECT_EQ(CodeOf(ReshareTo(old_.shares, old_.set, 2, twice, rng_)), "reshare.terms");
  EXPECT_EQ(CodeOf(ReshareTo(old_.shares, old_.set, 2, zero, rng_)), "custody.index");
}

TEST_F(ReshareTest, BadSharesAreSetAsideWhileEnoughRemain) {
  std::vector<Share> brought = Pick(old_.shares, {0, 1, 2, 3});
  brought[0] = Wrong(brought[0]);
  EXPECT_TRUE(Reshare(brought, old_.set, 2, 3, rng_));
  brought[1] = Wrong(brought[1]);
  const auto r = Reshare(brought, old_.set, 2, 3, rng_);
  EXPECT_EQ(CodeOf(r), "share.too-few");
  EXPECT_NE(r.error().message.find("share 2: share.wrong"), std::string::npos);
}

TEST_F(ReshareTest, MessagesBetweenMachinesGiveTheSameKey) {
  const ReshareTerms terms = FromArmor<ReshareTerms>(ToArmor(terms_)).value();
  std::vector<Dealing> received;
  for (const Dealing& d : dealings_) {
    received.insert(received.begin(), FromArmor<Dealing>(ToArmor(d)).value());
  }
  Dealt next{.set = receivers_.front().Finish(received, terms, old_.set)->set};
  for (const ReshareReceiver& r : receivers_) {
    Held held = r.Finish(received, terms, old_.set).value();
    EXPECT_EQ(held.set, next.set);
    next.shares.push_back(std::move(held.share));
  }
  EXPECT_TRUE(KeyOf(next, {1, 3}) == KeyOf(old_, {0, 1, 2}));
}

TEST_F(ReshareTest, MessagesWithOtherFieldsAreRefused) {
  const Bytes good = cbor::ToCbor(terms_);
  cbor::Value more = cbor::Decode(good).value();
  cbor::Map map = *more.AsMap();
  map.emplace_back("note", "added by somebody");
  const auto armor = [](const Bytes& der) { return crypto::WritePem(ReshareTerms::kLabel, der); };
  EXPECT_EQ(CodeOf(FromArmor<ReshareTerms>(armor(good))), "accepted");
  EXPECT_EQ(CodeOf(FromArmor<ReshareTerms>(armor(cbor::Encode(map)))), "message.fields");
  EXPECT_EQ(CodeOf(FromArmor<Dealing>(armor(good))), "pem.label");
  EXPECT_EQ(CodeOf(FromArmor<ReshareTerms>(std::string(kMaxMessageFile + 1, 'x'))),
            "message.too-large");
}

TEST_F(ReshareTest, CheatingDealersAreNamed) {
  const auto finish = [&](void (*change)(std::vector<Dealing>&)) {
    std::vector<Dealing> d = dealings_;
    change(d);
    const auto r = receivers_[1].Finish(d, terms_, old_.set);
    return CodeOf(r) + ": " + MessageOf(r).substr(0, 8);
  };
  EXPECT_EQ(finish([](auto& d) { d[1].sealed[1][60] ^= 1; }), "reshare.dealing: holder 3");
  EXPECT_EQ(finish([](auto& d) { std::swap(d[1].sealed[0], d[1].sealed[1]); }),
            "reshare.dealing: holder 3");
  EXPECT_EQ(finish([](auto& d) { d[1].commitments[1] = d[0].commitments[1]; }),
            "reshare.dealing: holder 3");
  EXPECT_EQ(finish([](auto& d) { d[2].commitments[0] = d[0].commitments[0]; }),
            "reshare.dealing: holder 5");
  EXPECT_EQ(finish([](auto& d) { d[2].commitments.push_back(d[0].commitments[0]); }),
            "reshare.dealing: holder 5");
  EXPECT_EQ(finish([](auto& d) { d[0].commitments[0] = Bytes(32); }), "reshare.dealing: holder 1");
  EXPECT_EQ(finish([](auto& d) { d[0].terms[0] ^= 1; }), "reshare.dealing: holder 1");
  EXPECT_EQ(finish([](auto& d) { d[0].sealed.pop_back(); }), "reshare.dealing: holder 1");
  EXPECT_EQ(finish([](auto& d) { d.pop_back(); }), "reshare.missing: holder 5");
  EXPECT_EQ(finish([](auto& d) { d[1] = d[0]; }), "reshare.missing: holder 1");
  EXPECT_EQ(finish([](auto& d) { d.push_back(d[0]), d.back().index = 2; }),
            "reshare.missing: there ar");
  EXPECT_TRUE(finish([](auto&) {}).starts_with("accepted"));
}

TEST_F(ReshareTest, DealerWhoDealsAnotherSecretIsNamed) {
  Share other = Wrong(old_.shares[2]);
  dealings_[1] = DealOn(other, terms_, rng_).value();
  const auto r = receivers_[0].Finish(dealings_, terms_, old_.set);
  EXPECT_EQ(CodeOf(r), "reshare.dealing");
  EXPECT_TRUE(r.error().message.starts_with("holder 3"));
}

TEST_F(ReshareTest, TermsOfAnotherSetOrGenerationAreRefused) {
  EXPECT_EQ(CodeOf(DealOn(old_.shares[1], terms_, rng_)), "reshare.terms") << "2 does not deal";
  ReshareTerms later = terms_;
  later.generation = 2;
  EXPECT_EQ(CodeOf(DealOn(old_.shares[0], later, rng_)), "reshare.terms");
  ReshareTerms other = terms_;
  other.set[0] ^= 1;
  EXPECT_EQ(CodeOf(DealOn(old_.shares[0], other, rng_)), "reshare.terms");
  EXPECT_EQ(CodeOf(receivers_[0].Finish(dealings_, other, old_.set)), "reshare.terms");
  ReshareTerms keyless = terms_;
  keyless.receivers[0].box.pop_back();
  EXPECT_EQ(CodeOf(DealOn(old_.shares[0], keyless, rng_)), "reshare.terms");
  keyless.receivers[0].box = Bytes(32);
  EXPECT_EQ(CodeOf(DealOn(old_.shares[0], keyless, rng_)), "reshare.terms");
  ReshareTerms last = terms_;
  last.generation = kMaxGeneration;
  EXPECT_EQ(CodeOf(DealOn(old_.shares[0], last, rng_)), "share.generation");
  const auto make = [&](std::vector<uint16_t> dealers, uint16_t k) {
    return CodeOf(MakeTerms(old_.set, dealers, terms_.receivers, k));
  };
  EXPECT_EQ(make({1, 2}, 2), "share.too-few");
  EXPECT_EQ(make({1, 2, 2}, 2), "share.duplicate");
  EXPECT_EQ(make({1, 2, 9}, 2), "reshare.terms");
  EXPECT_EQ(make({1, 2, 3}, 1), "share.threshold");
  EXPECT_EQ(make({1, 2, 3}, 5), "share.threshold");
  EXPECT_EQ(make({1, 2, 3, 4}, 4), "accepted");
  // A receiver whose key was exchanged by the coordinator finds out.
  ReshareTerms exchanged = terms_;
  exchanged.receivers[0].box = BoxKey::Make(rng_).point;
  std::vector<Dealing> dealt;
  for (size_t i : {0, 2, 4}) dealt.push_back(DealOn(old_.shares[i], exchanged, rng_).value());
  EXPECT_EQ(CodeOf(receivers_[0].Finish(dealt, exchanged, old_.set)), "reshare.terms");
}

TEST_F(ReshareTest, InterruptedAtAnyStepOldOrNewIsInForceNeverNeither) {
  const SecretBytes key = KeyOf(old_, {0, 1, 2});
  std::vector<Held> held;
  for (const auto& r : receivers_) held.push_back(r.Finish(dealings_, terms_, old_.set).value());
  const ShareSet& next = held[0].set;
  // Every prefix of the steps: none or some of the new holders have proven their shares.
  std::vector<ShareProof> proofs;
  for (size_t done = 0; done <= held.size(); ++done) {
    const Status may = MaySwitch(old_.set, next, proofs);
    EXPECT_TRUE(KeyOf(old_, {2, 3, 4}) == key) << "the old generation is never harmed";
    if (done == held.size()) {
      EXPECT_TRUE(may);
      break;
    }
    EXPECT_EQ(CodeOf(may), "reshare.unproven") << done;
    EXPECT_NE(may.error().message.find(std::to_string(held[done].share.index)), std::string::npos);
    proofs.push_back(ProveShare(held[done].share, SwitchStatement(next), rng_).value());
  }
  std::vector<Share> fresh;
  for (const Held& h : held) fresh.push_back(CopyOf(h.share));
  EXPECT_TRUE(Recover(fresh, next)->key == key);
}

TEST_F(ReshareTest, SwitchTakesOnlyProofsOfTheNewSet) {
  const Dealt next = Reshare(old_.shares, old_.set, 2, 3, rng_).value();
  const Dealt rival = Reshare(old_.shares, old_.set, 2, 3, rng_).value();
  const auto prove = [&](const Dealt& d, ByteView statement) {
    std::vector<ShareProof> out;
    for (const Share& s : d.shares) out.push_back(ProveShare(s, statement, rng_).value());
    return out;
  };
  const Bytes statement = SwitchStatement(next.set);
  EXPECT_TRUE(MaySwitch(old_.set, next.set, prove(next, statement)));
  EXPECT_EQ(CodeOf(MaySwitch(old_.set, next.set, prove(rival, statement))), "reshare.unproven");
  EXPECT_EQ(CodeOf(MaySwitch(old_.set, next.set, prove(next, SwitchStatement(rival.set)))),
            "reshare.unproven");
  auto once = prove(next, statement);
  once[1] = once[0];
  const auto r = MaySwitch(old_.set, next.set, once);
  EXPECT_EQ(CodeOf(r), "reshare.unproven");
  EXPECT_NE(r.error().message.find(": 2"), std::string::npos);
  EXPECT_EQ(CodeOf(MaySwitch(next.set, next.set, prove(next, statement))), "reshare.switch");
  const Dealt other = Deal(2, 3, rng_).value();
  EXPECT_EQ(CodeOf(MaySwitch(other.set, next.set, prove(next, statement))), "reshare.switch");
  const Dealt third = Reshare(next.shares, next.set, 2, 3, rng_).value();
  EXPECT_EQ(CodeOf(MaySwitch(old_.set, third.set, prove(third, SwitchStatement(third.set)))),
            "reshare.switch");
}

}  // namespace
}  // namespace birthmark::custody
