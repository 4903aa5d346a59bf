// SPDX-License-Identifier: Apache-2.0
#include "attest/tpm.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attest/test_tpm.h"
#include "crypto/digest.h"

namespace birthmark::attest {
namespace {

using test::MakeFakeKey;

// Every prefix of a structure is refused, and so is one octet more.
template <class Read>
void CutEverywhere(const Bytes& whole, Read read) {
  ASSERT_TRUE(read(whole).has_value());
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(read(ByteView(whole).first(n)).has_value()) << n;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(read(longer).error().code, "tpm.trailing");
}

TEST(TpmPublic, SaysWhatTheStructureSays) {
  for (crypto::Algorithm a : {crypto::Algorithm::kEcdsaP256, crypto::Algorithm::kEcdsaP384,
                              crypto::Algorithm::kRsa2048}) {
    auto key = MakeFakeKey(test::kKeyAttributes, a);
    auto p = ReadPublic(key.area);
    ASSERT_TRUE(p) << p.error().message;
    EXPECT_EQ(*p->Spki(), key.Spki()) << crypto::ToText(a);
    Bytes name = {0x00, 0x0b};
    Digest d = crypto::Sha256(key.area);
    name.insert(name.end(), d.begin(), d.end());
    EXPECT_EQ(p->Name(), name);
    EXPECT_TRUE(p->Has(object::kFixedTpm | object::kSign));
    EXPECT_FALSE(p->Has(object::kRestricted));
    auto facts = p->Facts();
    EXPECT_EQ(facts.size(), 12u);
    EXPECT_TRUE(std::ranges::count(facts, Fact{"sensitiveDataOrigin", true}));
    EXPECT_TRUE(std::ranges::count(facts, Fact{"encryptedDuplication", false}));
    CutEverywhere(key.area, ReadPublic);
  }
}

TEST(TpmPublic, TakesTheSizedFormOfTools) {
  auto key = MakeFakeKey();
  Bytes file = {0, static_cast<uint8_t>(key.area.size())};
  file.insert(file.end(), key.area.begin(), key.area.end());
  EXPECT_EQ(ReadSizedPublic(file)->octets, key.area);
  EXPECT_EQ(ReadSizedPublic(key.area)->octets, key.area);
  EXPECT_FALSE(ReadPublic(file));
}

TEST(TpmPublic, RefusesWhatItDoesNotKnow) {
  auto key = MakeFakeKey();
  auto with = [&](size_t at, uint8_t v) {
    Bytes b = key.area;
    b[at] = v;
    return ReadPublic(b);
  };
  EXPECT_EQ(with(1, 0x08).error().code, "tpm.value");  // a keyed hash
  EXPECT_EQ(with(3, 0x04).error().code, "tpm.value");  // named by SHA-1
  EXPECT_EQ(with(4, 0x80).error().code, "tpm.value");  // a reserved bit
  Bytes off = key.area;
  off.back() ^= 1;  // no point of the curve
  ASSERT_TRUE(ReadPublic(off));
  EXPECT_EQ(ReadPublic(off)->Spki().error().code, "tpm.key");
}

TEST(TpmAttest, ReadsBothKinds) {
  Bytes name(34, 7), nonce = {1, 2, 3};
  Bytes certify = test::MakeAttest(name, nonce);
  auto a = ReadAttest(certify);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, AttestKind::kCertify);
  EXPECT_EQ(a->name, name);
  EXPECT_EQ(a->extra, nonce);
  EXPECT_EQ(a->clock, 0x1234u);
  EXPECT_EQ(a->reset_count, 1u);
  EXPECT_EQ(a->restart_count, 2u);
  EXPECT_TRUE(a->clock_safe);
  EXPECT_EQ(a->firmware, 0x2019102300163636u);
  CutEverywhere(certify, ReadAttest);
  Bytes hash(32, 9), creation = test::MakeAttest(name, nonce, hash);
  a = ReadAttest(creation);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->kind, AttestKind::kCreation);
  EXPECT_EQ(a->creation_hash, hash);
  CutEverywhere(creation, ReadAttest);
}

TEST(TpmAttest, OnlyWhatATpmMadeAboutAKey) {
  Bytes b = test::MakeAttest(Bytes(34, 7), {});
  b[0] = 0;
  EXPECT_EQ(ReadAttest(b).error().code, "tpm.magic");
  b[0] = 0xff;
  b[5] = 0x18;  // a quote
  EXPECT_EQ(ReadAttest(b).error().code, "tpm.attest-kind");
}

TEST(CreationData, TellsPrimaryKeysFromOthers) {
  EXPECT_TRUE(ReadCreationData(test::MakeCreationData(true))->IsPrimary());
  EXPECT_FALSE(ReadCreationData(test::MakeCreationData(false))->IsPrimary());
  CutEverywhere(test::MakeCreationData(true), ReadCreationData);
  Bytes odd = test::MakeCreationData(true);
  odd[8] = 0x0b;  // parentNameAlg SHA-256, but the parent's name is a handle
  EXPECT_EQ(ReadCreationData(odd).error().code, "tpm.value");
}

TEST(TpmSignature, OfAllKinds) {
  const Bytes message = {'a', 't', 't', 'e', 's', 't'};
  for (crypto::Algorithm a : {crypto::Algorithm::kEcdsaP256, crypto::Algorithm::kEcdsaP384,
                              crypto::Algorithm::kRsa2048}) {
    auto key = MakeFakeKey(test::kAkAttributes, a);
    Bytes wire = test::SignAttest(*key.signer, message);
    auto s = ReadSignature(wire, key.Spki());
    ASSERT_TRUE(s) << s.error().message;
    EXPECT_EQ(WriteSignature(*s), wire);
    EXPECT_TRUE(VerifySignature(key.Spki(), *s, message));
    EXPECT_EQ(VerifySignature(key.Spki(), *s, Bytes{1}).error().code, "attest.tampered");
    // The bare form that certificates carry.
    Bytes bare = *key.signer->Sign(message);
    auto b = ReadSignature(bare, key.Spki());
    ASSERT_TRUE(b) << b.error().message;
    EXPECT_TRUE(VerifySignature(key.Spki(), *b, message));
    for (size_t n = 0; n < wire.size(); ++n)
      EXPECT_FALSE(ReadSignature(ByteView(wire).first(n))) << n;
    s->hash = alg::kSha1;
    EXPECT_EQ(VerifySignature(key.Spki(), *s, message).error().code, "attest.signature");
  }
}

}  // namespace
}  // namespace birthmark::attest
