// SPDX-License-Identifier: Apache-2.0
#include "method/carrot.h"

#include <gtest/gtest.h>

namespace birthmark::method {
namespace {

TEST(Carrot, AChipIsTheSameHoweverItsMakerWritesIt) {
  Bytes uid = *FromHex("00c0de0a");
  for (const char* same : {"00c0de0a", "00C0DE0A", "00:c0:de:0a", "00-C0-DE-0A", "00c0.de0a"})
    EXPECT_TRUE(SameChip(uid, same)) << same;
  for (const char* other : {"00c0de0b", "c0de0a", "00c0de0a00"})
    EXPECT_FALSE(SameChip(uid, other)) << other;
  // A name that is no number of the chip's says nothing about it.
  EXPECT_TRUE(SameChip(uid, "wafer-7-x3-y9"));
}

}  // namespace
}  // namespace birthmark::method
