// SPDX-License-Identifier: Apache-2.0
#include "custody/frost.h"

#include "base/files.h"
#include "cbor/reflect.h"
#include "crypto/pem.h"
#include "custody/message.h"
#include "custody/nonce_file.h"
#include "custody/test_custody.h"
#include "pki/pki_fixture.h"
#include "tests/support/temp_dir.h"

namespace birthmark::custody {
namespace {

class FrostTest : public testing::Test {
 protected:
  SeededRng rng_;
  Dealt dealt_ = DistributedKey(3, 5, rng_).value();
  Bytes message_ = ToBytes("to be signed");

  // Round is one signing by the holders at these places, before their parts are joined.
  struct Round {
    SigningRequest request;
    std::vector<PartialSignature> parts;
  };
  Round Sign(const std::vector<size_t>& at, ByteView message) {
    std::vector<SigningNonces> nonces;
    std::vector<SigningCommitment> commitments;
    for (size_t i : at) {
      nonces.push_back(Commit(dealt_.shares[i], rng_).value());
      commitments.push_back(nonces.back().commitment());
    }
    Round r{.request = MakeRequest(message, commitments, dealt_.set).value()};
    for (size_t i = 0; i < at.size(); ++i)
      r.parts.push_back(SignPartial(dealt_.shares[at[i]], std::move(nonces[i]), r.request).value());
    return r;
  }
};

TEST_F(FrostTest, AnyThreeOrMoreSignAndTheSignatureIsOrdinaryEd25519) {
  const crypto::PublicKey key = GroupKey(dealt_.set).value();
  EXPECT_EQ(key.algorithm(), crypto::Algorithm::kEd25519);
  for (const auto& at : std::vector<std::vector<size_t>>{
           {0, 1, 2}, {0, 2, 4}, {2, 3, 4}, {4, 3, 2}, {0, 1, 2, 3}, {0, 1, 2, 3, 4}}) {
    for (const Bytes& m : {Bytes(), message_, Bytes(100000, 0x61)}) {
      const Round r = Sign(at, m);
      const Bytes signature = Aggregate(r.request, r.parts, dealt_.set).value();
      EXPECT_EQ(signature.size(), 64u);
      EXPECT_TRUE(key.Verify(m, signature));
      for (const PartialSignature& p : r.parts) EXPECT_TRUE(CheckPartial(p, r.request, dealt_.set));
    }
  }
}

TEST_F(FrostTest, TwoOfThreeAreNotEnough) {
  std::vector<SigningCommitment> two;
  for (size_t i : {0, 1}) two.push_back(Commit(dealt_.shares[i], rng_)->commitment());
  EXPECT_EQ(CodeOf(MakeRequest(message_, two, dealt_.set)), "share.too-few");
}

TEST_F(FrostTest, EveryBadPartNamesItsSigner) {
  const Round r = Sign({0, 1, 3}, message_);
  const auto join = [&](void (*change)(std::vector<PartialSignature>&)) {
    auto parts = r.parts;
    change(parts);
    const auto s = Aggregate(r.request, parts, dealt_.set);
    return CodeOf(s) + ": " + MessageOf(s);
  };
  const auto ends = [](const std::string& text, std::string_view end) {
    EXPECT_TRUE(text.ends_with(end)) << text;
  };
  ends(join([](auto& p) { p[1].value[0] ^= 1; }), "signer's: 2");
  ends(join([](auto& p) { p[0].value[0] ^= 1, p[2].value[0] ^= 1; }), "signer's: 1, 4");
  ends(join([](auto& p) { p[1].value = Bytes(32, 0xff); }), "signer's: 2");
  ends(join([](auto& p) { p[1].value.clear(); }), "signer's: 2");
  ends(join([](auto& p) { p[1].set[0] ^= 1; }), "signer's: 2");
  ends(join([](auto& p) { std::swap(p[0].value, p[1].value); }), "signer's: 1, 2");
  ends(join([](auto& p) { p[1].request[0] ^= 1; }), "another request: 2");
  ends(join([](auto& p) { p.pop_back(); }), "from signers 4");
  ends(join([](auto& p) { p.push_back(p[1]); }), "signer 2 sent two parts");
  ends(join([](auto& p) { p[1].index = 3; }), "signer's: 3");

  auto parts = r.parts;
  parts[1].value[5] ^= 1;
  EXPECT_EQ(CodeOf(CheckPartial(parts[1], r.request, dealt_.set)), "sign.partial");
  parts[0].request[3] ^= 1;
  EXPECT_EQ(CodeOf(CheckPartial(parts[0], r.request, dealt_.set)), "sign.other-request");
  parts = r.parts;
  parts.pop_back();
  EXPECT_EQ(CodeOf(Aggregate(r.request, parts, dealt_.set)), "sign.missing");
}

TEST_F(FrostTest, SignerWithAWrongShareIsNamedAndTheOthersGoOn) {
  dealt_.shares[1] = Wrong(dealt_.shares[1]);
  const Round bad = Sign({0, 1, 2}, message_);
  const auto r = Aggregate(bad.request, bad.parts, dealt_.set);
  EXPECT_EQ(CodeOf(r), "sign.partial");
  EXPECT_TRUE(r.error().message.ends_with(": 2"));
  const Round good = Sign({0, 2, 3}, message_);
  EXPECT_TRUE(Aggregate(good.request, good.parts, dealt_.set));
}

TEST_F(FrostTest, NoncesSignOnce) {
  SigningNonces n = Commit(dealt_.shares[0], rng_).value();
  std::vector<SigningCommitment> c = {n.commitment(), Commit(dealt_.shares[1], rng_)->commitment(),
                                      Commit(dealt_.shares[2], rng_)->commitment()};
  const SigningRequest one = MakeRequest(message_, c, dealt_.set).value();
  const SigningRequest two = MakeRequest(ToBytes("another"), c, dealt_.set).value();
  EXPECT_FALSE(n.spent());
  EXPECT_TRUE(SignPartial(dealt_.shares[0], std::move(n), one));
  EXPECT_TRUE(n.spent());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(CodeOf(SignPartial(dealt_.shares[0], std::move(n), two)), "nonce.spent");
  const SecretBytes left = n.ToOctets();
  for (uint8_t o : left.Read(SecretAccess()).last(64)) EXPECT_EQ(o, 0);
}

TEST_F(FrostTest, NoncesAreSpentByARefusedRequestToo) {
  SigningNonces n = Commit(dealt_.shares[0], rng_).value();
  SigningRequest r = Sign({0, 1, 2}, message_).request;  // without this commitment
  EXPECT_EQ(CodeOf(SignPartial(dealt_.shares[0], std::move(n), r)), "sign.request");
  EXPECT_TRUE(n.spent());  // NOLINT(bugprone-use-after-move)
}

TEST_F(FrostTest, RequestsThatDoNotFitTheShareAreRefused) {
  const auto sign = [&](void (*change)(SigningRequest&)) {
    SigningNonces n = Commit(dealt_.shares[0], rng_).value();
    SigningRequest r = MakeRequest(message_,
                                   {n.commitment(), Commit(dealt_.shares[1], rng_)->commitment(),
                                    Commit(dealt_.shares[2], rng_)->commitment()},
                                   dealt_.set)
                           .value();
    change(r);
    return CodeOf(SignPartial(dealt_.shares[0], std::move(n), r));
  };
  EXPECT_EQ(sign([](auto&) {}), "accepted");
  EXPECT_EQ(sign([](auto& r) { r.set[0] ^= 1; }), "share.foreign");
  EXPECT_EQ(sign([](auto& r) { r.key = r.commitments[0].hiding; }), "share.foreign");
  EXPECT_EQ(sign([](auto& r) { r.generation = 2; }), "share.stale");
  EXPECT_EQ(sign([](auto& r) { r.commitments[0].hiding = r.commitments[1].hiding; }),
            "sign.request");
  EXPECT_EQ(sign([](auto& r) { r.commitments[1].hiding = Bytes(32); }), "sign.commitment");
  EXPECT_EQ(sign([](auto& r) { r.commitments[1].set[0] ^= 1; }), "sign.commitment");
  EXPECT_EQ(sign([](auto& r) { r.commitments[1].generation = 7; }), "sign.commitment");
  EXPECT_EQ(sign([](auto& r) { std::swap(r.commitments[1], r.commitments[2]); }), "sign.request");
  EXPECT_EQ(sign([](auto& r) { r.commitments[2] = r.commitments[1]; }), "sign.request");
  EXPECT_EQ(sign([](auto& r) { r.commitments[2].index = 0; }), "sign.request");
  EXPECT_EQ(sign([](auto& r) { r.commitments.resize(1); }), "sign.request");
}

TEST_F(FrostTest, CoordinatorRefusesBadCommitments) {
  const auto make = [&](void (*change)(std::vector<SigningCommitment>&)) {
    std::vector<SigningCommitment> c;
    for (size_t i : {0, 1, 2}) c.push_back(Commit(dealt_.shares[i], rng_)->commitment());
    change(c);
    return CodeOf(MakeRequest(message_, c, dealt_.set));
  };
  EXPECT_EQ(make([](auto& c) { c[1].index = 9; }), "sign.commitment");
  EXPECT_EQ(make([](auto& c) { c[1].binding = Bytes(32); }), "sign.commitment");
  EXPECT_EQ(make([](auto& c) { c[1].binding.clear(); }), "sign.commitment");
  EXPECT_EQ(make([](auto& c) { c[1].generation = 2; }), "sign.commitment");
  EXPECT_EQ(make([](auto& c) { c[1] = c[0]; }), "share.duplicate");
  EXPECT_EQ(make([](auto& c) { c.clear(); }), "share.too-few");
  EXPECT_EQ(make([](auto& c) { std::swap(c[0], c[2]); }), "accepted");
  EXPECT_EQ(CodeOf(MakeRequest(Bytes(kMaxMessage + 1), {}, dealt_.set)), "sign.message");
}

TEST_F(FrostTest, SignersInOtherPlacesExchangeFiles) {
  test::TempDir dir;
  const SecretBytes passphrase = Secret("tokyo at night");
  std::vector<SigningCommitment> commitments;
  for (size_t i : {0, 2, 4}) {
    const SigningNonces n = Commit(dealt_.shares[i], rng_).value();
    ASSERT_TRUE(KeepNonces(dir / std::to_string(i), n, passphrase, Argon2Cost::Rehearsal()));
    EXPECT_EQ(CodeOf(KeepNonces(dir / std::to_string(i), n, passphrase, Argon2Cost::Rehearsal())),
              "nonce.exists");
    commitments.push_back(FromArmor<SigningCommitment>(ToArmor(n.commitment())).value());
  }
  const SigningRequest request =
      FromArmor<SigningRequest>(ToArmor(MakeRequest(message_, commitments, dealt_.set).value()))
          .value();
  std::vector<PartialSignature> parts;
  for (size_t i : {4, 0, 2}) {
    const auto path = dir / std::to_string(i);
    EXPECT_EQ(CodeOf(SpendNonces(path, Secret("something else"))), "share.sealed");
    EXPECT_TRUE(fs::exists(path)) << "a wrong passphrase costs nothing";
    SigningNonces n = SpendNonces(path, passphrase).value();
    EXPECT_FALSE(fs::exists(path));
    EXPECT_EQ(CodeOf(SpendNonces(path, passphrase)), "nonce.missing");
    parts.push_back(FromArmor<PartialSignature>(
                        ToArmor(SignPartial(dealt_.shares[i], std::move(n), request).value()))
                        .value());
  }
  const Bytes signature = Aggregate(request, parts, dealt_.set).value();
  EXPECT_TRUE(GroupKey(dealt_.set)->Verify(message_, signature));
}

TEST_F(FrostTest, NoncesHaveOneForm) {
  const SigningNonces n = Commit(dealt_.shares[0], rng_).value();
  const SecretBytes octets = n.ToOctets();
  const ByteView plain = octets.Read(SecretAccess());
  EXPECT_EQ(SigningNonces::FromOctets(plain)->commitment(), n.commitment());
  EXPECT_EQ(CodeOf(SigningNonces::FromOctets(plain.first(plain.size() - 1))), "nonce.malformed");
  Bytes zero(plain.begin(), plain.end());
  std::fill(zero.end() - 32, zero.end(), 0);
  EXPECT_EQ(CodeOf(SigningNonces::FromOctets(zero)), "nonce.malformed");
  std::fill(zero.end() - 32, zero.end(), 0xff);
  EXPECT_EQ(CodeOf(SigningNonces::FromOctets(zero)), "nonce.malformed");
}

TEST_F(FrostTest, RepeatedRandomnessOfTwoSignersGivesDifferentNonces) {
  SeededRng a, b;
  EXPECT_NE(Commit(dealt_.shares[0], a)->commitment().hiding,
            Commit(dealt_.shares[1], b)->commitment().hiding);
}

TEST_F(FrostTest, ThresholdSignerSetsBadSharesAside) {
  std::vector<Share> brought = Pick(dealt_.shares, {0, 1, 2, 3});
  brought[0] = Wrong(brought[0]);
  auto signer = ThresholdSigner::Make(std::move(brought), dealt_.set, rng_).value();
  ASSERT_EQ(signer->refused().size(), 1u);
  EXPECT_EQ(signer->refused()[0].index, 1);
  EXPECT_EQ(signer->refused()[0].error.code, "share.wrong");
  const Bytes a = signer->Sign(message_).value(), b = signer->Sign(message_).value();
  EXPECT_TRUE(signer->public_key().Verify(message_, a));
  EXPECT_TRUE(signer->public_key().Verify(message_, b));
  EXPECT_NE(a, b) << "fresh nonces each time";
  EXPECT_EQ(CodeOf(ThresholdSigner::Make(Pick(dealt_.shares, {0, 1}), dealt_.set, rng_)),
            "share.too-few");
}

TEST_F(FrostTest, KeyStaysUnderReshareAndOldSharesDoNotSign) {
  const Dealt next = Reshare(dealt_.shares, dealt_.set, 2, 3, rng_).value();
  auto signer = ThresholdSigner::Make(Pick(next.shares, {0, 2}), next.set, rng_).value();
  EXPECT_TRUE(GroupKey(dealt_.set)->Verify(message_, signer->Sign(message_).value()));
  const auto stale = ThresholdSigner::Make(Pick(dealt_.shares, {0, 1, 2}), next.set, rng_);
  EXPECT_EQ(CodeOf(stale), "share.too-few");
  EXPECT_NE(stale.error().message.find("share 1: share.stale"), std::string::npos);
}

TEST_F(FrostTest, OpensslVerifiesARootThatNobodyHasTheKeyOf) {
  auto signer = ThresholdSigner::Make(Pick(dealt_.shares, {1, 2, 4}), dealt_.set, rng_).value();
  const auto root =
      pki::SelfSign(*signer, pki::RootProfile(), pki::RehearsalMarks(), pki::test::TestStamp(),
                    {.subject = pki::test::TestName("Acme Threshold Root"), .path_len = 1});
  ASSERT_TRUE(root) << root.error().ToString();
  test::TempDir dir;
  const std::string file = (dir / "root.pem").string();
  ASSERT_TRUE(WriteFileAtomic(file, crypto::WritePem("CERTIFICATE", root->der())));
  const std::string command = "openssl verify -x509_strict -check_ss_sig -attime " +
                              std::to_string(Millis(pki::test::kNow) / 1000 + 60) + " -CAfile " +
                              file + " " + file;
  EXPECT_EQ(std::system((command + " >/dev/null").c_str()), 0) << command;
}

}  // namespace
}  // namespace birthmark::custody
