// SPDX-License-Identifier: Apache-2.0
#include "pki/serial.h"

#include <gtest/gtest.h>

#include <set>

namespace birthmark::pki {
namespace {

struct OnesRng : Rng {
  void Fill(std::span<uint8_t> out) override { std::ranges::fill(out, 0xff); }
};

TEST(SerialSource, MinutePrefixThenRandom) {
  ManualClock clock(*ParseTime("2026-11-21T10:00:59Z"));
  OnesRng rng;
  SerialSource source(clock, rng, TimeFromMillis(0));
  // 2026-11-21T10:00 is minute 29 920 920 of the epoch.
  EXPECT_EQ(source.Next()->serial.ToHex(), "01c88e98ffffffffffffffffffffffff");
  EXPECT_EQ(source.Next()->at, clock.Now());
}

TEST(SerialSource, LaterMinutesSortLater) {
  ManualClock clock(*ParseTime("2026-11-21"));
  SystemRng rng;
  SerialSource source(clock, rng, clock.Now());
  SerialNumber last;
  for (int i = 0; i < 100; ++i, clock.Advance(std::chrono::minutes(1))) {
    const SerialNumber next = source.Next()->serial;
    EXPECT_LT(last, next);
    last = next;
  }
}

TEST(SerialSource, SerialsOfOneMinuteDiffer) {
  ManualClock clock(*ParseTime("2026-11-21"));
  SystemRng rng;
  SerialSource source(clock, rng, clock.Now());
  std::set<SerialNumber> seen;
  for (int i = 0; i < 10000; ++i) seen.insert(source.Next()->serial);
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(SerialSource, RefusesBehindTheLastEvent) {
  ManualClock clock(*ParseTime("2026-11-21T10:00:00Z"));
  SystemRng rng;
  SerialSource source(clock, rng, clock.Now());
  EXPECT_TRUE(source.Next());
  clock.Advance(std::chrono::milliseconds(-1));
  EXPECT_EQ(source.Next().error().code, "pki.clock-behind");
  clock.Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(source.Next());
  source.Saw(clock.Now() + std::chrono::seconds(5));
  EXPECT_EQ(source.Next().error().code, "pki.clock-behind");
  source.Saw(clock.Now() - std::chrono::hours(5));  // an older event does not lower the limit
  EXPECT_EQ(source.Next().error().code, "pki.clock-behind");
}

TEST(SerialSource, ItsOwnSerialsMoveTheLimit) {
  ManualClock clock(*ParseTime("2026-11-21T10:00:00Z"));
  SystemRng rng;
  SerialSource source(clock, rng, TimeFromMillis(0));
  EXPECT_TRUE(source.Next());
  clock.Advance(std::chrono::hours(-1));
  EXPECT_EQ(source.Next().error().code, "pki.clock-behind");
}

TEST(SerialSource, RefusesAClockThatWasNeverSet) {
  ManualClock clock(*ParseTime("1970-01-02"));
  SystemRng rng;
  EXPECT_EQ(SerialSource(clock, rng, TimeFromMillis(0)).Next().error().code, "pki.clock-range");
  clock.Set(*ParseTime("6100-01-01"));
  EXPECT_EQ(SerialSource(clock, rng, TimeFromMillis(0)).Next().error().code, "pki.clock-range");
}

}  // namespace
}  // namespace birthmark::pki
