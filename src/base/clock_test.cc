// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

namespace birthmark {
namespace {

using namespace std::chrono_literals;

TEST(Time, FormatsAndParsesRfc3339) {
  Time t = *ParseTime("2026-11-21T10:05:06.789Z");
  EXPECT_EQ(FormatTime(t), "2026-11-21T10:05:06.789Z");
  EXPECT_EQ(ParseTime("2026-11-21"), ParseTime("2026-11-21T00:00:00Z"));
  EXPECT_EQ(FormatTime(*ParseTime("9999-12-31T23:59:59Z")), "9999-12-31T23:59:59.000Z");
}

TEST(Time, RefusesWhatIsNotADateOrHasNoZone) {
  for (const char* bad :
       {"", "2026-02-30", "2026-1-1", "2026-11-21T10:05:06", "2026-11-21T24:00:00Z",
        "2026-11-21T10:05:06+01:00", "2026-11-21T10:05:06.Z"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

TEST(Duration, IsIso8601InDaysAndRoundTrips) {
  EXPECT_EQ(FormatDuration(0ms), "PT0S");
  EXPECT_EQ(FormatDuration(41s), "PT41S");
  EXPECT_EQ(FormatDuration(24h * 730), "P730D");
  EXPECT_EQ(FormatDuration(26h + 90s + 5ms), "P1DT2H1M30.005S");
  for (auto d : {0ms, 41000ms, 93690005ms, 1ms}) EXPECT_EQ(ParseDuration(FormatDuration(d)), d);
  EXPECT_EQ(ParseDuration("P2Y"), ParseDuration("P24M"));
  EXPECT_EQ(ParseDuration("P1W"), 24h * 7);
}

TEST(Duration, RefusesHalfADuration) {
  for (const char* bad : {"", "P", "PT", "P1", "1D", "P1H", "PT1D", "P1.2.3D", "P-1D"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

}  // namespace
}  // namespace birthmark
