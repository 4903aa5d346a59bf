// SPDX-License-Identifier: Apache-2.0
#include "crypto/software_signer.h"

#include <gtest/gtest.h>

#include "crypto/p256.h"
#include "tests/support/wycheproof.h"

namespace birthmark::crypto {
namespace {

class SignerOf : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, SignerOf,
                         testing::Values(Algorithm::kEcdsaP256, Algorithm::kEcdsaP384,
                                         Algorithm::kRsa2048, Algorithm::kEd25519),
                         [](const auto& p) {
                           std::string s(ToText(p.param));
                           std::erase(s, '-');
                           return s;
                         });

TEST_P(SignerOf, SignatureVerifiesAndBindsMessageAndKey) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  auto other = SoftwareSigner::Generate(GetParam()).value();
  Bytes message = ToBytes("a message");
  Bytes sig = signer->Sign(message).value();
  EXPECT_TRUE(signer->public_key().Verify(message, sig));
  EXPECT_FALSE(other->public_key().Verify(message, sig));
  EXPECT_FALSE(signer->public_key().Verify(ToBytes("a massage"), sig));
  sig[sig.size() / 2] ^= 1;
  EXPECT_FALSE(signer->public_key().Verify(message, sig));
}

TEST_P(SignerOf, Pkcs8RoundTrips) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  SecretBytes der = signer->ToPkcs8().value();
  auto again = SoftwareSigner::FromPkcs8(der);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ((*again)->public_key().spki_digest(), signer->public_key().spki_digest());
  Bytes sig = (*again)->Sign(ToBytes("m")).value();
  EXPECT_TRUE(signer->public_key().Verify(ToBytes("m"), sig));
}

TEST_P(SignerOf, CutOrPaddedPkcs8IsRefused) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  SecretBytes der = signer->ToPkcs8().value();
  ByteView view = der.Read(SecretAccess{});
  Bytes padded(view.begin(), view.end());
  padded.push_back(0);
  auto r = SoftwareSigner::FromPkcs8(SecretBytes::Take(std::move(padded)));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "key.malformed");
  r = SoftwareSigner::FromPkcs8(SecretBytes::Take(Bytes(view.begin(), view.end() - 1)));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "key.malformed");
}

TEST(SoftwareSigner, HalvesOfTwoKeysAreRefused) {
  SecretBytes a = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value()->ToPkcs8().value();
  SecretBytes b = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value()->ToPkcs8().value();
  ByteView av = a.Read(SecretAccess{}), bv = b.Read(SecretAccess{});
  ASSERT_EQ(av.size(), bv.size());
  Bytes mixed(av.begin(), av.end() - 65);
  mixed.insert(mixed.end(), bv.end() - 65, bv.end());
  auto r = SoftwareSigner::FromPkcs8(SecretBytes::Take(std::move(mixed)));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "key.malformed");
}

TEST(SoftwareSigner, PublicHalfAloneIsRefused) {
  auto signer = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  auto r = SoftwareSigner::FromEvp(signer->public_key().evp());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "key.malformed");
}

// RFC 6979 section A.2.5 gives a P-256 private key with its public key.
TEST(SoftwareSigner, ScalarGivesThePublicKeyOfRfc6979) {
  auto scalar = SecretBytes::Take(
      FromHex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721").value());
  auto signer = SoftwareSigner::FromP256Scalar(scalar).value();
  EXPECT_EQ(ToHex(signer->public_key().spki().last(64)),
            "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
}

TEST(SoftwareSigner, ScalarOutOfRangeIsRefused) {
  for (const char* hex :
       {"0000000000000000000000000000000000000000000000000000000000000000",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "01"}) {
    auto r = SoftwareSigner::FromP256Scalar(SecretBytes::Take(FromHex(hex).value()));
    ASSERT_FALSE(r) << hex;
    EXPECT_EQ(r.error().code, "key.malformed");
  }
}

// The oracle: what the fast road signs, EVP verifies, and the other way round.
TEST(SoftwareSigner, FastRoadAgreesWithEvp) {
  auto signer = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  for (int i = 0; i < 50; ++i) {
    Bytes message(static_cast<size_t>(i * 13), static_cast<uint8_t>(i));
    Bytes fast = signer->Sign(message).value();
    EvpMdCtxPtr ctx(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestVerifyInit(ctx.get(), nullptr, EVP_sha256(), nullptr, signer->evp()), 1);
    EXPECT_EQ(EVP_DigestVerify(ctx.get(), fast.data(), fast.size(), message.data(), message.size()),
              1);
    Bytes slow(80);
    size_t n = slow.size();
    ctx.reset(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, signer->evp()), 1);
    ASSERT_EQ(EVP_DigestSign(ctx.get(), slow.data(), &n, message.data(), message.size()), 1);
    slow.resize(n);
    EXPECT_TRUE(signer->public_key().Verify(message, slow));
  }
}

TEST(P256, SignatureInAnotherEncodingIsRefused) {
  auto signer = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  Bytes sig = signer->Sign(ToBytes("m")).value();
  sig.push_back(0);
  EXPECT_FALSE(signer->public_key().Verify(ToBytes("m"), sig));
  EXPECT_FALSE(signer->public_key().Verify(ToBytes("m"), {}));
}

}  // namespace
}  // namespace birthmark::crypto
