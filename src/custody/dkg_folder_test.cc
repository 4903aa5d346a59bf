// SPDX-License-Identifier: Apache-2.0
#include "custody/dkg_folder.h"

#include <fmt/format.h>

#include "custody/health.h"
#include "custody/share_file.h"
#include "custody/test_custody.h"
#include "tests/support/temp_dir.h"

namespace birthmark::custody {
namespace {

// Three is three machines with a folder each, and one folder that a courier carries around.
class DkgFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    terms_ = {.set = Bytes(16, 9),
              .name = "identity-1.1",
              .parties = {4, 17, 200},
              .rehearsal = true,
              .threshold = 2};
    ASSERT_TRUE(MakeDirs(mail_));
    ASSERT_TRUE(WriteFileAtomic(mail_ / "terms", ToArmor(terms_)));
  }
  Result<Joined> Call(uint16_t i, bool first, std::string heard = "", fs::path in = "-") {
    JoinAsked asked{.dir = tmp_ / fmt::format("m{}", i),
                    .terms = {},
                    .index = 0,
                    .in = in == "-" ? (first ? fs::path() : mail_) : in,
                    .out = mail_,
                    .transcript = std::move(heard)};
    if (first) asked.terms = terms_, asked.index = i;
    return Join(asked, Secret(fmt::format("sentence {}", i)), rng_);
  }
  std::vector<fs::path> Files(std::string_view suffix) {
    return MessageFiles(mail_, suffix).value();
  }
  // All has every machine do a round, in the order of the terms.
  void All(bool first, JoinStage stage, const std::string& heard = "") {
    for (uint16_t i : terms_.parties) {
      auto r = Call(i, first, heard);
      ASSERT_TRUE(r) << r.error().ToString();
      EXPECT_EQ(r->stage, stage) << i;
      if (stage == JoinStage::kDealt) heard_ = ToHex(r->transcript);
    }
  }
  // Dealt brings all machines to where they wait for each other's parts. One that comes first finds
  // no part yet; one that comes later has them, and is asked what the others read.
  void Dealt() {
    if (heard_.empty()) All(true, JoinStage::kCommitted);
    const fs::path only = tmp_ / "only";
    fs::create_directories(only);
    for (const fs::path& f : Files(".round1"))
      fs::copy_file(f, only / f.filename(), fs::copy_options::overwrite_existing);
    for (uint16_t i : terms_.parties) {
      auto r = Call(i, false, "", only);
      ASSERT_TRUE(r) << r.error().ToString();
      EXPECT_EQ(r->stage, JoinStage::kDealt);
      heard_ = ToHex(r->transcript);
    }
  }
  void Change(const std::string& file, size_t at) {
    std::string text = ReadTextFile(mail_ / file, 1 << 16).value();
    auto pem = crypto::ReadOnePem(text, DkgRound2::kLabel).value();
    pem[at] ^= 1;
    ASSERT_TRUE(WriteFileAtomic(mail_ / file, crypto::WritePem(DkgRound2::kLabel, pem)));
  }
  test::TempDir tmp_;
  fs::path mail_ = tmp_ / "mail";
  SeededRng rng_;
  DkgTerms terms_;
  std::string heard_;
};

