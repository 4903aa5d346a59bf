// SPDX-License-Identifier: Apache-2.0
#include "crypto/key.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/p256.h"
#include "crypto/software_signer.h"
#include "tests/support/wycheproof.h"

namespace birthmark::crypto {
namespace {

using test::ForEachWycheproof;
using test::Hex;

Bytes Copy(ByteView b) { return Bytes(b.begin(), b.end()); }

std::string CodeOf(const Result<PublicKey>& r) { return r ? "accepted" : r.error().code; }

Bytes SpkiOf(EVP_PKEY* key) {
  uint8_t* p = nullptr;
  int n = i2d_PUBKEY(key, &p);
  Bytes out(p, p + n);
  OPENSSL_free(p);
  return out;
}

Bytes RsaSpki(ByteView modulus, uint64_t exponent) {
  Bytes key, out;
  DerWriter(key).Sequence([&](DerWriter& w) {
    w.Unsigned(modulus);
    w.Unsigned(exponent);
  });
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([](DerWriter& a) {
      a.Oid("1.2.840.113549.1.1.1");
      a.Null();
    });
    w.BitString(key);
  });
  return out;
}

class EveryAlgorithm : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, EveryAlgorithm,
                         testing::Values(Algorithm::kEcdsaP256, Algorithm::kEcdsaP384,
                                         Algorithm::kRsa2048, Algorithm::kEd25519),
                         [](const auto& p) {
                           std::string s(ToText(p.param));
                           std::erase(s, '-');
                           return s;
                         });

TEST_P(EveryAlgorithm, SpkiRoundTrips) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  const PublicKey& pub = signer->public_key();
  EXPECT_EQ(pub.algorithm(), GetParam());
  auto again = PublicKey::FromSpki(pub.spki());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(Copy(again->spki()), Copy(pub.spki()));
  EXPECT_EQ(again->spki_digest(), Sha256(pub.spki()));
  EXPECT_EQ(SpkiOf(again->evp()), Copy(pub.spki()));
}

TEST_P(EveryAlgorithm, TrailingOrMissingOctetIsRefused) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  Bytes spki = Copy(signer->public_key().spki());
  spki.push_back(0);
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.malformed");
  spki.resize(spki.size() - 2);
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.malformed");
}

TEST_P(EveryAlgorithm, TextNameRoundTrips) {
  Algorithm a{};
  EXPECT_TRUE(FromText(ToText(GetParam()), a));
  EXPECT_EQ(a, GetParam());
  EXPECT_FALSE(FromText("rsa-1024", a));
}

TEST(PublicKey, PointOffTheCurveIsRefused) {
  Bytes spki = Copy(SoftwareSigner::Generate(Algorithm::kEcdsaP256).value()->public_key().spki());
  spki.back() ^= 1;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.malformed");
  Bytes p384 = Copy(SoftwareSigner::Generate(Algorithm::kEcdsaP384).value()->public_key().spki());
  p384.back() ^= 1;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(p384)), "key.malformed");
}

TEST(PublicKey, CompressedPointIsUnsupported) {
  EvpKeyPtr key(EVP_EC_gen("P-256"));
  EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                 "compressed");
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(SpkiOf(key.get()))), "key.unsupported");
}

TEST(PublicKey, ExplicitCurveIsUnsupported) {
  EvpKeyPtr key(EVP_EC_gen("P-256"));
  EVP_PKEY_set_utf8_string_param(key.get(), OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(SpkiOf(key.get()))), "key.unsupported");
}

TEST(PublicKey, OtherCurvesAndSizesAreUnsupported) {
  EXPECT_EQ(CodeOf(PublicKey::FromEvp(EvpKeyPtr(EVP_EC_gen("P-521")).get())), "key.unsupported");
  EXPECT_EQ(CodeOf(PublicKey::FromEvp(EvpKeyPtr(EVP_EC_gen("secp256k1")).get())),
            "key.unsupported");
  EXPECT_EQ(CodeOf(PublicKey::FromEvp(EvpKeyPtr(EVP_RSA_gen(1024)).get())), "key.unsupported");
  EvpKeyPtr x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  EXPECT_EQ(CodeOf(PublicKey::FromEvp(x25519.get())), "key.unsupported");
}

