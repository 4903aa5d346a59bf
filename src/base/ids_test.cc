// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <gtest/gtest.h>

namespace birthmark {
namespace {

class CountingRng : public Rng {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (auto& b : out) b = 0xff;
  }
};

TEST(Uuid, CarriesItsTimeVersionAndVariant) {
  CountingRng rng;
  Uuid id = NewUuid(TimeFromMillis(0x0123456789ab), rng);
  EXPECT_EQ(FormatUuid(id), "01234567-89ab-7fff-bfff-ffffffffffff");
}

TEST(SystemRng, NeverRepeatsAcrossItsBuffer) {
  SystemRng rng;
  Bytes a(5000), b(5000);
  rng.Fill(a);
  rng.Fill(b);
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace birthmark
