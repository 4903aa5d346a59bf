// SPDX-License-Identifier: Apache-2.0
#include "crypto/seal.h"

#include <gtest/gtest.h>

#include "tests/support/wycheproof.h"

namespace birthmark::crypto {
namespace {

using test::ForEachWycheproof;
using test::Hex;

SecretBytes Key(uint8_t fill) { return SecretBytes::Take(Bytes(32, fill)); }

Bytes Plain(const SecretBytes& s) {
  ByteView v = s.Read(SecretAccess{});
  return Bytes(v.begin(), v.end());
}

TEST(Seal, OpensWithSameKeyAndAad) {
  for (size_t n : {0u, 1u, 16u, 1000u}) {
    Bytes text(n, 9);
    Bytes box = Seal(Key(1), text, ToBytes("aad")).value();
    EXPECT_EQ(box.size(), n + kSealOverhead);
    EXPECT_EQ(Plain(Open(Key(1), box, ToBytes("aad")).value()), text);
  }
}

TEST(Seal, TwoBoxesOfOneTextDiffer) {
  EXPECT_NE(Seal(Key(1), ToBytes("x"), {}).value(), Seal(Key(1), ToBytes("x"), {}).value());
}

TEST(Seal, OtherKeyAadBitOrLengthDoesNotOpen) {
  Bytes box = Seal(Key(1), ToBytes("text"), ToBytes("aad")).value();
  auto refused = [](auto r) { return !r && r.error().code == "seal.broken"; };
  EXPECT_TRUE(refused(Open(Key(2), box, ToBytes("aad"))));
  EXPECT_TRUE(refused(Open(Key(1), box, ToBytes("aae"))));
  for (size_t i = 0; i < box.size() * 8; ++i) {
    Bytes changed = box;
    changed[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    EXPECT_TRUE(refused(Open(Key(1), changed, ToBytes("aad")))) << i;
  }
  for (size_t n = 0; n < box.size(); ++n) {
    EXPECT_TRUE(refused(Open(Key(1), ByteView(box).first(n), ToBytes("aad")))) << n;
  }
}

TEST(Seal, KeyOfAnotherSizeIsRefused) {
  EXPECT_EQ(Seal(SecretBytes(16), {}, {}).error().code, "seal.key");
  EXPECT_EQ(Open(SecretBytes(16), Bytes(64), {}).error().code, "seal.key");
}

TEST(Seal, OpenMatchesWycheproof) {
  size_t used = 0;
  size_t n = ForEachWycheproof("aes_gcm_test.json", [&](const auto& group, const auto& t) {
    if (group["keySize"] != 256 || group["ivSize"] != 96 || group["tagSize"] != 128) return;
    ++used;
    Bytes box = Hex(t["iv"]), ct = Hex(t["ct"]), tag = Hex(t["tag"]);
    box.insert(box.end(), ct.begin(), ct.end());
    box.insert(box.end(), tag.begin(), tag.end());
    auto r = Open(SecretBytes::Take(Hex(t["key"])), box, Hex(t["aad"]));
    EXPECT_EQ(r.has_value(), t["result"] == "valid") << t["tcId"];
    if (r) {
      EXPECT_EQ(Plain(*r), Hex(t["msg"]));
    }
  });
  if (n == 0) return;
  EXPECT_GT(used, 50u);
}

TEST(Scrypt, DependsOnPassphraseAndSalt) {
  auto derive = [](std::string_view pass, uint8_t salt) {
    return Plain(Scrypt(SecretBytes::Take(ToBytes(pass)), Bytes(16, salt), {}).value());
  };
  Bytes a = derive("pass", 1);
  EXPECT_EQ(a, derive("pass", 1));
  EXPECT_NE(a, derive("Pass", 1));
  EXPECT_NE(a, derive("pass", 2));
}

TEST(Scrypt, WeakAndUnboundedCostsAreRefused) {
  SecretBytes pass = SecretBytes::Take(ToBytes("p"));
  Bytes salt(16);
  for (ScryptCost c :
       {ScryptCost{1 << 14, 8, 1}, ScryptCost{(1 << 15) + 1, 8, 1}, ScryptCost{1 << 19, 8, 1},
        ScryptCost{uint64_t{1} << 63, 8, 1}, ScryptCost{1 << 15, 1, 1}, ScryptCost{1 << 15, 16, 1},
        ScryptCost{1 << 15, 8, 0}, ScryptCost{1 << 15, 8, 5}}) {
    auto r = Scrypt(pass, salt, c);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, "seal.cost");
  }
  EXPECT_EQ(Scrypt(pass, Bytes(15), {}).error().code, "seal.cost");
}

}  // namespace
}  // namespace birthmark::crypto