TEST(PublicKey, WeakRsaNumbersAreRefused) {
  Bytes modulus(256, 0xc3);
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(RsaSpki(modulus, 65537))), "accepted");
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(RsaSpki(modulus, 3))), "key.weak");
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(RsaSpki(modulus, 65536))), "key.weak");
  EXPECT_EQ(PublicKey::FromSpki(RsaSpki(Bytes(384, 0xc3), 65537))->algorithm(),
            Algorithm::kRsa3072);
  EXPECT_EQ(PublicKey::FromSpki(RsaSpki(Bytes(512, 0xc3), 65537))->algorithm(),
            Algorithm::kRsa4096);
  modulus.back() = 0xc2;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(RsaSpki(modulus, 65537))), "key.weak");
  modulus[0] = 0x43;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(RsaSpki(modulus, 65537))), "key.unsupported");
}

TEST(PublicKey, SmallOrderEd25519IsWeak) {
  Bytes spki = FromHex("302a300506032b6570032100" + std::string(64, '0')).value();
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.weak");
  spki[12] = 1;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.weak");
  spki.back() = 0x80;  // the sign bit of the same point
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "key.weak");
  spki[12] = 9;
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(spki)), "accepted");
}

TEST(PublicKey, HugeInputIsRefusedUnread) {
  EXPECT_EQ(CodeOf(PublicKey::FromSpki(Bytes(1 << 20))), "key.unsupported");
  EXPECT_EQ(CodeOf(PublicKey::FromSpki({})), "key.malformed");
}

TEST(PublicKey, KeyIdentifierIsSha1OfThePoint) {
  auto signer = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  EXPECT_EQ(signer->public_key().KeyIdentifier(),
            Sha1ForKeyId(signer->public_key().spki().last(65)));
}

TEST(PublicKey, EmptyKeyVerifiesNothing) { EXPECT_FALSE(PublicKey().Verify({}, {})); }

// Each file brings its keys as SPKI. The EVP road is the oracle of the fast one: both must give the
// vector's result.
void CheckSignatures(const char* file, const EVP_MD* md, size_t at_least) {
  size_t used = 0;
  size_t n = ForEachWycheproof(file, [&](const auto& group, const auto& t) {
    auto key = PublicKey::FromSpki(Hex(group["publicKeyDer"]));
    if (!key && key.error().code == "key.weak") return;  // the file's keys with the exponent 3
    ASSERT_TRUE(key) << key.error().ToString();
    if (t["result"] == "acceptable") return;
    ++used;
    Bytes message = Hex(t["msg"]), sig = Hex(t["sig"]);
    bool valid = t["result"] == "valid";
    EXPECT_EQ(key->Verify(message, sig), valid) << file << " " << t["tcId"] << " " << t["comment"];
    EvpMdCtxPtr ctx(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestVerifyInit(ctx.get(), nullptr, md, nullptr, key->evp()), 1);
    EXPECT_EQ(
        EVP_DigestVerify(ctx.get(), sig.data(), sig.size(), message.data(), message.size()) == 1,
        valid);
  });
  if (n == 0) return;
  EXPECT_GT(used, at_least);
}

TEST(PublicKey, EcdsaMatchesWycheproof) {
  CheckSignatures("ecdsa_secp256r1_sha256_test.json", EVP_sha256(), 400);
}
TEST(PublicKey, Ed25519MatchesWycheproof) { CheckSignatures("ed25519_test.json", nullptr, 100); }
TEST(PublicKey, RsaMatchesWycheproof) {
  CheckSignatures("rsa_signature_2048_sha256_test.json", EVP_sha256(), 200);
}

TEST(P256BasePoints, TakesNoScalarOutOfRange) {
  auto scalar = [](uint8_t first, uint8_t rest) {
    Bytes b(32, rest);
    b[0] = first;
    return SecretBytes::Take(std::move(b));
  };
  std::array<P256Point, 1> out;
  auto takes = [&](SecretBytes one) {
    std::array<SecretBytes, 1> all{std::move(one)};
    return P256BasePoints(all, out);
  };
  EXPECT_TRUE(takes(scalar(0, 1)));
  EXPECT_NE(P256PublicKey(out[0]), nullptr);
  EXPECT_FALSE(takes(scalar(0, 0)));
  EXPECT_FALSE(takes(scalar(0xff, 0xff)));
  EXPECT_FALSE(takes(SecretBytes(31)));
}

}  // namespace
}  // namespace birthmark::crypto
