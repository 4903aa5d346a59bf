// SPDX-License-Identifier: Apache-2.0
#include "pki/validity.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/der.h"
#include "tests/support/vectors.h"

namespace birthmark::pki {
namespace {

// A certificate as far as its dates.
Bytes Begun(uint8_t tag, std::string_view from, std::string_view to) {
  Bytes out;
  crypto::DerWriter(out).Sequence([&](crypto::DerWriter& whole) {
    whole.Sequence([&](crypto::DerWriter& tbs) {
      tbs.Nest(crypto::der::Context(0, true),
               [](crypto::DerWriter& v) { v.Unsigned(uint64_t{2}); });
      tbs.Unsigned(uint64_t{7});
      tbs.Sequence([](crypto::DerWriter&) {});
      tbs.Sequence([](crypto::DerWriter&) {});
      tbs.Sequence([&](crypto::DerWriter& dates) {
        dates.Text(tag, from);
        dates.Text(tag, to);
      });
    });
  });
  return out;
}

TEST(Validity, ReadsBothForms) {
  auto utc = ReadValidity(Begun(crypto::der::kUtcTime, "500101000000Z", "491231235959Z"));
  ASSERT_TRUE(utc) << utc.error().ToString();
  EXPECT_EQ(FormatTime(TimeFromMillis(utc->from)), "1950-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(TimeFromMillis(utc->to)), "2049-12-31T23:59:59.000Z");
  EXPECT_FALSE(utc->generalized);
  auto later =
      ReadValidity(Begun(crypto::der::kGeneralizedTime, "20500101000000Z", "99991231235959Z"));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->to, kNoEnd);
  EXPECT_TRUE(later->generalized);
}

TEST(Validity, RefusesWhatIsNoDate) {
  for (const char* bad : {"260231000000Z", "261301000000Z", "260101240000Z", "2601010000Z",
                          "26010100000aZ", "260101000000+", ""}) {
    EXPECT_FALSE(ReadValidity(Begun(crypto::der::kUtcTime, "260101000000Z", bad))) << bad;
  }
  EXPECT_FALSE(ReadValidity({}));
  Bytes cut = Begun(crypto::der::kUtcTime, "260101000000Z", "270101000000Z");
  cut.pop_back();
  EXPECT_FALSE(ReadValidity(cut));
}

// It says what the whole parser says, of certificates by others.
TEST(Validity, AgreesWithTheCertificate) {
  if (!birthmark::test::VectorsPresent("pkits")) return;
  size_t compared = 0;
  for (const auto& file :
       fs::directory_iterator(birthmark::test::VectorsDir() / "pkits" / "certs")) {
    auto der = ReadFile(file.path(), 64 * 1024);
    ASSERT_TRUE(der);
    auto whole = crypto::Certificate::FromDer(*der);
    if (!whole) continue;
    auto dates = ReadValidity(*der);
    ASSERT_TRUE(dates) << file.path();
    EXPECT_EQ(dates->from, Millis(whole->not_before())) << file.path();
    EXPECT_EQ(dates->to, Millis(whole->not_after())) << file.path();
    ++compared;
  }
  EXPECT_GT(compared, 400u);
}

}  // namespace
}  // namespace birthmark::pki
