// SPDX-License-Identifier: Apache-2.0
#include "custody/group.h"

#include "custody/test_custody.h"

namespace birthmark::custody {
namespace {

// L as RFC 8032 section 5.1 gives it.
Bytes Order() {
  return *FromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
}

TEST(ScalarTest, OnlyNumbersBelowTheOrderAreRead) {
  Bytes below = Order();
  below[0] -= 1;
  EXPECT_TRUE(Scalar::FromOctets(below));
  EXPECT_EQ(CodeOf(Scalar::FromOctets(Order())), "custody.scalar");
  Bytes above = Order();
  above[0] += 1;
  EXPECT_EQ(CodeOf(Scalar::FromOctets(above)), "custody.scalar");
  EXPECT_EQ(CodeOf(Scalar::FromOctets(Bytes(32, 0xff))), "custody.scalar");
  EXPECT_EQ(CodeOf(Scalar::FromOctets(Bytes(31))), "custody.scalar");
  EXPECT_EQ(CodeOf(Scalar::FromOctets(Bytes(33))), "custody.scalar");
  Bytes high(32);
  high[31] = 0x20;
  EXPECT_EQ(CodeOf(Scalar::FromOctets(high)), "custody.scalar");
  EXPECT_TRUE(Scalar::FromOctets(Bytes(32)).value().IsZero());
}

TEST(ScalarTest, ArithmeticHoldsForZeroAndTheLargest) {
  Bytes octets = Order();
  octets[0] -= 1;
  const Scalar largest = Scalar::FromOctets(octets).value(), one = Scalar::FromInt(1), zero;
  EXPECT_TRUE((largest + one).IsZero());
  EXPECT_EQ(zero - one, largest);
  EXPECT_EQ(largest * largest, one);
  EXPECT_TRUE((zero * largest).IsZero());
  EXPECT_EQ(CodeOf(zero.Inverse()), "custody.scalar");
  SeededRng rng;
  for (int i = 0; i < 20; ++i) {
    const Scalar x = Scalar::Random(rng), y = Scalar::Random(rng);
    EXPECT_EQ(x * x.Inverse().value(), one);
    EXPECT_EQ(Point::Base(x) + Point::Base(y), Point::Base(x + y));
    EXPECT_EQ(Point::Base(x) - Point::Base(y), Point::Base(x - y));
    EXPECT_EQ(Point::Base(x) * y, Point::Base(x * y));
  }
}

TEST(PointTest, IdentitySmallOrderAndOddEncodingsAreRefused) {
  Bytes identity(32);
  identity[0] = 1;
  EXPECT_EQ(CodeOf(Point::FromOctets(identity)), "custody.point");
  // Points of order 2, 4 and 8; a y above the field's prime; one beside the curve; one with a
  // component of small order.
  for (const char* hex : {
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0000000000000000000000000000000000000000000000000000000000000000",
           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
           "0200000000000000000000000000000000000000000000000000000000000000",
       }) {
    EXPECT_EQ(CodeOf(Point::FromOctets(*FromHex(hex))), "custody.point") << hex;
  }
  EXPECT_EQ(CodeOf(Point::FromOctets(Bytes(31))), "custody.point");
  const Point base = Point::Base(Scalar::FromInt(1));
  EXPECT_EQ(ToHex(base.octets()),
            "5866666666666666666666666666666666666666666666666666666666666666");
  EXPECT_TRUE(Point::FromOctets(base.octets()));
}

TEST(PointTest, SumsMayBeTheIdentity) {
  const Scalar zero, one = Scalar::FromInt(1);
  const Point base = Point::Base(one);
  EXPECT_TRUE(Point::Base(zero).IsIdentity());
  EXPECT_TRUE((base * zero).IsIdentity());
  EXPECT_TRUE((Point() * one).IsIdentity());
  EXPECT_TRUE((base - base).IsIdentity());
  EXPECT_EQ(Point() + base, base);
  EXPECT_EQ(base + Point(), base);
  EXPECT_TRUE((Point() + Point()).IsIdentity());
}

TEST(PolynomialTest, CommitmentsAndInterpolationAgreeWithIt) {
  SeededRng rng;
  const Polynomial p = RandomPolynomial(Scalar::Random(rng), 4, rng);
  const std::vector<Point> committed = CommitTo(p);
  const std::vector<uint16_t> at = {2, 7, 19, 255};
  Scalar secret, at_five;
  for (uint16_t x : at) {
    EXPECT_EQ(Point::Base(ValueAt(p, x)), PointAt(committed, x));
    secret = secret + LagrangeAt(x, at).value() * ValueAt(p, x);
    at_five = at_five + LagrangeAt(x, at, 5).value() * ValueAt(p, x);
  }
  EXPECT_EQ(secret, p[0]);
  EXPECT_EQ(at_five, ValueAt(p, 5));
}

TEST(PolynomialTest, LagrangeRefusesZeroStrangersAndDuplicates) {
  const std::vector<uint16_t> good = {1, 2, 3}, zero = {0, 1, 2}, own = {1, 1, 2},
                              other = {1, 2, 2};
  EXPECT_EQ(CodeOf(LagrangeAt(4, good)), "custody.index");
  EXPECT_EQ(CodeOf(LagrangeAt(1, zero)), "custody.index");
  EXPECT_EQ(CodeOf(LagrangeAt(1, own)), "share.duplicate");
  EXPECT_EQ(CodeOf(LagrangeAt(1, other)), "share.duplicate");
}

}  // namespace
}  // namespace birthmark::custody