TEST_F(DkgFolderTest, MachinesThatExchangeFilesHaveAKeyThatIsNowhere) {
  Dealt();
  EXPECT_EQ(CodeOf(Call(17, false)), "dkg.heard");
  EXPECT_EQ(CodeOf(Call(17, false, std::string(64, '0'))), "dkg.heard");
  EXPECT_FALSE(fs::exists(tmp_ / "m17/identity-1.1.share"));
  heard_.insert(8, " ");  // people read in groups
  std::vector<Share> shares;
  for (uint16_t i : terms_.parties) {
    EXPECT_EQ(CodeOf(ReadMade(mail_)), "dkg.unproven");
    auto r = Call(i, false, heard_);
    ASSERT_TRUE(r) << r.error().ToString();
    EXPECT_EQ(r->stage, i == 200 ? JoinStage::kComplete : JoinStage::kHeld);
    shares.push_back(OpenShare(ReadTextFile(r->share, kMaxShareFile).value(),
                               Secret(fmt::format("sentence {}", i)))
                         .value());
  }
  All(false, JoinStage::kComplete);
  for (uint16_t i : terms_.parties)
    EXPECT_FALSE(fs::exists(tmp_ / fmt::format("m{}", i) / "secret"));
  All(false, JoinStage::kComplete);
  const MadeApart made = ReadMade(mail_).value();
  EXPECT_EQ(made.terms.name, "identity-1.1");
  EXPECT_TRUE(CheckSet(made.set));
  for (const Share& s : shares) EXPECT_TRUE(CheckShare(s, made.set));
  EXPECT_TRUE(Recover(Pick(shares, {0, 2}), made.set)->key ==
              Recover(Pick(shares, {1, 2}), made.set)->key);
  // No file that is carried tells a share, and none of the machine's own is open.
  for (const auto& f : fs::recursive_directory_iterator(tmp_.path())) {
    if (!f.is_regular_file()) continue;
    const Bytes octets = ReadFile(f.path(), 1 << 20).value();
    for (const Share& s : shares) {
      const ByteView value = s.value.Read(SecretAccess());
      EXPECT_TRUE(std::ranges::search(octets, value).empty()) << f.path();
    }
  }
}

// Every place at which a machine can stop is a set of files that are there or not yet.
TEST_F(DkgFolderTest, MachineThatStoppedAnywhereGoesOn) {
  const fs::path m = tmp_ / "m17";
  // While beginning: without its own message nothing has left, and it begins anew.
  ASSERT_TRUE(Call(17, true));
  fs::remove(m / "own.round1");
  All(true, JoinStage::kCommitted);
  const Bytes own = ReadFile(m / "own.round1", 1 << 16).value();
  // After beginning, before its message was written out.
  fs::remove(mail_ / "17.round1");
  ASSERT_TRUE(Call(17, true));
  EXPECT_EQ(ReadFile(mail_ / "17.round1", 1 << 16).value(), own);
  const fs::path none = tmp_ / "none";
  fs::create_directories(none);
  Dealt();
  // While it wrote down what it dealt under.
  fs::remove(m / "transcript");
  fs::remove(m / "first/200.round1");
  for (const fs::path& f : Files(".round2")) fs::remove(f);
  Dealt();
  // Before its parts were all carried: they are made again, and fit as well.
  fs::remove(mail_ / "17-4.round2");
  EXPECT_EQ(CodeOf(Call(4, false, heard_)), "dkg.missing");
  ASSERT_EQ(Call(17, false, "", none)->stage, JoinStage::kDealt);
  for (uint16_t i : terms_.parties) ASSERT_TRUE(Call(i, false, heard_));
  // Between the share's file and its proof, and when a part is lost after the share is there.
  fs::remove(mail_ / "17.proof");
  EXPECT_EQ(Call(4, false)->stage, JoinStage::kHeld);
  EXPECT_EQ(CodeOf(ReadMade(mail_)), "dkg.unproven");
  ASSERT_TRUE(Call(17, false));
  All(false, JoinStage::kComplete);
  EXPECT_TRUE(ReadMade(mail_));
}

