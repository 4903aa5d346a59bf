// SPDX-License-Identifier: Apache-2.0
#include "cbor/codec.h"

#include <gtest/gtest.h>

namespace birthmark::cbor {
namespace {

Bytes H(std::string_view hex) { return *FromHex(hex); }

// RFC 8949 appendix A: the examples that strict deterministic CBOR without floats can hold.
TEST(Codec, AgreesWithTheExamplesOfRfc8949) {
  const std::pair<const char*, Value> examples[] = {
      {"00", 0},
      {"01", 1},
      {"0a", 10},
      {"17", 23},
      {"1818", 24},
      {"1819", 25},
      {"1864", 100},
      {"1903e8", 1000},
      {"1a000f4240", 1000000},
      {"1b000000e8d4a51000", int64_t{1000000000000}},
      {"1bffffffffffffffff", uint64_t{18446744073709551615u}},
      {"3bffffffffffffffff", Negative{UINT64_MAX}},
      {"20", -1},
      {"29", -10},
      {"3863", -100},
      {"3903e7", -1000},
      {"f4", false},
      {"f5", true},
      {"f6", Value()},
      {"c074323031332d30332d32315432303a30343a30305a", Value::Tag(0, "2013-03-21T20:04:00Z")},
      {"d74401020304", Value::Tag(23, Bytes{1, 2, 3, 4})},
      {"40", Bytes{}},
      {"4401020304", Bytes{1, 2, 3, 4}},
      {"60", ""},
      {"6161", "a"},
      {"6449455446", "IETF"},
      {"62225c", "\"\\"},
      {"62c3bc", "\u00fc"},
      {"64f0908591", "\U00010151"},
      {"80", Array{}},
      {"83010203", Array{1, 2, 3}},
      {"8301820203820405", Array{1, Array{2, 3}, Array{4, 5}}},
      {"a0", Map{}},
      {"a201020304", Map{{1, 2}, {3, 4}}},
      {"a26161016162820203", Map{{"a", 1}, {"b", Array{2, 3}}}},
  };
  for (const auto& [hex, value] : examples) {
    EXPECT_EQ(ToHex(Encode(value)), hex);
    auto back = Decode(H(hex));
    ASSERT_TRUE(back) << hex;
    EXPECT_EQ(*back, value) << hex;
  }
}

TEST(Codec, RefusesEverythingThatIsNotTheOneEncoding) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "cbor.truncated"},
      {"1817", "cbor.not-shortest"},
      {"1900ff", "cbor.not-shortest"},
      {"1a0000ffff", "cbor.not-shortest"},
      {"1b00000000ffffffff", "cbor.not-shortest"},
      {"5818", "cbor.truncated"},
      {"5f4101ff", "cbor.indefinite"},
      {"9f01ff", "cbor.indefinite"},
      {"bf0102ff", "cbor.indefinite"},
      {"ff", "cbor.indefinite"},
      {"a203040102", "cbor.key-order"},
      {"a201020103", "cbor.key-duplicate"},
      {"61ff", "cbor.utf8"},
      {"f90000", "cbor.unsupported"},
      {"f7", "cbor.unsupported"},
      {"f800", "cbor.unsupported"},
      {"1c", "cbor.unsupported"},
      {"0000", "cbor.trailing"},
      {"8301", "cbor.truncated"},
      {"9bffffffffffffffff", "cbor.truncated"},
      {"bb7fffffffffffffff", "cbor.truncated"},
      {"5bffffffffffffffff", "cbor.truncated"},
      {"c1", "cbor.truncated"},
  };
  for (auto [hex, code] : bad) {
    auto bytes = FromHex(hex);
    ASSERT_TRUE(bytes);
    auto r = Decode(*bytes);
    ASSERT_FALSE(r) << hex;
    EXPECT_EQ(r.error().code, code) << hex;
  }
}

TEST(Codec, BoundsDepthAndItems) {
  Bytes deep(1000, 0x81);
  deep.push_back(0);
  EXPECT_EQ(Decode(deep).error().code, "cbor.depth");
  Bytes wide{0x99, 0x03, 0xe8};
  wide.resize(wide.size() + 1000);
  EXPECT_TRUE(Decode(wide));
  EXPECT_EQ(Decode(wide, {.depth = 4, .items = 100}).error().code, "cbor.items");
  EXPECT_FALSE(Decode(Bytes(1 << 20, 0)));
}

TEST(Codec, EveryFlippedBitIsRefusedOrReencodesToItself) {
  Bytes good = Encode(
      Map{{1, "one"}, {"list", Array{1, -500, Bytes{9, 9}, Value::Tag(18, Array{})}}, {"z", true}});
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes b = good;
    b[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    auto v = Decode(b);
    EXPECT_TRUE(!v || Encode(*v) == b);
  }
}

TEST(Diagnose, WritesNotationForPeople) {
  EXPECT_EQ(Diagnose(Map{{1, Bytes{0xab}}, {"k", Array{-1, true, Value()}}}),
            "{\n  1: h'ab',\n  \"k\": [\n    -1,\n    true,\n    null\n  ]\n}");
}

}  // namespace
}  // namespace birthmark::cbor
