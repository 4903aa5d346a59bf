// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "crypto/digest.h"
#include "custody/frost.h"
#include "custody/renewal_folder.h"
#include "custody/share_file.h"
#include "custody/test_custody.h"
#include "tests/support/temp_dir.h"

namespace birthmark::custody {
namespace {

// Five holders are 3-of-5 (indices 1 to 5); 5 leaves, 40 and 90 join, and they are 3-of-6. A folder
// a machine, and one that a courier carries around.
class RenewalTest : public testing::Test {
 protected:
  void SetUp() override {
    terms_ = {.old = old_.set,
              .run = Bytes(16, 7),
              .name = "identity-1.1",
              .parties = {1, 2, 3, 4, 40, 90},
              .rehearsal = true,
              .threshold = 3};
    ASSERT_TRUE(MakeDirs(mail_));
    ASSERT_TRUE(WriteFileAtomic(mail_ / "terms", ToArmor(terms_)));
  }
  Result<Renewed> Call(uint16_t i, const std::string& heard = "", bool first = false,
                       fs::path in = {}, fs::path out = {}) {
    const bool deals = i <= 5;
    RenewAsked asked{.dir = tmp_ / fmt::format("m{}", i),
                     .terms = {},
                     .index = 0,
                     .old = {},
                     .in = in.empty() && !first ? mail_ : in,
                     .out = out.empty() ? mail_ : out,
                     .transcript = heard,
                     .open_old = [this](const std::string& at) -> Result<Share> {
                       return CopyOf(old_.shares.at(std::stoul(at)));
                     }};
    if (first) {
      asked.terms = terms_;
      asked.index = i;
      if (deals) asked.old = std::to_string(i - 1);
    }
    return Renew(asked, Secret(fmt::format("sentence {}", i)), rng_);
  }
  void Begin() {
    for (uint16_t i : {1, 2, 3, 4, 5, 40, 90}) ASSERT_TRUE(Call(i, "", true));
    heard_ = ToHex(Call(40)->transcript);
  }
  void DealAll(std::initializer_list<uint16_t> who) {
    for (uint16_t i : who) {
      auto r = Call(i, heard_);
      ASSERT_TRUE(r) << r.error().ToString();
      EXPECT_EQ(r->stage, RenewStage::kDealt) << i;
    }
  }
  // ChooseAgain writes the next choice, and gives the dealers.
  std::vector<uint16_t> ChooseAgain(std::vector<uint16_t> without = {}) {
    const RenewedApart all = ReadRenewed(mail_).value();
    auto chosen =
        ChooseDealings(all.terms, all.agreed, all.dealings, without, all.last_attempt + 1);
    EXPECT_TRUE(chosen) << chosen.error().ToString();
    EXPECT_TRUE(WriteFileAtomic(mail_ / fmt::format("{}.choice", chosen->choice.attempt),
                                ToArmor(chosen->choice)));
    return chosen->choice.dealers;
  }
  template <class T, class F>
  void Change(const std::string& file, F change) {
    T m = ReadMessage<T>(mail_ / file).value();
    change(m);
    ASSERT_TRUE(WriteFileAtomic(mail_ / file, ToArmor(m)));
  }
  Share NewShare(uint16_t i) {
    const std::string text =
        ReadTextFile(tmp_ / fmt::format("m{}/identity-1.1.g2.share", i), kMaxShareFile).value();
    return OpenShare(text, Secret(fmt::format("sentence {}", i))).value();
  }
  static void Expect(const auto& r, std::string_view code, std::string_view who) {
    const std::string said = r ? "accepted" : r.error().code + ": " + r.error().message;
    EXPECT_TRUE(said.starts_with(code)) << said;
    EXPECT_NE(said.find(who), std::string::npos) << said;
    EXPECT_TRUE(r || !r.error().fix.empty()) << said;
  }
  test::TempDir tmp_;
  fs::path mail_ = tmp_ / "mail";
  SeededRng rng_;
  Dealt old_ = DistributedKey(3, 5, rng_).value();
  RenewalTerms terms_;
  std::string heard_;
};

TEST_F(RenewalTest, OneLeavesTwoJoinAndTheKeyStays) {
  EXPECT_EQ(Leaving(terms_), (std::vector<uint16_t>{5}));
  EXPECT_EQ(Joining(terms_), (std::vector<uint16_t>{40, 90}));
  Begin();
  EXPECT_EQ(Call(2)->stage, RenewStage::kAgreed);
  EXPECT_FALSE(fs::exists(mail_ / "2.dealing")) << "nothing is dealt before the call";
  Expect(Call(2, std::string(64, '0')), "reshare.heard", "the others read 000");
  heard_.insert(8, " ");
  DealAll({2, 5});
  const RenewedApart early = ReadRenewed(mail_).value();
  Expect(ChooseDealings(early.terms, early.agreed, early.dealings, {}, 1), "share.too-few",
         "2 good");
  Expect(ReadSetApart(mail_), "reshare.unproven", "no dealings");
  DealAll({1, 4});  // 3 did not take part in time
  EXPECT_EQ(ChooseAgain(), (std::vector<uint16_t>{1, 2, 4}));
  for (uint16_t i : {1, 2, 3, 4, 40, 90}) {
    EXPECT_EQ(Call(5)->stage, RenewStage::kDealt);
    Expect(ReadSetApart(mail_), "reshare.unproven", fmt::format("{}", i));
    auto r = Call(i);
    ASSERT_TRUE(r) << r.error().ToString();
    EXPECT_EQ(r->stage, i == 90 ? RenewStage::kComplete : RenewStage::kHeld) << i;
  }
  for (uint16_t i : {1, 2, 3, 4, 5, 40, 90}) EXPECT_EQ(Call(i)->stage, RenewStage::kComplete) << i;
  const MadeApart made = ReadSetApart(mail_).value();
  EXPECT_TRUE(CheckSet(made.set));
  EXPECT_EQ(made.set.key, old_.set.key);
  EXPECT_EQ(made.set.generation, 2u);
  EXPECT_EQ(made.terms.parties, terms_.parties);
  std::vector<Share> fresh;
  for (uint16_t i : {3, 40, 90}) fresh.push_back(NewShare(i));
  EXPECT_TRUE(Recover(fresh, made.set)->key == Recover(old_.shares, old_.set)->key);
  for (const Share& s : old_.shares) Expect(CheckShare(s, made.set), "share.stale", "generation 1");
  // An old share neither answers a new request nor commits to one.
  const SigningNonces stale = Commit(old_.shares[0], rng_).value();
  EXPECT_FALSE(MakeRequest(AsBytes("m"), {stale.commitment()}, made.set));
  // No file that was carried tells a share, old or new.
  for (uint16_t i : {1, 2, 4}) fresh.push_back(NewShare(i));
  for (const Share& s : old_.shares) fresh.push_back(CopyOf(s));
  for (const auto& f : fs::recursive_directory_iterator(tmp_.path())) {
    if (!f.is_regular_file()) continue;
    const Bytes octets = ReadFile(f.path(), 1 << 20).value();
    for (const Share& s : fresh)
      EXPECT_TRUE(std::ranges::search(octets, s.value.Read(SecretAccess())).empty()) << f.path();
  }
}

TEST_F(RenewalTest, WhoDealsBadlyIsNamedAndTheRestGoOn) {
  Begin();
  DealAll({1, 2, 3, 4});
  // A cheat: the part of 40 does not fit, and the dealing is signed with the share that it deals.
  const RenewedApart all = ReadRenewed(mail_).value();
  RenewalDealing bad = DealRenewal(old_.shares[1], all.terms, all.agreed, rng_).value();
  const Dealing other = DealOn(old_.shares[1], all.agreed.terms, rng_).value();
  bad.dealing.sealed[4] = other.sealed[4];
  bad.proof = ProveShare(old_.shares[1],
                         ToBytes(fmt::format("birthmark re-sharing\ntranscript {}\ndealing {}\n",
                                             ToHex(all.agreed.transcript),
                                             ToHex(crypto::Sha256(cbor::ToCbor(bad.dealing))))),
                         rng_)
                  .value();
  ASSERT_TRUE(WriteFileAtomic(tmp_ / "m2/own.dealing", ToArmor(bad)));
  ASSERT_TRUE(Call(2));
  EXPECT_EQ(ChooseAgain(), (std::vector<uint16_t>{1, 2, 3}));
  for (uint16_t i : {1, 2, 90}) EXPECT_EQ(Call(i)->stage, RenewStage::kHeld);
  Expect(Call(40), "reshare.dealing", "holder 2 sent a part");
  EXPECT_EQ(ChooseAgain({2}), (std::vector<uint16_t>{1, 3, 4}));
  const fs::path first = tmp_ / "first";
  fs::create_directories(first);
  for (uint16_t i : {1, 2, 3, 4, 40, 90}) ASSERT_TRUE(Call(i)) << i;
  EXPECT_TRUE(fs::exists(tmp_ / "m1/identity-1.1.g2.1.share")) << "kept while nothing is in force";
  // An older choice is not gone back to, and two of one number are refused.
  fs::copy_file(mail_ / "1.choice", first / "1.choice");
  EXPECT_EQ(Call(3, "", false, first)->attempt, 2u);
  RenewalChoice twin = ReadMessage<RenewalChoice>(mail_ / "1.choice").value();
  twin.attempt = 2;
  ASSERT_TRUE(WriteFileAtomic(first / "2.choice", ToArmor(twin)));
  Expect(Call(3, "", false, first), "reshare.choice", "number 2");
  for (uint16_t i : {1, 2, 3, 4, 5, 40, 90}) EXPECT_EQ(Call(i)->stage, RenewStage::kComplete) << i;
  EXPECT_FALSE(fs::exists(tmp_ / "m1/identity-1.1.g2.1.share"));
  std::vector<Share> fresh;
  for (uint16_t i : {2, 4, 40}) fresh.push_back(NewShare(i));
  EXPECT_TRUE(Recover(fresh, ReadSetApart(mail_)->set)->key == Recover(old_.shares, old_.set)->key);
}

TEST_F(RenewalTest, CarriersAndOtherRunsAreTold) {
  Expect(Call(1), "reshare.begin", "no re-sharing");
  ASSERT_TRUE(Call(1, "", true));
  ASSERT_TRUE(Call(40, "", true));
  Expect(Call(1), "reshare.missing", "holder 2");
  Begin();
  // Receivers' keys: twice, of another run, of nobody, exchanged.
  const std::string right = ReadTextFile(mail_ / "40.receiver", 1 << 16).value();
  ASSERT_TRUE(WriteFileAtomic(mail_ / "again.receiver", right));
  Expect(Call(1), "reshare.duplicate", "holder 40");
  fs::remove(mail_ / "again.receiver");
  Change<RenewalReceiver>("40.receiver", [](auto& r) { r.run[0] ^= 1; });
  Expect(Call(1), "reshare.foreign", "holder 40");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "40.receiver", right));
  Change<RenewalReceiver>("40.receiver", [](auto& r) { r.index = 41; });
  Expect(Call(1), "reshare.terms", "holder 41");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "40.receiver", right));
  Change<RenewalReceiver>("40.receiver", [&](auto& r) { r.box = BoxKey::Make(rng_).point; });
  const fs::path out = tmp_ / "out";
  Expect(Call(40, "", false, {}, out), "reshare.stale", "holder 40 is this one");
  EXPECT_NE(ToHex(Call(1)->transcript), heard_) << "the call finds it";
  Expect(Call(1, heard_), "reshare.heard", "the others read");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "40.receiver", right));
  DealAll({1, 2, 3, 4});
  Change<RenewalReceiver>("40.receiver", [&](auto& r) { r.box = BoxKey::Make(rng_).point; });
  Expect(Call(1), "reshare.stale", "holder 40");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "40.receiver", right));
  // Dealings: changed on the way, of another run, under other receivers, missing.
  const auto chosen = [&] {
    const RenewedApart all = ReadRenewed(mail_).value();
    return ChooseDealings(all.terms, all.agreed, all.dealings, std::vector<uint16_t>{1}, 1);
  };
  const std::string dealt = ReadTextFile(mail_ / "3.dealing", 1 << 18).value();
  const auto with = [&](auto change) {
    Change<RenewalDealing>("3.dealing", change);
    const auto r = chosen();
    EXPECT_TRUE(WriteFileAtomic(mail_ / "3.dealing", dealt));
    return r;
  };
  Expect(with([](auto& d) { d.dealing.sealed[0][50] ^= 1; }), "share.too-few",
         "share 3: reshare.signature");
  Expect(with([](auto& d) { d.dealing.set[0] ^= 1; }), "share.too-few", "share 3: reshare.foreign");
  RenewalTerms others = terms_;
  others.run[0] ^= 1;
  std::vector<RenewalReceiver> keys;
  for (uint16_t i : others.parties)
    keys.push_back({.box = BoxKey::Make(rng_).point, .run = others.run, .index = i});
  const RenewalAgreed elsewhere = AgreeRenewal(others, keys).value();
  Expect(with([&](auto& d) { d = DealRenewal(old_.shares[2], others, elsewhere, rng_).value(); }),
         "share.too-few", "share 3: reshare.stale");
  Expect(chosen(), "accepted", "");
  EXPECT_EQ(ChooseAgain(), (std::vector<uint16_t>{1, 2, 3}));
  fs::rename(mail_ / "3.dealing", tmp_ / "3.dealing");
  Expect(Call(40), "reshare.missing", "holder 3");
  fs::rename(tmp_ / "3.dealing", mail_ / "3.dealing");
  Change<RenewalChoice>("1.choice", [](auto& c) { c.run[0] ^= 1; });
  Expect(Call(40), "reshare.choice", "not of this run");
}