TEST_F(DkgFolderTest, WhoCheatsIsNamedAndWhoCarriesIsNotBlamedOnOthers) {
  const auto said = [](const auto& r) { return CodeOf(r) + ": " + MessageOf(r); };
  const auto expect = [&](const auto& r, std::string_view code, std::string_view who) {
    EXPECT_TRUE(said(r).starts_with(code)) << said(r);
    EXPECT_NE(said(r).find(who), std::string::npos) << said(r);
  };
  EXPECT_EQ(CodeOf(Call(17, false)), "dkg.begin");
  ASSERT_TRUE(Call(4, true));
  ASSERT_TRUE(Call(17, true));
  expect(Call(4, false), "dkg.missing", "party 200");
  ASSERT_TRUE(Call(200, true));
  // Two first messages of one party.
  fs::copy_file(mail_ / "17.round1", mail_ / "copy.round1");
  expect(Call(4, false), "dkg.duplicate", "party 17");
  fs::remove(mail_ / "copy.round1");
  // A first message of another run.
  DkgTerms other = terms_;
  other.set[0] ^= 1;
  const std::string right = ReadTextFile(mail_ / "17.round1", 1 << 16).value();
  ASSERT_TRUE(
      WriteFileAtomic(mail_ / "17.round1", ToArmor(DkgParty::Start(other, 17, rng_)->round1())));
  expect(Call(4, false), "dkg.foreign", "party 17");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "17.round1", right));
  Dealt();
  // One that was dealt under is changed afterwards.
  ASSERT_TRUE(
      WriteFileAtomic(mail_ / "17.round1", ToArmor(DkgParty::Start(terms_, 17, rng_)->round1())));
  expect(Call(4, false, heard_), "dkg.stale", "party 17");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "17.round1", right));
  // A part is changed on the way, missing, there twice, or of another run.
  const std::string part = ReadTextFile(mail_ / "17-4.round2", 1 << 16).value();
  Change("17-4.round2", 60);
  expect(Call(4, false, heard_), "dkg.signature", "party 17");
  fs::remove(mail_ / "17-4.round2");
  expect(Call(4, false, heard_), "dkg.missing", "party 17");
  ASSERT_TRUE(WriteFileAtomic(mail_ / "17-4.round2", part));
  ASSERT_TRUE(WriteFileAtomic(mail_ / "again.round2", part));
  expect(Call(4, false, heard_), "dkg.duplicate", "party 17");
  DkgRound2 foreign = FromArmor<DkgRound2>(part).value();
  foreign.set[3] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(mail_ / "again.round2", ToArmor(foreign)));
  expect(Call(4, false, heard_), "dkg.foreign", "party 17");
  fs::remove(mail_ / "again.round2");
  EXPECT_FALSE(fs::exists(tmp_ / "m4/identity-1.1.share"));
  for (uint16_t i : terms_.parties) ASSERT_TRUE(Call(i, false, heard_));
  // A proof by somebody else.
  ShareProof proof =
      FromArmor<ShareProof>(ReadTextFile(mail_ / "17.proof", 1 << 16).value()).value();
  proof.index = 4;
  ASSERT_TRUE(WriteFileAtomic(mail_ / "4.proof", ToArmor(proof)));
  expect(ReadMade(mail_), "proof.wrong", "share 4");
  expect(Call(17, false), "proof.wrong", "share 4");
  ASSERT_TRUE(Call(4, false));
  fs::copy_file(mail_ / "4.proof", mail_ / "again.proof");
  expect(ReadMade(mail_), "dkg.duplicate", "party 4");
  fs::remove(mail_ / "again.proof");
  EXPECT_TRUE(ReadMade(mail_));
}

TEST_F(DkgFolderTest, FolderIsOneRunsAndOnePartys) {
  ASSERT_TRUE(Call(4, true));
  JoinAsked asked{
      .dir = tmp_ / "m4", .terms = terms_, .index = 17, .in = {}, .out = mail_, .transcript = {}};
  EXPECT_EQ(CodeOf(Join(asked, Secret("sentence 4"), rng_)), "dkg.begin");
  asked.index = 4;
  asked.terms->threshold = 3;
  EXPECT_EQ(CodeOf(Join(asked, Secret("sentence 4"), rng_)), "dkg.begin");
  asked.terms = {};
  asked.in = mail_;
  ASSERT_TRUE(Call(17, true));
  ASSERT_TRUE(Call(200, true));
  EXPECT_EQ(CodeOf(Join(asked, Secret("sentence 5"), rng_)), "share.sealed");
  {
    const auto other = FileLock::Take(tmp_ / "m4/lock", "test").value();
    EXPECT_EQ(CodeOf(Join(asked, Secret("sentence 4"), rng_)), "dkg.busy");
  }
  EXPECT_EQ(CodeOf(MessageFiles(tmp_ / "nowhere", ".round1")), "file.read");
}

}  // namespace
}  // namespace birthmark::custody
