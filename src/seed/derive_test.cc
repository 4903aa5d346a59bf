// SPDX-License-Identifier: Apache-2.0
#include "seed/derive.h"

#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "crypto/cert.h"
#include "seed/derive_command.h"
#include "seed/hkdf512.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace birthmark::seed {
namespace {

using crypto::Algorithm;

SecretBytes Secret(ByteView b) { return SecretBytes::Take(Bytes(b.begin(), b.end())); }

std::vector<SecretBytes> One(ByteView b) {
  std::vector<SecretBytes> out;
  out.push_back(Secret(b));
  return out;
}

Bytes Hex(std::string_view s) { return *FromHex(s); }

// The values that the profile's authors publish for all inputs zero and for made-up inputs.
struct Published {
  nlohmann::json values;
  Bytes operator[](const std::string& name) const {
    return Hex(values.at(name).get<std::string>());
  }
};
Published ReadPublished() {
  auto text = ReadTextFile(test::VectorsDir() / "open-dice/known_test_values_subset.json", 1 << 20);
  return {nlohmann::json::parse(text.value())};
}

// FakeInput is how the authors make inputs: an expansion of a name by SHA-512 in counter mode.
Bytes FakeInput(std::string_view name, size_t n) {
  Block512 ctx;
  SHA512(AsBytes(name).data(), name.size(), ctx.data());
  Bytes out;
  while (out.size() < n) {
    Block512 block;
    SHA512(ctx.data(), ctx.size(), block.data());
    out.insert(out.end(), block.begin(), block.end());
    for (int i = 0; i < 8 && ++ctx[static_cast<size_t>(i)] == 0; ++i) {
    }
  }
  out.resize(n);
  return out;
}

void ExpectSubject(const Bytes& certificate, ByteView cdi, Algorithm a) {
  auto cert = crypto::Certificate::FromDer(certificate);
  ASSERT_TRUE(cert.has_value()) << cert.error().ToString();
  auto d = Derive(Secret(cdi), a);
  ASSERT_TRUE(d.has_value()) << d.error().ToString();
  ASSERT_TRUE(cert->public_key().has_value());
  EXPECT_EQ(ToHex(d->public_key.spki()), ToHex(cert->public_key()->spki()));
  EXPECT_EQ(cert->subject_serial_number(), ToHex(d->id));
  EXPECT_EQ(cert->serial_hex(), ToHex(d->id));
  auto signer = SignerOf(*d);
  ASSERT_TRUE(signer.has_value());
  Bytes message = ToBytes("made in two places");
  EXPECT_TRUE(cert->public_key()->Verify(message, (*signer)->Sign(message).value()));
}

void ExpectIssuer(const Bytes& certificate, ByteView cdi, Algorithm a) {
  auto cert = crypto::Certificate::FromDer(certificate);
  ASSERT_TRUE(cert.has_value());
  auto d = Derive(Secret(cdi), a);
  ASSERT_TRUE(d.has_value());
  EXPECT_NE(cert->issuer().find(ToHex(d->id)), std::string::npos) << cert->issuer();
  EXPECT_TRUE(cert->IsSignedBy(d->public_key));
}

TEST(Derive, ThePublishedValuesOfTheProfileForZeroInput) {
  if (!test::VectorsPresent("open-dice")) return;
  Published p = ReadPublished();
  Bytes cdi = p["kExpectedCdiAttest_ZeroInput"];
  ExpectSubject(p["kExpectedX509Ed25519Cert_ZeroInput"], cdi, Algorithm::kEd25519);
  ExpectSubject(p["kExpectedX509P256Cert_ZeroInput"], cdi, Algorithm::kEcdsaP256);
}

TEST(Derive, ThePublishedValuesOfTheProfileForMadeUpInput) {
  if (!test::VectorsPresent("open-dice")) return;
  Published p = ReadPublished();
  Bytes cdi = p["kExpectedCdiAttest_HashOnlyInput"];
  ExpectSubject(p["kExpectedX509Ed25519Cert_HashOnlyInput"], cdi, Algorithm::kEd25519);
  ExpectSubject(p["kExpectedX509P256Cert_HashOnlyInput"], cdi, Algorithm::kEcdsaP256);
  Bytes before = FakeInput("cdi_attest", 32);
  ExpectIssuer(p["kExpectedX509Ed25519Cert_HashOnlyInput"], before, Algorithm::kEd25519);
  ExpectIssuer(p["kExpectedX509P256Cert_HashOnlyInput"], before, Algorithm::kEcdsaP256);
}

TEST(Derive, TheProfilesNextCdiComesOutOfTheSameFunction) {
  if (!test::VectorsPresent("open-dice")) return;
  Published p = ReadPublished();
  // "Computing CDI Values": the salt is the hash of code, configuration, authority, mode, hidden.
  Bytes in = FakeInput("code_hash", 64);
  for (const Bytes& more :
       {FakeInput("inline_config", 64), FakeInput("authority_hash", 64), Bytes(1), Bytes(64)}) {
    in.insert(in.end(), more.begin(), more.end());
  }
  Block512 salt;
  SHA512(in.data(), in.size(), salt.data());
  Bytes next(32);
  HkdfSha512(FakeInput("cdi_attest", 32), HmacSha512(salt), "CDI_Attest", next);
  EXPECT_EQ(ToHex(next), ToHex(p["kExpectedCdiAttest_HashOnlyInput"]));
}

TEST(Derive, P384HasThePublishedId) {
  // The subject of the authors' P-384 example for zero input; their CDI for it is the same as for
  // the other algorithms. Source: open-dice, known_test_values.h, kExpectedCborP384Cert_ZeroInput.
  Bytes cdi = Hex("fbfc679771342eeacb908659ce49d6b63b4535da2c51433d7f04efa6319e0c19");
  auto d = Derive(Secret(cdi), Algorithm::kEcdsaP384);
  ASSERT_TRUE(d.has_value()) << d.error().ToString();
  EXPECT_EQ(ToHex(d->id), "40cb4f064a68d407a0b390abcc05a34bfc8af33f");
  EXPECT_EQ(d->private_key.size(), 48u);
  auto signer = SignerOf(*d);
  ASSERT_TRUE(signer.has_value()) << signer.error().ToString();
  Bytes message = ToBytes("m");
  EXPECT_TRUE(d->public_key.Verify(message, (*signer)->Sign(message).value()));
}

TEST(Derive, TheFastPathGivesTheSamePoint) {
  Bytes seed(32, 7);
  for (uint8_t i = 0; i < 50; ++i) {
    seed[3] = i;
    auto slow = Derive(Secret(seed), Algorithm::kEcdsaP256);
    auto fast = DeriveP256Points(One(seed));
    ASSERT_TRUE(slow.has_value() && fast.has_value());
    EXPECT_EQ(ToHex(slow->public_key.spki().last(65)), ToHex(fast->front()));
    EXPECT_LT(slow->id[0], 0x80);
  }
}

TEST(Derive, ManyPointsTogetherAreTheSamePoints) {
  for (size_t many : {0, 1, 2, 65}) {
    std::vector<SecretBytes> seeds;
    for (size_t i = 0; i < many; ++i) {
      Bytes seed(32 + i % 33, 9);
      seed[1] = static_cast<uint8_t>(i);
      seeds.push_back(Secret(seed));
    }
    auto together = DeriveP256Points(seeds);
    ASSERT_TRUE(together.has_value()) << together.error().ToString();
    ASSERT_EQ(together->size(), many);
    for (size_t i = 0; i < many; ++i)
      EXPECT_EQ(ToHex((*together)[i]),
                ToHex(Derive(seeds[i], Algorithm::kEcdsaP256)->public_key.spki().last(65)));
  }
  std::vector<SecretBytes> bad;
  bad.push_back(Secret(Bytes(32, 1)));
  bad.push_back(Secret(Bytes(32, 0)));
  EXPECT_EQ(DeriveP256Points(bad).error().code, "seed.zero");
}

TEST(Derive, RefusesWhatIsNoSeed) {
  auto code = [](size_t n, uint8_t fill, Algorithm a) {
    auto d = Derive(Secret(Bytes(n, fill)), a);
    return d ? "" : d.error().code;
  };
  EXPECT_EQ(code(31, 1, Algorithm::kEd25519), "seed.short");
  EXPECT_EQ(code(0, 1, Algorithm::kEd25519), "seed.short");
  EXPECT_EQ(code(65, 1, Algorithm::kEcdsaP256), "seed.long");
  EXPECT_EQ(code(32, 0, Algorithm::kEcdsaP256), "seed.zero");
  EXPECT_EQ(code(32, 1, Algorithm::kRsa2048), "seed.algorithm");
  EXPECT_EQ(code(64, 1, Algorithm::kEcdsaP384), "");
  EXPECT_EQ(DeriveP256Points(One(Bytes(31, 1))).error().code, "seed.short");
}

TEST(DeriveCommand, ReadsOctetsAndHexadecimalAndPrintsNothingSecret) {
  test::TempDir dir;
  const std::string file = (dir / "seed").string();
  const Bytes seed(32, 0xc3);
  auto run = [&](ByteView content, const char* algorithm, bool json = true) {
    EXPECT_TRUE(WriteFileAtomic(file, content));
    return RunDerive({.seed_file = file, .algorithm = algorithm, .json = json});
  };
  auto raw = run(seed, "p256");
  ASSERT_TRUE(raw) << raw.error().ToString();
  EXPECT_EQ(run(ToBytes(ToHex(seed) + "\r\n"), "p256").value(), *raw);
  auto parsed = nlohmann::json::parse(*raw);
  auto derived = Derive(Secret(seed), Algorithm::kEcdsaP256);
  EXPECT_EQ(parsed["id"], ToHex(derived->id));
  EXPECT_EQ(parsed["public_key"], ToHex(derived->public_key.spki().last(65)));
  for (const char* algorithm : {"ed25519", "p256", "p384"}) {
    for (bool json : {true, false}) {
      const std::string text = run(seed, algorithm, json).value();
      EXPECT_EQ(text.find(ToHex(seed)), std::string::npos);
      auto d =
          Derive(Secret(seed), algorithm[0] == 'e'                     ? Algorithm::kEd25519
                               : std::string_view(algorithm) == "p256" ? Algorithm::kEcdsaP256
                                                                       : Algorithm::kEcdsaP384);
      EXPECT_EQ(text.find(ToHex(d->private_key.Read(SecretAccess{}))), std::string::npos);
      EXPECT_NE(text.find(ToHex(d->id)), std::string::npos);
    }
  }
  // 16 octets in hexadecimal are 32 characters, and no seed.
  EXPECT_EQ(run(ToBytes(ToHex(Bytes(16, 0xc3))), "p256").error().code, "seed.short");
  EXPECT_EQ(run(Bytes(31, 0xc3), "p256").error().code, "seed.short");
  EXPECT_EQ(run(Bytes(100, 0xc3), "p256").error().code, "seed.file");
  EXPECT_EQ(run(seed, "rsa").error().code, "seed.algorithm");
}

TEST(Hkdf512, AgreesWithOpenSslForManyInputs) {
  for (size_t n : {0u, 1u, 32u, 64u, 127u, 128u, 129u, 300u}) {
    Bytes key(n, static_cast<uint8_t>(n)), message(n * 3 + 1, 0x5a);
    Block512 ours;
    HmacSha512(key).Of({ByteView(message).first(n), ByteView(message).subspan(n)}, ours);
    Block512 theirs;
    unsigned int size = 0;
    HMAC(EVP_sha512(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
         theirs.data(), &size);
    EXPECT_EQ(ToHex(ours), ToHex(theirs)) << n;

    crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
    Bytes want(41), got(41);
    size_t out = want.size();
    ASSERT_EQ(EVP_PKEY_derive_init(ctx.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_hkdf_md(ctx.get(), EVP_sha512()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set1_hkdf_salt(ctx.get(), message.data(), 64 < message.size() ? 64 : 1),
              1);
    ASSERT_EQ(
        EVP_PKEY_CTX_set1_hkdf_key(ctx.get(), message.data(), static_cast<int>(message.size())), 1);
    ASSERT_EQ(EVP_PKEY_CTX_add1_hkdf_info(ctx.get(), AsBytes("Key Pair").data(), 8), 1);
    ASSERT_EQ(EVP_PKEY_derive(ctx.get(), want.data(), &out), 1);
    HkdfSha512(message, HmacSha512(ByteView(message).first(64 < message.size() ? 64 : 1)),
               "Key Pair", got);
    EXPECT_EQ(ToHex(got), ToHex(want)) << n;
  }
}

}  // namespace
}  // namespace birthmark::seed