TEST_F(RenewalTest, FolderIsOneHoldersAndOneRuns) {
  Begin();
  {
    const auto other = FileLock::Take(tmp_ / "m1/lock", "test").value();
    Expect(Call(1), "reshare.busy", "held by process");
  }
  terms_.run[0] ^= 1;
  Expect(Call(1, "", true), "reshare.begin", "another re-sharing");
  const auto start = [&](uint16_t index, std::string old) {
    return Renew({.dir = tmp_ / "new",
                  .terms = terms_,
                  .index = index,
                  .old = std::move(old),
                  .in = {},
                  .out = mail_,
                  .transcript = {},
                  .open_old = [this](const std::string& at) -> Result<Share> {
                    Share s = CopyOf(old_.shares.at(std::stoul(at)));
                    return at == "4" ? Wrong(s) : std::move(s);
                  }},
                 Secret("sentence"), rng_);
  };
  Expect(start(77, ""), "custody.index", "77");
  Expect(start(1, ""), "reshare.begin", "has a share");
  Expect(start(40, "0"), "reshare.begin", "joins");
  Expect(start(1, "1"), "reshare.begin", "is share 2");
  Expect(start(5, "4"), "share.wrong", "share 5");
  RenewalTerms bad = terms_;
  bad.run.clear();
  Expect(CheckRenewal(bad), "reshare.terms", "16 octets");
  bad = terms_;
  bad.old.generation = kMaxGeneration;
  Expect(CheckRenewal(bad), "share.generation", "");
  bad = terms_;
  bad.threshold = 7;
  Expect(CheckRenewal(bad), "share.threshold", "");
  bad = terms_;
  bad.old.holders[0].point = bad.old.holders[1].point;
  Expect(CheckRenewal(bad), "share.set", "");
  Expect(ReshareReceiver::Restore(4, Bytes(31)), "reshare.kept", "");
}

