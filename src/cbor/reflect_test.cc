// SPDX-License-Identifier: Apache-2.0
#include "cbor/reflect.h"

#include <gtest/gtest.h>

namespace birthmark::cbor {
namespace {

enum class Fruit { kPear, kPlum };
std::string_view ToText(Fruit f) { return f == Fruit::kPear ? "pear" : "plum"; }
bool FromText(std::string_view s, Fruit& f) {
  if (s != "pear" && s != "plum") return false;
  f = s == "pear" ? Fruit::kPear : Fruit::kPlum;
  return true;
}

struct Inner {
  int64_t km = 0;
  template <class V>
  void Fields(V& v) {
    v("km", km);
  }
};
struct Outer {
  Digest id{};
  std::optional<std::string> note;
  std::vector<Inner> legs;
  Fruit fruit = Fruit::kPear;
  uint8_t count = 0;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("legs", legs);
    v("note", note);
    v("count", count);
    v("fruit", fruit);
  }
};

TEST(Reflect, RoundTripsAndIsDeterministic) {
  Outer o{.note = "x", .legs = {{5}, {-7}}, .fruit = Fruit::kPlum, .count = 200};
  Bytes b = ToCbor(o);
  EXPECT_EQ(Encode(*Decode(b)), b);
  auto back = FromCbor<Outer>(b);
  ASSERT_TRUE(back);
  EXPECT_EQ(ToCbor(*back), b);
  EXPECT_EQ(back->legs[1].km, -7);
  o.note.reset();
  EXPECT_FALSE(FromCbor<Outer>(ToCbor(o))->note);
}

TEST(Reflect, RefusesMissingWrongAndOutOfRangeFieldsAndIgnoresUnknownOnes) {
  Map good{{"id", Digest{}}, {"legs", Array{}}, {"count", 1}, {"fruit", "pear"}, {"later", 1}};
  EXPECT_TRUE(FromValue<Outer>(Value(good)));
  Map m = good;
  m.erase(m.begin());
  EXPECT_EQ(FromValue<Outer>(Value(m)).error().code, "cbor.field-missing");
  m = good;
  m[2].second = 256;
  EXPECT_EQ(FromValue<Outer>(Value(m)).error().message,
            "count: is not an unsigned number in range");
  m = good;
  m[3].second = "fig";
  EXPECT_FALSE(FromValue<Outer>(Value(m)));
  m = good;
  m[1].second = Array{Map{{"km", "far"}}};
  EXPECT_EQ(FromValue<Outer>(Value(m)).error().message, "legs: km: is not a number in range");
}

}  // namespace
}  // namespace birthmark::cbor
