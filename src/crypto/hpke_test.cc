// SPDX-License-Identifier: Apache-2.0
#include "crypto/hpke.h"

#include <gtest/gtest.h>

#include "crypto/p256.h"
#include "crypto/software_signer.h"

namespace birthmark::crypto {
namespace {

SecretBytes Secret(std::string_view hex) { return SecretBytes::Take(*FromHex(hex)); }

PublicKey KeyAt(std::string_view point_hex) {
  Bytes spki(kP256SpkiPrefix.begin(), kP256SpkiPrefix.end());
  Bytes point = *FromHex(point_hex);
  spki.insert(spki.end(), point.begin(), point.end());
  return *PublicKey::FromSpki(spki);
}

// RFC 9180 appendix A.3.1: base mode, sequence number 0.
constexpr std::string_view kInfo = "4f6465206f6e2061204772656369616e2055726e";
constexpr std::string_view kEphemeral =
    "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb";
constexpr std::string_view kRecipient =
    "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3"
    "d30ad6aa8f80e30f1d128aafd68a2ce72ea0";
constexpr std::string_view kRecipientScalar =
    "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2";
constexpr std::string_view kEnc =
    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c09"
    "00be863c403ce65c9bfcb9382657222d18c4";
constexpr std::string_view kPlain = "4265617574792069732074727574682c20747275746820626561757479";
constexpr std::string_view kAad = "436f756e742d30";
constexpr std::string_view kCiphertext =
    "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434";

TEST(Hpke, SealsAsThePublishedVectorDoes) {
  auto sealed = HpkeSealWith(Secret(kEphemeral), KeyAt(kRecipient), *FromHex(kInfo), *FromHex(kAad),
                             *FromHex(kPlain));
  ASSERT_TRUE(sealed) << sealed.error().message;
  EXPECT_EQ(ToHex(sealed->enc), kEnc);
  EXPECT_EQ(ToHex(sealed->ciphertext), kCiphertext);
}

TEST(Hpke, OpensThePublishedVector) {
  HpkeObject object{*FromHex(kEnc), *FromHex(kCiphertext)};
  auto plain = HpkeOpen(Secret(kRecipientScalar), object, *FromHex(kInfo), *FromHex(kAad));
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(ToHex(plain->Read(SecretAccess())), kPlain);
}

TEST(Hpke, RefusesWhatWasChanged) {
  const HpkeObject good{*FromHex(kEnc), *FromHex(kCiphertext)};
  const Bytes info = *FromHex(kInfo), aad = *FromHex(kAad);
  const SecretBytes key = Secret(kRecipientScalar);
  HpkeObject bad = good;
  bad.ciphertext[3] ^= 1;
  EXPECT_EQ(HpkeOpen(key, bad, info, aad).error().code, "hpke.broken");
  bad = good;
  bad.enc[10] ^= 1;  // no point of the curve
  EXPECT_EQ(HpkeOpen(key, bad, info, aad).error().code, "hpke.broken");
  bad = good;
  bad.ciphertext.resize(15);
  EXPECT_EQ(HpkeOpen(key, bad, info, aad).error().code, "hpke.broken");
  EXPECT_EQ(HpkeOpen(key, good, aad, aad).error().code, "hpke.broken");
  EXPECT_EQ(HpkeOpen(key, good, info, info).error().code, "hpke.broken");
  EXPECT_EQ(HpkeOpen(Secret(kEphemeral), good, info, aad).error().code, "hpke.broken");
  EXPECT_EQ(HpkeOpen(Secret("00"), good, info, aad).error().code, "hpke.key");
}

TEST(Hpke, FreshKeysMakeFreshObjects) {
  auto signer = SoftwareSigner::Generate(Algorithm::kEcdsaP256);
  const Bytes text = ToBytes("firmware");
  auto a = HpkeSeal((*signer)->public_key(), {}, {}, text);
  auto b = HpkeSeal((*signer)->public_key(), {}, {}, text);
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->enc, b->enc);
  auto plain = HpkeOpen(*(*signer)->ToP256Scalar(), *a, {}, {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(AsText(plain->Read(SecretAccess())), "firmware");
  auto other = SoftwareSigner::Generate(Algorithm::kEd25519);
  EXPECT_EQ(HpkeSeal((*other)->public_key(), {}, {}, text).error().code, "hpke.key");
}

}  // namespace
}  // namespace birthmark::crypto
