// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include "app/share_card.h"
#include "custody/message.h"
#include "custody/seeded_rng.h"
#include "custody/share_file.h"
#include "custody/words.h"
#include "tests/support/temp_dir.h"

namespace birthmark::app {
namespace {

using custody::Share;

template <class T>
std::string Said(const T& r) {
  return r ? "accepted" : r.error().code;
}

class SharesTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteFileAtomic(dir_ / "pass", "a holder's words\n", 0600));
    ASSERT_TRUE(WriteFileAtomic(dir_ / "other", "another holder\n", 0600));
    for (const Share& s : dealt_.shares)
      ASSERT_TRUE(WriteFileAtomic(File(s.index),
                                  *custody::SealShare(s, *keystore::ReadPassphrase(Pass()),
                                                      custody::Argon2Cost::Rehearsal()),
                                  0600));
  }
  keystore::PassphraseSource Pass(const char* name = "pass") const { return {.file = dir_ / name}; }
  fs::path File(uint16_t i) const { return dir_ / (std::to_string(i) + ".share"); }
  HeldShare Open(uint16_t i) const { return *OpenHeldShare(File(i), Pass()); }

  test::TempDir dir_;
  custody::SeededRng rng_;
  custody::Dealt dealt_ = *custody::Deal(2, 3, rng_);
};

TEST_F(SharesTest, OpensWhatIsAShareWithItsPassphrase) {
  EXPECT_EQ(Open(2).share.index, 2);
  EXPECT_EQ(Said(OpenHeldShare(File(2), Pass("other"))), "share.sealed");
  EXPECT_EQ(Said(OpenHeldShare(dir_ / "pass", Pass())), "share.file");
  EXPECT_EQ(Said(OpenHeldShare(dir_ / "none", Pass())), "file.missing");
  EXPECT_EQ(Said(OpenHeldShare("pkcs11:token=card;object=share", Pass())), "share.card");
  EXPECT_EQ(Said(ReadWords(-1)), "share.read");
}

TEST_F(SharesTest, WordsBringALostShareBackUnderAnotherPassphrase) {
  const SecretBytes words = *custody::ToWords(Open(2).share);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const ByteView text = words.Read(SecretAccess());
  ASSERT_EQ(write(pipe_ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(pipe_ends[1]);
  const SecretBytes typed = *ReadWords(pipe_ends[0]);
  close(pipe_ends[0]);

  const fs::path back = dir_ / "back.share";
  EXPECT_TRUE(RestoreShare(typed, back, Pass("other"), true));
  EXPECT_FALSE(fs::exists(back)) << "a dry run writes nothing";
  EXPECT_EQ(Said(RestoreShare(typed, File(2), Pass("other"), false)), "share.exists");
  ASSERT_TRUE(RestoreShare(typed, back, Pass("other"), false));
  EXPECT_EQ(fs::status(back).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const HeldShare held = *OpenHeldShare(back, Pass("other"));
  EXPECT_TRUE(custody::CheckShare(held.share, dealt_.set));
  EXPECT_EQ(held.share.index, 2);
}

TEST_F(SharesTest, FarTooMuchTypingIsRefused) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const std::string much(5000, 'b');
  ASSERT_EQ(write(pipe_ends[1], much.data(), much.size()), 5000);
  close(pipe_ends[1]);
  EXPECT_EQ(Said(ReadWords(pipe_ends[0])), "share.mistyped");
  close(pipe_ends[0]);
}

TEST_F(SharesTest, SheetHasWordsOnlyIfWanted) {
  const HeldShare held = Open(1);
  const SecretBytes words = *custody::ToWords(held.share);
  const std::string first(AsText(words.Read(SecretAccess())).substr(0, 41));
  ASSERT_TRUE(WriteSheet(held.sealed, nullptr, dir_ / "a.html"));
  ASSERT_TRUE(WriteSheet(held.sealed, &held.share, dir_ / "b.html"));
  EXPECT_EQ(ReadTextFile(dir_ / "a.html", 1 << 20)->find(first), std::string::npos);
  EXPECT_NE(ReadTextFile(dir_ / "b.html", 1 << 20)->find(first), std::string::npos);
  EXPECT_EQ(fs::status(dir_ / "b.html").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(SharesTest, HoldersSignFromTheirFilesOnce) {
  const Bytes message = ToBytes("an emergency patch");
  ASSERT_TRUE(WriteFileAtomic(dir_ / "patch", message));
  ASSERT_TRUE(WriteFileAtomic(dir_ / "else", "something else"));
  std::vector<custody::SigningCommitment> commitments;
  for (uint16_t i : {1, 3}) {
    ASSERT_TRUE(CommitToSign(Open(i), dir_ / "c", rng_));
    EXPECT_EQ(Said(CommitToSign(Open(i), dir_ / "c", rng_)), "nonce.exists");
    commitments.push_back(*custody::FromArmor<custody::SigningCommitment>(
        *ReadTextFile(dir_ / "c", custody::kMaxMessageFile)));
  }
  const auto request = *custody::MakeRequest(message, commitments, dealt_.set);
  ASSERT_TRUE(WriteFileAtomic(dir_ / "request", custody::ToArmor(request)));
  EXPECT_EQ(Said(LookAtRequest(Open(2).share, dir_ / "request", std::nullopt)), "sign.request");
  EXPECT_EQ(Said(LookAtRequest(Open(1).share, dir_ / "request", dir_ / "else")), "sign.message");
  EXPECT_TRUE(fs::exists(NoncesBeside(File(1)))) << "looking spends nothing";
  std::vector<custody::PartialSignature> parts;
  for (uint16_t i : {1, 3}) {
    const HeldShare held = Open(i);
    const ToSign to_sign = *LookAtRequest(held.share, dir_ / "request", dir_ / "patch");
    EXPECT_EQ(to_sign.message, crypto::Sha256(message));
    ASSERT_TRUE(SignRequest(held, to_sign, dir_ / "part"));
    EXPECT_FALSE(fs::exists(NoncesBeside(File(i))));
    EXPECT_EQ(Said(SignRequest(held, to_sign, dir_ / "part2")), "nonce.missing");
    parts.push_back(*custody::FromArmor<custody::PartialSignature>(
        *ReadTextFile(dir_ / "part", custody::kMaxMessageFile)));
  }
  const Bytes signature = *custody::Aggregate(request, parts, dealt_.set);
  EXPECT_TRUE(custody::GroupKey(dealt_.set)->Verify(message, signature));
}

}  // namespace
}  // namespace birthmark::app
