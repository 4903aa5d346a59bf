// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/nonce.h"

#include <gtest/gtest.h>

namespace birthmark::enroll::est {
namespace {

Result<NonceRequest> Read(std::string_view text) { return ReadNonceRequest(AsBytes(text)); }

TEST(Nonce, IsWrittenAsTheDraftHasIt) {
  GivenNonce n{.nonce = Bytes{0xfb, 0xff, 0x01}, .credential = {}, .seconds = 600};
  EXPECT_EQ(AsText(WriteNonce(n)), "{\"nonce\":\"-_8B\",\"expiry\":600}\n");
}

TEST(Nonce, InACredentialIsNotShown) {
  GivenNonce n{.nonce = {}, .credential = Bytes{1, 2, 3}, .seconds = 60};
  EXPECT_EQ(AsText(WriteNonce(n)),
            "{\"expiry\":60,\"type\":\"1.3.6.1.4.1.32473.1.2\","
            "\"respInfo\":{\"credential\":\"AQID\"}}\n");
}

TEST(Nonce, RequestsAreReadStrictly) {
  auto plain = Read(R"({"len":32,"type":"2.23.133.20.1"})");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->ek_certificate.empty());
  auto bound = Read(R"({"type":"1.3.6.1.4.1.32473.1.2",
      "reqInfo":{"ek-certificate":"AQI=","ak-public":"AwQ="}})");
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->ek_certificate, (Bytes{1, 2}));
  EXPECT_EQ(bound->ak_public, (Bytes{3, 4}));
  for (const char* bad :
       {"", "[]", "{", R"({"len":8})", R"({"len":"32"})", R"({"type":1})",
        R"({"type":"1.3.6.1.4.1.32473.1.2"})",
        R"({"type":"1.3.6.1.4.1.32473.1.2","reqInfo":{"ek-certificate":"AQI="}})",
        R"({"type":"1.3.6.1.4.1.32473.1.2","reqInfo":{"ek-certificate":"*","ak-public":"AwQ="}})",
        "{\"x\":[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}"}) {
    auto r = Read(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().code, "est.nonce") << bad;
  }
}

}  // namespace
}  // namespace birthmark::enroll::est
