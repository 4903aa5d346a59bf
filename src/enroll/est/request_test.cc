// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/request.h"

#include <gtest/gtest.h>

#include "enroll/est/test_requests.h"
#include "enroll/test_desk.h"

namespace birthmark::enroll::est {
namespace {

using test::MakeRequest;
using test::NewSigner;

TEST(Request, AttributesAreFound) {
  auto key = NewSigner();
  EXPECT_FALSE(ReadAsked(MakeRequest(*key))->challenge);
  EXPECT_EQ(ReadAsked(MakeRequest(*key, {.challenge = "abc="}))->challenge, "abc=");
  EXPECT_FALSE(ReadAsked(MakeRequest(*key))->encrypted_key);
  for (const char* oid : {"1.2.840.113549.1.9.16.2.37", "1.2.840.113549.1.9.16.2.54"}) {
    EXPECT_TRUE(ReadAsked(MakeRequest(*key, {.attribute = oid}))->encrypted_key) << oid;
  }
  EXPECT_EQ(ReadAsked(MakeRequest(*key, {.challenge = "a", .challenges = 2})).error().code,
            "csr.malformed");
}

TEST(Request, BindingIsComparedWithTheConnection) {
  const Bytes unique = {1, 2, 3}, exporter = {4, 5, 6, 7};
  EXPECT_TRUE(CheckBinding({}, {unique, {}}));
  EXPECT_TRUE(CheckBinding({.challenge = ToBase64(unique)}, {unique, {}}));
  EXPECT_TRUE(CheckBinding({.challenge = ToBase64(exporter)}, {{}, exporter}));
  for (const Binding& other : {Binding{exporter, {}}, Binding{{}, unique}, Binding{}}) {
    auto wrong = CheckBinding({.challenge = ToBase64(Bytes{9, 9})}, other);
    EXPECT_EQ(wrong.error().code, "est.binding");
  }
  // An empty challengePassword is no proof, not even where there is nothing to prove.
  EXPECT_FALSE(CheckBinding({.challenge = ""}, {}));
}

TEST(Request, ARenewalKeepsItsNames) {
  TestDesk desk;
  auto device = desk.Device("BMC-0001");
  auto key = NewSigner();
  auto check = [&](const test::RequestWish& wish) {
    return CheckSameName(*pki::ReadCsr(MakeRequest(*key, wish)), device.certificate);
  };
  const Bytes san = device.certificate.Extension("2.5.29.17")->value;
  EXPECT_TRUE(check({}));
  EXPECT_TRUE(check({.subject_alt_name = san}));
  EXPECT_EQ(check({.serial = "BMC-0002"}).error().code, "est.other-name");
  EXPECT_EQ(check({.organization = "Other"}).error().code, "est.other-name");
  EXPECT_EQ(check({.organization = ""}).error().code, "est.other-name");
  Bytes other = san;
  other.back() ^= 1;
  EXPECT_EQ(check({.subject_alt_name = other}).error().code, "est.other-name");
}

}  // namespace
}  // namespace birthmark::enroll::est
