// SPDX-License-Identifier: Apache-2.0
#include "hardware/pkcs11/uri.h"

#include <gtest/gtest.h>

#include "hardware/pkcs11/session.h"

namespace birthmark::hardware {
namespace {

std::string CodeOf(std::string_view text) {
  auto u = ParsePkcs11Uri(text);
  return u ? "accepted" : u.error().code;
}

TEST(Pkcs11Uri, ReadsWhatRfc7512Writes) {
  Pkcs11Uri u = ParsePkcs11Uri(
                    "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,"
                    "%20Inc.;model=1.0;serial=00a1;slot-id=7;object=acme&co;id=%69%00%ff"
                    "?pin-source=file:/etc/pin&module-path=/usr/lib/a%3fb.so")
                    .value();
  EXPECT_EQ(u.token, "The Software PKCS#11 Softtoken");
  EXPECT_EQ(u.manufacturer, "Snake Oil, Inc.");
  EXPECT_EQ(u.model, "1.0");
  EXPECT_EQ(u.serial, "00a1");
  EXPECT_EQ(u.slot_id, 7u);
  EXPECT_EQ(u.object, "acme&co");
  EXPECT_EQ(u.id, (Bytes{0x69, 0, 0xff}));
  EXPECT_EQ(u.module_path, "/usr/lib/a?b.so");
  EXPECT_EQ(u.pin_source, "file:/etc/pin");
  EXPECT_EQ(ParsePkcs11Uri("pkcs11:?module-path=/m.so")->token, std::nullopt);
}

TEST(Pkcs11Uri, RefusesWhatItWouldNotLookAt) {
  for (const char* bad : {"pkcs12:token=a?module-path=/m",
                          "pkcs11:token=a;?module-path=/m",
                          "pkcs11:;token=a?module-path=/m",
                          "pkcs11:token?module-path=/m",
                          "pkcs11:=a?module-path=/m",
                          "pkcs11:token=a;token=b?module-path=/m",
                          "pkcs11:x-vendor=1?module-path=/m",
                          "pkcs11:type=private?module-path=/m",
                          "pkcs11:library-version=3?module-path=/m",
                          "pkcs11:token=a b?module-path=/m",
                          "pkcs11:token=a/b?module-path=/m",
                          "pkcs11:token=a%2?module-path=/m",
                          "pkcs11:token=a%?module-path=/m",
                          "pkcs11:token=a%zz?module-path=/m",
                          "pkcs11:token=%ff?module-path=/m",
                          "pkcs11:token=a%00b?module-path=/m",
                          "pkcs11:slot-id=-1?module-path=/m",
                          "pkcs11:slot-id=7x?module-path=/m",
                          "pkcs11:token=a?module-path=/m&module-path=/n",
                          "pkcs11:token=a?module-path=/m&",
                          "pkcs11:token=a?module-name=softhsm2&module-path=/m",
                          "pkcs11:token=a?x-vendor=1",
                          ""}) {
    EXPECT_EQ(CodeOf(bad), "pkcs11.uri") << bad;
  }
  EXPECT_EQ(CodeOf("pkcs11:token=a?module-path=/m&pin-value=1234"), "pkcs11.uri-pin");
  EXPECT_EQ(CodeOf("pkcs11:token=a"), "pkcs11.uri-module");
  EXPECT_EQ(CodeOf("pkcs11:token=" + std::string(kMaxPkcs11Uri, 'a')), "pkcs11.uri");
}

TEST(Pkcs11Uri, APinNeverStandsInAnError) {
  auto u = ParsePkcs11Uri("pkcs11:token=a?pin-value=98765&module-path=/m");
  EXPECT_EQ(u.error().ToString().find("98765"), std::string::npos);
}

TEST(Pkcs11Uri, PinSourceIsAPath) {
  EXPECT_EQ(PinPath("file:/a/b").value(), "/a/b");
  EXPECT_EQ(PinPath("file:///a/b").value(), "/a/b");
  EXPECT_EQ(PinPath("/a/b").value(), "/a/b");
  for (const char* bad : {"file:a", "a", "", "|cat /etc/passwd", "https://a/b"})
    EXPECT_EQ(PinPath(bad).error().code, "pkcs11.uri") << bad;
}

TEST(PinState, IsReadFromTheTokensFlags) {
  EXPECT_EQ(StateOf(0), PinState::kFree);
  EXPECT_EQ(StateOf(CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED), PinState::kFree);
  EXPECT_EQ(StateOf(CKF_USER_PIN_COUNT_LOW), PinState::kOneWasWrong);
  EXPECT_EQ(StateOf(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY), PinState::kLastTry);
  EXPECT_EQ(StateOf(CKF_USER_PIN_LOCKED | CKF_USER_PIN_FINAL_TRY), PinState::kLocked);
  // The officer's own warnings are another PIN's.
  EXPECT_EQ(StateOf(CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED), PinState::kFree);
}

TEST(PinState, NothingTriesALockedTokenAndOnlyAPersonTheLastTry) {
  for (Caution c : {Caution::kAtFirst, Caution::kAtLast, Caution::kNone}) {
    EXPECT_TRUE(MayTry(PinState::kFree, c));
    EXPECT_FALSE(MayTry(PinState::kLocked, c));
  }
  EXPECT_FALSE(MayTry(PinState::kOneWasWrong, Caution::kAtFirst));
  EXPECT_TRUE(MayTry(PinState::kOneWasWrong, Caution::kAtLast));
  EXPECT_FALSE(MayTry(PinState::kLastTry, Caution::kAtFirst));
  EXPECT_FALSE(MayTry(PinState::kLastTry, Caution::kAtLast));
  EXPECT_TRUE(MayTry(PinState::kLastTry, Caution::kNone));
}

}  // namespace
}  // namespace birthmark::hardware