// Every place at which a machine can stop is a set of files that are there or not yet.
TEST_F(RenewalTest, MachineThatStoppedAnywhereGoesOn) {
  const fs::path m = tmp_ / "m2";
  ASSERT_TRUE(Call(2, "", true));
  fs::remove(m / "party");  // while beginning: nothing had left, and it begins anew
  Begin();
  fs::remove(mail_ / "2.receiver");
  ASSERT_EQ(Call(2)->stage, RenewStage::kAgreed);
  EXPECT_EQ(ToHex(Call(40)->transcript), heard_) << "the same key again";
  // While it wrote down what was agreed; before its dealing was kept; before that was carried.
  DealAll({2});
  fs::remove(m / "transcript");
  fs::remove(m / "first/90.receiver");
  fs::remove(m / "own.dealing");
  DealAll({1, 2, 3});
  const Bytes dealt = ReadFile(mail_ / "2.dealing", 1 << 18).value();
  fs::remove(mail_ / "2.dealing");
  EXPECT_EQ(Call(2)->stage, RenewStage::kDealt);
  EXPECT_EQ(ReadFile(mail_ / "2.dealing", 1 << 18).value(), dealt);
  ChooseAgain();
  // Between the set and the share, and between the share and its proof.
  ASSERT_EQ(Call(2)->stage, RenewStage::kHeld);
  fs::remove(m / "identity-1.1.g2.1.share");
  ASSERT_EQ(Call(2)->stage, RenewStage::kHeld);
  fs::remove(mail_ / "2-1.proof");
  for (uint16_t i : {1, 3, 4, 40, 90}) EXPECT_EQ(Call(i)->stage, RenewStage::kHeld) << i;
  EXPECT_EQ(CodeOf(ReadSetApart(mail_)), "reshare.unproven");
  EXPECT_EQ(Call(2)->stage, RenewStage::kComplete);
  EXPECT_TRUE(ReadSetApart(mail_));
  // While it cleaned up, and before its proof was carried.
  fs::rename(m / "identity-1.1.g2.share", m / "identity-1.1.g2.1.share");
  fs::remove(mail_ / "2-1.proof");
  ASSERT_EQ(Call(2)->stage, RenewStage::kComplete);
  EXPECT_FALSE(fs::exists(m / "secret"));
  for (uint16_t i : {1, 3, 4, 5, 40, 90}) EXPECT_EQ(Call(i)->stage, RenewStage::kComplete) << i;
  const ShareSet next = ReadSetApart(mail_)->set;
  std::vector<Share> fresh;
  for (uint16_t i : {2, 4, 40}) fresh.push_back(NewShare(i));
  EXPECT_TRUE(Recover(fresh, next)->key == Recover(old_.shares, old_.set)->key);
}

}  // namespace
}  // namespace birthmark::custody
