// SPDX-License-Identifier: Apache-2.0
#include "custody/sharing.h"

#include <set>

#include "cbor/reflect.h"
#include "custody/group.h"
#include "custody/test_custody.h"

namespace birthmark::custody {
namespace {

class SharingTest : public testing::Test {
 protected:
  SeededRng rng_;
  Dealt dealt_ = Deal(3, 5, rng_).value();
  const std::vector<Share>& shares() const { return dealt_.shares; }
};

TEST(SharingProperties, AnyKOfNRecoverTheSameKeyAndFewerDoNot) {
  SeededRng rng;
  size_t cases = 0;
  for (uint16_t n = 2; n <= 6; ++n) {
    for (uint16_t k = 2; k <= n; ++k) {
      const Dealt dealt =
          (n + k) % 2 == 0 ? Deal(k, n, rng).value() : DistributedKey(k, n, rng).value();
      ASSERT_TRUE(CheckSet(dealt.set)) << k << " of " << n;
      ASSERT_EQ(dealt.shares.size(), n);
      std::vector<SecretBytes> keys;
      std::vector<bool> chosen(n, false);
      std::fill(chosen.begin(), chosen.begin() + k, true);
      do {
        std::vector<size_t> at;
        for (size_t i = 0; i < n; ++i) {
          if (chosen[i]) at.push_back(i);
        }
        Result<Recovered> r = Recover(Pick(dealt.shares, at), dealt.set);
        ASSERT_TRUE(r) << k << " of " << n << ": " << r.error().message;
        keys.push_back(std::move(r->key));
        EXPECT_TRUE(keys.back() == keys.front());
        at.pop_back();
        EXPECT_EQ(CodeOf(Recover(Pick(dealt.shares, at), dealt.set)), "share.too-few");
        ++cases;
      } while (std::prev_permutation(chosen.begin(), chosen.end()));
    }
  }
  EXPECT_EQ(cases, 99u);
}

TEST(SharingProperties, LargeSetsWork) {
  SeededRng rng;
  for (const auto& [k, n] : {std::pair<uint16_t, uint16_t>{2, 255}, {40, 60}, {128, 255}}) {
    const Dealt dealt = Deal(k, n, rng).value();
    EXPECT_TRUE(CheckSet(dealt.set));
    std::vector<size_t> last;
    for (size_t i = n - k; i < n; ++i) last.push_back(i);
    EXPECT_TRUE(Recover(Pick(dealt.shares, last), dealt.set));
  }
}

TEST(SharingProperties, FewerThanKSharesSayNothing) {
  // With k-1 shares every secret is possible: any value at zero has a polynomial through them.
  SeededRng rng;
  const Dealt dealt = Deal(3, 5, rng).value();
  const std::vector<uint16_t> places = {1, 2, 9};
  const Scalar other = Scalar::Random(rng);
  Scalar fill = other;
  for (size_t i = 0; i < 2; ++i) {
    const Scalar v = Scalar::FromOctets(dealt.shares[i].value.Read(SecretAccess())).value();
    fill = fill - LagrangeAt(places[i], places).value() * v;
  }
  const Scalar ninth = fill * LagrangeAt(9, places).value().Inverse().value();
  Scalar secret = LagrangeAt(9, places).value() * ninth;
  for (size_t i = 0; i < 2; ++i) {
    secret = secret + LagrangeAt(places[i], places).value() *
                          Scalar::FromOctets(dealt.shares[i].value.Read(SecretAccess())).value();
  }
  EXPECT_EQ(secret, other);
}

TEST_F(SharingTest, ChosenIndicesSayNothingOfTheNumberOfHolders) {
  const std::vector<uint16_t> taken = {1, 2, 255};
  std::set<uint16_t> drawn;
  for (int i = 0; i < 60; ++i) {
    const std::vector<uint16_t> indices = RandomIndices(5, rng_, taken);
    ASSERT_EQ(indices.size(), 5u);
    EXPECT_TRUE(CheckIndices(indices));
    for (uint16_t t : taken) EXPECT_EQ(std::ranges::count(indices, t), 0);
    drawn.insert(indices.begin(), indices.end());
  }
  EXPECT_GT(drawn.size(), 150u);
  EXPECT_EQ(RandomIndices(300, rng_, taken).size(), 252u);

  const std::vector<uint16_t> indices = RandomIndices(5, rng_);
  std::vector<Dealt> both;
  both.push_back(DealTo(3, indices, rng_).value());
  both.push_back(DistributedKeyTo(3, indices, rng_).value());
  for (const Dealt& d : both) {
    EXPECT_TRUE(CheckSet(d.set));
    std::vector<uint16_t> got;
    for (const Share& s : d.shares) got.push_back(s.index);
    EXPECT_EQ(got, indices);
    EXPECT_TRUE(Recover(Pick(d.shares, {1, 2, 4}), d.set)->key ==
                Recover(Pick(d.shares, {0, 1, 3}), d.set)->key);
  }
  const std::vector<uint16_t> twice = {4, 4, 9};
  EXPECT_EQ(CodeOf(DealTo(2, twice, rng_)), "custody.index");
  EXPECT_EQ(CodeOf(DistributedKeyTo(2, twice, rng_)), "custody.index");
}

TEST_F(SharingTest, TwoSecretsHaveDifferentKeys) {
  const Dealt other = Deal(3, 5, rng_).value();
  EXPECT_NE(other.set.set, dealt_.set.set);
  EXPECT_FALSE(Recover(shares(), dealt_.set)->key == Recover(other.shares, other.set)->key);
}

TEST_F(SharingTest, RecoveredKeyIsNotTheScalar) {
  const Recovered r = Recover(shares(), dealt_.set).value();
  EXPECT_EQ(r.key.size(), 32u);
  const Result<Scalar> as_scalar = Scalar::FromOctets(r.key.Read(SecretAccess()));
  EXPECT_TRUE(!as_scalar || Point::Base(*as_scalar).ToBytes() != dealt_.set.key);
  EXPECT_EQ(r.used, (std::vector<uint16_t>{1, 2, 3}));
}

TEST_F(SharingTest, NumbersThatMakeNoSenseAreRefused) {
  for (const auto& [k, n] :
       {std::pair<uint16_t, uint16_t>{0, 0}, {0, 5}, {1, 5}, {1, 1}, {6, 5}, {3, 256}}) {
    EXPECT_EQ(CodeOf(Deal(k, n, rng_)), "share.threshold") << k << " of " << n;
    EXPECT_EQ(CodeOf(DistributedKey(k, n, rng_)), "share.threshold") << k << " of " << n;
    EXPECT_EQ(CodeOf(Reshare(shares(), dealt_.set, k, n, rng_)), "share.threshold")
        << k << " of " << n;
  }
}

TEST_F(SharingTest, EachBadShareHasItsOwnName) {
  EXPECT_TRUE(CheckShare(shares()[0], dealt_.set));
  EXPECT_EQ(CodeOf(CheckShare(Wrong(shares()[0]), dealt_.set)), "share.wrong");

  Share renumbered = CopyOf(shares()[0]);
  renumbered.index = 2;
  EXPECT_EQ(CodeOf(CheckShare(renumbered, dealt_.set)), "share.wrong");

  const Dealt other = Deal(3, 5, rng_).value();
  EXPECT_EQ(CodeOf(CheckShare(other.shares[0], dealt_.set)), "share.foreign");
  Share other_key = CopyOf(shares()[0]);
  other_key.key = other.set.key;
  EXPECT_EQ(CodeOf(CheckShare(other_key, dealt_.set)), "share.foreign");
  Share no_holder = CopyOf(shares()[0]);
  no_holder.index = 9;
  EXPECT_EQ(CodeOf(CheckShare(no_holder, dealt_.set)), "share.foreign");

  const Dealt next = Reshare(shares(), dealt_.set, 2, 4, rng_).value();
  EXPECT_EQ(CodeOf(CheckShare(shares()[0], next.set)), "share.stale");
  EXPECT_EQ(CodeOf(CheckShare(next.shares[0], dealt_.set)), "share.ahead");

  for (auto change : std::vector<void (*)(Share&)>{
           [](Share& s) { s.value = SecretBytes(32); },
           [](Share& s) { s.value = SecretBytes(31); },
           [](Share& s) { s.value = SecretBytes::Take(Bytes(32, 0xff)); },
           [](Share& s) { s.index = 0; },
           [](Share& s) { s.index = 256; },
           [](Share& s) { s.generation = 0; },
           [](Share& s) { s.generation = 65536; },
           [](Share& s) { s.set.pop_back(); },
           [](Share& s) { s.key[0] ^= 1; },
       }) {
    Share bad = CopyOf(shares()[0]);
    change(bad);
    EXPECT_EQ(CodeOf(CheckShape(bad)), "share.mistyped");
    EXPECT_EQ(CodeOf(CheckShare(bad, dealt_.set)), "share.mistyped");
  }
}

TEST_F(SharingTest, RecoveryGoesOnWithoutTheBadShares) {
  std::vector<Share> brought = Pick(shares(), {0, 1, 2, 3, 4, 3});
  brought[1] = Wrong(brought[1]);
  brought.push_back(CopyOf(Deal(3, 5, rng_)->shares[0]));
  const Recovered r = Recover(brought, dealt_.set).value();
  EXPECT_TRUE(r.key == Recover(shares(), dealt_.set)->key);
  EXPECT_EQ(r.used, (std::vector<uint16_t>{1, 3, 4}));
  ASSERT_EQ(r.refused.size(), 3u);
  EXPECT_EQ(r.refused[0].position, 1u);
  EXPECT_EQ(r.refused[0].index, 2);
  EXPECT_EQ(r.refused[0].error.code, "share.wrong");
  EXPECT_EQ(r.refused[1].position, 5u);
  EXPECT_EQ(r.refused[1].error.code, "share.duplicate");
  EXPECT_EQ(r.refused[2].error.code, "share.foreign");
}

TEST_F(SharingTest, TooFewNamesTheCulprits) {
  std::vector<Share> brought = Pick(shares(), {0, 2, 4});
  brought[2] = Wrong(brought[2]);
  const Result<Recovered> r = Recover(brought, dealt_.set);
  EXPECT_EQ(CodeOf(r), "share.too-few");
  EXPECT_NE(r.error().message.find("share 5: share.wrong"), std::string::npos) << r.error().message;
  EXPECT_EQ(r.error().message.find("share 1"), std::string::npos);
  EXPECT_EQ(CodeOf(Recover({}, dealt_.set)), "share.too-few");
}

TEST_F(SharingTest, DuplicateOfABadShareIsNotCountedAgainstTheGoodOne) {
  std::vector<Share> brought = Pick(shares(), {0, 0, 1, 2});
  brought[0] = Wrong(brought[0]);
  const Recovered r = Recover(brought, dealt_.set).value();
  EXPECT_EQ(r.used, (std::vector<uint16_t>{1, 2, 3}));
}

TEST_F(SharingTest, ErrorsHoldNoSecret) {
  std::vector<Share> brought = Pick(shares(), {0, 1});
  brought[1] = Wrong(brought[1]);
  const std::string hex = ToHex(brought[1].value.Read(SecretAccess()));
  for (const Error& e :
       {Recover(brought, dealt_.set).error(), CheckShare(brought[1], dealt_.set).error()}) {
    for (size_t i = 0; i + 8 <= hex.size(); ++i)
      EXPECT_EQ(e.ToString().find(hex.substr(i, 8)), std::string::npos) << e.ToString();
  }
}

TEST_F(SharingTest, SetsThatLieAreFoundOut) {
  const auto bad = [&](void (*change)(ShareSet&)) {
    ShareSet s = dealt_.set;
    change(s);
    return CodeOf(CheckSet(s));
  };
  EXPECT_EQ(CodeOf(CheckSet(dealt_.set)), "accepted");
  EXPECT_EQ(bad([](ShareSet& s) { s.threshold = 2; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.threshold = 4; }), "share.set") << "three are enough";
  EXPECT_EQ(bad([](ShareSet& s) { s.threshold = 1; }), "share.threshold");
  EXPECT_EQ(bad([](ShareSet& s) { s.threshold = 6; }), "share.threshold");
  EXPECT_EQ(bad([](ShareSet& s) { std::swap(s.holders[0].point, s.holders[1].point); }),
            "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.holders[4].point = s.key; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.key = s.holders[0].point; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { std::swap(s.holders[0], s.holders[1]); }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.holders[1] = s.holders[0]; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.holders[0].index = 0; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.set.clear(); }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.generation = 0; }), "share.set");
  EXPECT_EQ(bad([](ShareSet& s) { s.holders.clear(); }), "share.threshold");
  EXPECT_EQ(bad([](ShareSet& s) { s.key[1] ^= 0x40; }), "custody.point");
  EXPECT_EQ(bad([](ShareSet& s) { s.holders[2].point.clear(); }), "custody.point");
  ShareSet fewer = dealt_.set;
  fewer.holders.pop_back();
  EXPECT_EQ(CodeOf(CheckSet(fewer)), "accepted") << "four of the five holders still fit";
}

TEST_F(SharingTest, SetAndShareSurviveTheirEncodings) {
  const ShareSet again = cbor::FromCbor<ShareSet>(cbor::ToCbor(dealt_.set)).value();
  EXPECT_EQ(again, dealt_.set);
  for (const Share& s : shares()) {
    const SecretBytes octets = ToOctets(s).value();
    EXPECT_EQ(octets.size(), kShareOctets);
    const Share back = FromOctets(octets.Read(SecretAccess())).value();
    EXPECT_TRUE(CheckShare(back, dealt_.set));
    EXPECT_EQ(back.index, s.index);
  }
  EXPECT_EQ(CodeOf(FromOctets(Bytes(83))), "share.mistyped");
  EXPECT_EQ(CodeOf(FromOctets(Bytes(85))), "share.mistyped");
  EXPECT_EQ(CodeOf(FromOctets(Bytes(84))), "share.mistyped");
}

TEST_F(SharingTest, ShareHoldsNoTraceOfKAndN) {
  // The same octets but for set, index, value and key, whatever the numbers are.
  const Dealt large = Deal(40, 90, rng_).value();
  const SecretBytes a = ToOctets(shares()[0]).value(), b = ToOctets(large.shares[0]).value();
  EXPECT_EQ(a.size(), b.size());
  EXPECT_TRUE(std::ranges::equal(a.Read(SecretAccess()).subspan(16, 4),
                                 b.Read(SecretAccess()).subspan(16, 4)));
}

}  // namespace
}  // namespace birthmark::custody
