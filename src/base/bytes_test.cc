// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace birthmark {
namespace {

TEST(Hex, RoundTripsAndRefusesOddOrForeignDigits) {
  EXPECT_EQ(ToHex(Bytes{0x00, 0xff, 0x1a}), "00ff1a");
  EXPECT_EQ(FromHex("00FF1a"), (Bytes{0x00, 0xff, 0x1a}));
  EXPECT_FALSE(FromHex("0"));
  EXPECT_FALSE(FromHex("zz"));
}

// RFC 4648 section 10.
TEST(Base64, AgreesWithTheRfcVectors) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
  for (auto [plain, coded] : vectors) {
    EXPECT_EQ(ToBase64(AsBytes(plain)), coded);
    EXPECT_EQ(FromBase64(coded), ToBytes(plain));
  }
}

TEST(Base64, RefusesBadPaddingAndStrayBits) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Z===", "Zh==", "Zg==Zg==", "Zm9v!"}) {
    EXPECT_FALSE(FromBase64(bad)) << bad;
  }
  EXPECT_EQ(FromBase64("Zm9v\r\nYmFy\n"), ToBytes("foobar"));
}

TEST(Utf8, RefusesSurrogatesOverlongFormsAndTruncation) {
  EXPECT_TRUE(IsUtf8("Ångström \xf0\x9f\xa5\x91"));
  EXPECT_FALSE(IsUtf8("\xc0\x80"));
  EXPECT_FALSE(IsUtf8("\xe0\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));
  EXPECT_FALSE(IsUtf8("\xe2\x82"));
}

TEST(SecretBytes, CannotBeCopiedAndIsEmptyAfterAMove) {
  static_assert(!std::is_copy_constructible_v<SecretBytes>);
  SecretBytes a = SecretBytes::Take(ToBytes("key"));
  SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(AsText(b.Read(SecretAccess())), "key");
  EXPECT_TRUE(b == SecretBytes::Take(ToBytes("key")));
  EXPECT_FALSE(b == SecretBytes::Take(ToBytes("kez")));
}

}  // namespace
}  // namespace birthmark
