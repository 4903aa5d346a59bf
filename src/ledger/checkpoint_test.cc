// SPDX-License-Identifier: Apache-2.0
#include "ledger/checkpoint.h"

#include <gtest/gtest.h>

#include "crypto/software_signer.h"

namespace birthmark::ledger {
namespace {

// Key and note of the reference implementation's own test. Source: golang.org/x/mod sumdb/note,
// note_test.go.
constexpr const char* kVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const std::string kText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
const std::string kLine =
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::unique_ptr<crypto::SoftwareSigner> Signer() {
  return *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
}

TEST(Note, TheReferenceNoteVerifies) {
  auto key = NoteKey::FromText(kVkey);
  ASSERT_TRUE(key) << key.error().ToString();
  EXPECT_EQ(key->ToText(), kVkey);
  auto note = ParseNote(kText + "\n" + kLine);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, kText);
  EXPECT_TRUE(VerifyNote(*note, *key));
  EXPECT_EQ(FormatNote(*note), kText + "\n" + kLine);
}

TEST(Note, AnyChangedByteOfTheTextIsRefused) {
  auto key = NoteKey::FromText(kVkey);
  for (size_t i = 0; i < kText.size(); ++i) {
    std::string text = kText;
    text[i] = text[i] == 'x' ? 'y' : 'x';
    auto note = ParseNote(text + "\n" + kLine);
    EXPECT_TRUE(!note || !VerifyNote(*note, *key)) << i;
  }
}

TEST(Note, UnknownSignaturesAreIgnoredAndKnownOnesMustVerify) {
  auto key = NoteKey::FromText(kVkey);
  std::string other = "\xe2\x80\x94 witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9\n";
  EXPECT_TRUE(VerifyNote(*ParseNote(kText + "\n" + other + kLine), *key));
  EXPECT_EQ(VerifyNote(*ParseNote(kText + "\n" + other), *key).error().code, "note.unsigned");
  std::string broken = kLine;
  broken[broken.size() - 10] ^= 1;
  EXPECT_EQ(VerifyNote(*ParseNote(kText + "\n" + kLine + broken), *key).error().code,
            "note.signature");
}

TEST(Note, MalformedNotesAreRefused) {
  for (const std::string& s :
       {std::string(), kText, kText + "\n", kText + kLine,
        kText + "\n" + kLine.substr(0, kLine.size() - 1), kText + "\n" + kLine + "x\n",
        kText + "\r\n\n" + kLine, kText + "\n- PeterNeumann x08go/ZJkuBS\n",
        kText + "\n\xe2\x80\x94 Peter+Neumann x08go/ZJkuBS\n",
        kText + "\n\xe2\x80\x94 PeterNeumann x08go!ZJ\n",
        kText + "\n\xe2\x80\x94 PeterNeumann x08goA==\n",
        kText + "\n\xe2\x80\x94 a\xc2\xa0"
                "b x08go/ZJkuBS\n",
        std::string("\xff\n\n") + kLine, std::string(70'000, 'a') + "\n\n" + kLine}) {
    auto n = ParseNote(s);
    ASSERT_FALSE(n) << s;
    EXPECT_EQ(n.error().code, "note.malformed");
  }
  std::string many = kText + "\n";
  for (int i = 0; i < 101; ++i) many += kLine;
  EXPECT_EQ(ParseNote(many).error().code, "note.malformed");
}

TEST(Note, MangledKeysAreRefused) {
  std::string vkey = kVkey;
  for (size_t i = 0; i < vkey.size(); ++i) {
    std::string v = vkey;
    ++v[i];
    EXPECT_FALSE(NoteKey::FromText(v)) << v;
    EXPECT_FALSE(NoteKey::FromText(vkey.substr(0, i))) << i;
    EXPECT_FALSE(NoteKey::FromText(vkey.substr(i + 1))) << i;
  }
  auto p256 = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  EXPECT_EQ(NoteKey::Of("a", p256->public_key()).error().code, "note.key");
  EXPECT_EQ(NoteKey::Of("a b", Signer()->public_key()).error().code, "note.key");
}

TEST(Checkpoint, SignedThenOpenedIsTheSame) {
  auto signer = Signer();
  Checkpoint c{"acme/factory-8f3a41c9", 20852163, {}, {}};
  c.root[3] = 7;
  auto note = SignCheckpoint(c, *signer);
  ASSERT_TRUE(note);
  auto key = NoteKey::Of(c.origin, signer->public_key());
  EXPECT_EQ(OpenCheckpoint(*note, *key).value(), c);
  auto other = Signer();
  EXPECT_EQ(OpenCheckpoint(*note, *NoteKey::Of(c.origin, other->public_key())).error().code,
            "note.unsigned");
  EXPECT_EQ(OpenCheckpoint(*note, *NoteKey::Of("acme/other", signer->public_key())).error().code,
            "note.unsigned");
}

TEST(Checkpoint, OneUnderAnotherOriginIsRefused) {
  auto signer = Signer();
  auto key = NoteKey::Of("acme/a", signer->public_key());
  Note note;
  note.text = FormatCheckpoint({"acme/b", 1, {}, {}});
  note.signatures.push_back({"acme/a", key->id(), *signer->Sign(AsBytes(note.text))});
  EXPECT_EQ(OpenCheckpoint(FormatNote(note), *key).error().code, "checkpoint.malformed");
}

// The example of tlog-checkpoint, whose signature is not to be checked here.
TEST(Checkpoint, TheSpecificationsExampleParses) {
  std::string text =
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  auto c = ParseCheckpoint(text);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(c->size, 20852163u);
  EXPECT_EQ(FormatCheckpoint(*c), text);
  EXPECT_EQ(FormatCheckpoint(*ParseCheckpoint(text + "extension\n")), text + "extension\n");
}

TEST(Checkpoint, MalformedTextsAreRefused) {
  const std::string root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
  for (const std::string& s :
       {std::string(), std::string("a\n1\n"), "a\n01\n" + root, "a\n-1\n" + root, "a\n+1\n" + root,
        "a\n1 \n" + root, "a\n\n" + root, "\n1\n" + root, "a\n18446744073709551616\n" + root,
        "a\n9223372036854775808\n" + root, std::string("a\n1\nCsUYapGGPo4=\n"),
        "a\n1\n" + root + "\n", "a\n1\n" + root.substr(0, root.size() - 1)}) {
    auto c = ParseCheckpoint(s);
    ASSERT_FALSE(c) << s;
    EXPECT_EQ(c.error().code, "checkpoint.malformed");
  }
}

}  // namespace
}  // namespace birthmark::ledger
