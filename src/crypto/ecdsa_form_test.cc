// SPDX-License-Identifier: Apache-2.0
#include "crypto/ecdsa_form.h"

#include <gtest/gtest.h>

#include "crypto/software_signer.h"
#include "tests/support/wycheproof.h"

namespace birthmark::crypto {
namespace {

TEST(EcdsaForm, BothFormsConvertBack) {
  for (auto [a, half] : {std::pair{Algorithm::kEcdsaP256, 32u}, {Algorithm::kEcdsaP384, 48u}}) {
    auto signer = SoftwareSigner::Generate(a).value();
    for (int i = 0; i < 100; ++i) {  // enough that short and sign-padded numbers occur
      Bytes der = signer->Sign(Bytes(1, static_cast<uint8_t>(i))).value();
      Bytes raw = EcdsaDerToRaw(der, half).value();
      EXPECT_EQ(raw.size(), 2 * half);
      EXPECT_EQ(EcdsaRawToDer(raw).value(), der);
    }
  }
}

TEST(EcdsaForm, OtherEncodingsAreRefused) {
  auto refused = [](std::string_view hex) {
    auto r = EcdsaDerToRaw(FromHex(hex).value(), 32);
    return !r && r.error().code == "ecdsa.form";
  };
  EXPECT_FALSE(refused("3006020101020101"));
  EXPECT_TRUE(refused("300602010102010100"));      // after the signature
  EXPECT_TRUE(refused("3009020101020101020101"));  // a third number
  EXPECT_TRUE(refused("300702020001020101"));      // not shortest
  EXPECT_TRUE(refused("3006020100020101"));        // zero
  EXPECT_TRUE(refused("30060201ff020101"));        // negative
  EXPECT_TRUE(refused("3003020101"));
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("3026022101" + std::string(64, '0') + "020101"));  // 33 octets
  EXPECT_EQ(EcdsaRawToDer(Bytes(63, 1)).error().code, "ecdsa.form");
  EXPECT_EQ(EcdsaRawToDer(Bytes(64, 0)).error().code, "ecdsa.form");
  EXPECT_EQ(EcdsaRawToDer({}).error().code, "ecdsa.form");
}

TEST(EcdsaForm, RawSignaturesMatchWycheproof) {
  size_t n = test::ForEachWycheproof(
      "ecdsa_secp256r1_sha256_p1363_test.json", [](const auto& group, const auto& t) {
        auto key = PublicKey::FromSpki(test::Hex(group["publicKeyDer"])).value();
        Bytes raw = test::Hex(t["sig"]);
        auto der = EcdsaRawToDer(raw);
        bool ok = raw.size() == 64 && der && key.Verify(test::Hex(t["msg"]), *der);
        EXPECT_EQ(ok, t["result"] == "valid") << t["tcId"] << " " << t["comment"];
      });
  if (n == 0) return;
  EXPECT_GT(n, 200u);
}

}  // namespace
}  // namespace birthmark::crypto
