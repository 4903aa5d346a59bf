// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/auth.h"

#include <gtest/gtest.h>

#include "enroll/test_desk.h"

namespace birthmark::enroll::est {
namespace {

SecretBytes Header(const std::string& text) { return SecretBytes::Take(ToBytes(text)); }
SecretBytes Basic(const std::string& both) { return Header("Basic " + ToBase64(AsBytes(both))); }

TEST(Basic, IsReadWhateverItsCase) {
  for (const char* scheme : {"Basic ", "basic ", "BASIC   "}) {
    auto read = ReadBasic(AsBytes(scheme + ToBase64(AsBytes("tok-1:s3cret:with colon"))));
    ASSERT_TRUE(read) << scheme;
    EXPECT_EQ(read->id, "tok-1");
    EXPECT_EQ(AsText(read->secret.Read(SecretAccess())), "s3cret:with colon");
  }
}

TEST(Basic, OthersAreRefused) {
  for (const std::string& bad :
       {std::string(), std::string("Basic"), std::string("Basic "), std::string("Bearer abc"),
        std::string("Basic ????"), "Basic " + ToBase64(AsBytes("nocolon")),
        "Basic " + ToBase64(AsBytes(":secret")), "Basic " + ToBase64(AsBytes("a\nb:c")),
        "Basic " + ToBase64(AsBytes("a:\xff\xfe")), "Basic " + std::string(2000, 'A')}) {
    EXPECT_EQ(ReadBasic(AsBytes(bad)).error().code, "est.authorization") << bad;
  }
}

class AuthTest : public testing::Test {
 protected:
  AuthTest() { desk_.AddToken("tok-1", "right"); }
  TestDesk desk_;
  std::chrono::steady_clock::time_point now_{};
  Authenticator auth_{desk_, std::chrono::seconds(2), [this] { return now_; }};
};

TEST_F(AuthTest, NobodyIsNobody) { EXPECT_EQ(auth_.Who({}, {})->kind, Caller::Kind::kNobody); }

TEST_F(AuthTest, ATokenIsKnownByItsSecret) {
  auto caller = auth_.Who({}, Basic("tok-1:right"));
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->kind, Caller::Kind::kToken);
  EXPECT_EQ(caller->id, "tok-1");
  // The same answer to a wrong secret and to a token that is none.
  std::vector<std::string> messages;
  for (const char* wrong : {"tok-1:wrong", "tok-1:", "tok-1:righ", "tok-1:right ", "tok-2:right"}) {
    auto refused = auth_.Who({}, Basic(wrong));
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, "est.authorization") << wrong;
    messages.push_back(refused.error().message);
  }
  EXPECT_EQ(std::ranges::count(messages, messages.front()), 5);
}

TEST_F(AuthTest, AnEmptySecretOpensNothing) {
  desk_.AddToken("tok-0", "");
  EXPECT_FALSE(auth_.Who({}, Basic("tok-0:")));
}

TEST_F(AuthTest, ACertificateIsAskedForOnceInAWhile) {
  Peer peer;
  peer.certificate = desk_.Station("st-1").certificate;
  for (int i = 0; i < 10; ++i) {
    auto caller = auth_.Who(peer, {});
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->kind, Caller::Kind::kStation);
    EXPECT_EQ(caller->id, "st-1");
    EXPECT_TRUE(caller->certificate);
  }
  EXPECT_EQ(desk_.callers, 1);
  now_ += std::chrono::seconds(2);
  EXPECT_TRUE(auth_.Who(peer, {}));
  EXPECT_EQ(desk_.callers, 2);
}

TEST_F(AuthTest, ARevokedCertificateIsRefusedAfterTheWhile) {
  auto device = desk_.Device("BMC-1");
  Peer peer;
  peer.certificate = device.certificate;
  auto caller = auth_.Who(peer, {});
  ASSERT_TRUE(caller);
  desk_.Revoke(
      {.product = "bulb", .via = "est", .caller = *caller, .serial = device.certificate.serial()},
      [](Status s) { ASSERT_TRUE(s); });
  EXPECT_TRUE(auth_.Who(peer, {}));
  now_ += std::chrono::seconds(2);
  EXPECT_EQ(auth_.Who(peer, {}).error().code, "enroll.not-authorised");
}

TEST_F(AuthTest, ForeignAndExpiredCertificatesAreRefused) {
  Peer peer;
  peer.certificate = desk_.Foreign("st-9").certificate;
  EXPECT_EQ(auth_.Who(peer, {}).error().code, "enroll.not-authorised");
  // A token does not help somebody whose certificate is refused.
  EXPECT_EQ(auth_.Who(peer, Basic("tok-1:right")).error().code, "enroll.not-authorised");
  peer.certificate = desk_.Expired("st-8").certificate;
  EXPECT_EQ(auth_.Who(peer, {}).error().code, "enroll.not-authorised");
}

TEST_F(AuthTest, ACertificateCountsBeforeATokenThatMustBeRight) {
  Peer peer;
  peer.certificate = desk_.Station("st-1").certificate;
  EXPECT_EQ(auth_.Who(peer, Basic("tok-1:right"))->kind, Caller::Kind::kStation);
  EXPECT_EQ(auth_.Who(peer, Basic("tok-1:wrong")).error().code, "est.authorization");
}

}  // namespace
}  // namespace birthmark::enroll::est
