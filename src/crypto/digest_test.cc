// SPDX-License-Identifier: Apache-2.0
#include "crypto/digest.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tests/support/wycheproof.h"

namespace birthmark::crypto {
namespace {

using test::ForEachWycheproof;
using test::Hex;

TEST(Digest, EmptyInputMatchesFips180) {
  EXPECT_EQ(ToHex(Sha256()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha1ForKeyId({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(ToHex(Sha384({})).substr(0, 16), "38b060a751ac9638");
}

TEST(Digest, AgreesWithEvpForEveryLengthAndSplit) {
  Bytes data(200);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7);
  for (size_t n = 0; n <= data.size(); ++n) {
    Digest want{};
    ASSERT_EQ(EVP_Digest(data.data(), n, want.data(), nullptr, EVP_sha256(), nullptr), 1);
    ByteView all(data.data(), n);
    EXPECT_EQ(Sha256(all), want);
    EXPECT_EQ(Sha256(all.first(n / 3), all.subspan(n / 3)), want);
  }
}

TEST(Digest, HasherIsNewAfterReset) {
  Sha256Hasher h;
  h.Update(AsBytes("a"));
  h.Finish();
  h.Reset();
  EXPECT_EQ(h.Update(AsBytes("b")).Finish(), Sha256(AsBytes("b")));
}

TEST(Digest, HmacMatchesWycheproof) {
  size_t n = ForEachWycheproof("hmac_sha256_test.json", [](const auto& group, const auto& t) {
    Digest tag = HmacSha256(Hex(t["key"]), Hex(t["msg"]));
    size_t octets = group["tagSize"].template get<size_t>() / 8;
    bool same = EqualSecret(ByteView(tag).first(octets), Hex(t["tag"]));
    EXPECT_EQ(same, t["result"] == "valid") << t["tcId"];
  });
  if (n == 0) return;
  EXPECT_GT(n, 100u);
}

TEST(Digest, HkdfMatchesWycheproof) {
  size_t n = ForEachWycheproof("hkdf_sha256_test.json", [](const auto&, const auto& t) {
    size_t size = t["size"].template get<size_t>();
    if (size > 255 * 32)
      return;  // the vectors' invalid sizes abort here: lengths are our constants
    SecretBytes okm = HkdfSha256(Hex(t["ikm"]), Hex(t["salt"]), Hex(t["info"]), size);
    EXPECT_EQ(ToHex(okm.Read(SecretAccess{})), t["okm"].template get<std::string>()) << t["tcId"];
  });
  if (n == 0) return;
  EXPECT_GT(n, 50u);
}

}  // namespace
}  // namespace birthmark::crypto
