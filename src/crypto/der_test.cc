// SPDX-License-Identifier: Apache-2.0
#include "crypto/der.h"

#include <gtest/gtest.h>

#include <limits>

namespace birthmark::crypto {
namespace {

Bytes H(std::string_view hex) { return FromHex(hex).value(); }

template <class T>
std::string CodeOf(const Result<T>& r) {
  return r ? "accepted" : r.error().code;
}
std::string CheckCode(std::string_view hex) {
  Status s = CheckDer(H(hex));
  return s ? "accepted" : s.error().code;
}

TEST(Der, LengthsMustBeDefiniteAndShortest) {
  EXPECT_EQ(CheckCode("0500"), "accepted");
  EXPECT_EQ(CheckCode("048180" + std::string(256, '0')), "accepted");
  EXPECT_EQ(CheckCode("3080"
                      "0000"),
            "der.length");
  EXPECT_EQ(CheckCode("048105"
                      "0000000000"),
            "der.length");
  EXPECT_EQ(CheckCode("04820080" + std::string(256, '0')), "der.length");
  EXPECT_EQ(CheckCode("048501000000"
                      "00"),
            "der.length");
  EXPECT_EQ(CheckCode("0484ffffffff00"), "der.truncated");
}

TEST(Der, TagsOfSeveralOctetsAndEndOfContentsAreRefused) {
  EXPECT_EQ(CheckCode("1f8100"), "der.tag");
  EXPECT_EQ(CheckCode("0000"), "der.tag");
}

TEST(Der, CutAndTrailingDataAreRefused) {
  EXPECT_EQ(CheckCode(""), "der.truncated");
  EXPECT_EQ(CheckCode("30"), "der.truncated");
  EXPECT_EQ(CheckCode("0482"), "der.truncated");
  EXPECT_EQ(CheckCode("3003020101"), "accepted");
  EXPECT_EQ(CheckCode("30030201"), "der.truncated");
  EXPECT_EQ(CheckCode("300302010100"), "der.trailing");
  EXPECT_EQ(CheckCode("3003020201"), "der.truncated");  // the inner one leaves its holder
}

TEST(Der, DepthIsBounded) {
  Bytes nested;
  for (int i = 0; i < 30; ++i) {
    Bytes outer;
    DerWriter(outer).Element(der::kSequence, nested);
    nested = outer;
  }
  Status s = CheckDer(nested);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, "der.depth");
  EXPECT_TRUE(CheckDer(nested, 40));
}

TEST(Der, ValuesMustBeDerForTheirType) {
  auto boolean = [](std::string_view hex) { return CodeOf(DerReader(H(hex)).Boolean()); };
  EXPECT_EQ(boolean("010101"), "der.value");
  EXPECT_EQ(boolean("020101"), "der.tag");
  Bytes b = H("0101ff");
  EXPECT_TRUE(DerReader(b).Boolean().value());
  auto number = [](std::string_view hex) { return CodeOf(DerReader(H(hex)).Unsigned()); };
  EXPECT_EQ(number("0200"), "der.value");
  EXPECT_EQ(number("020180"), "der.value");
  EXPECT_EQ(number("0202007f"), "der.value");
  EXPECT_EQ(number("02020080"), "accepted");
  auto bits = [](std::string_view hex) { return CodeOf(DerReader(H(hex)).BitStringOctets()); };
  EXPECT_EQ(bits("0300"), "der.value");
  EXPECT_EQ(bits("03020780"), "der.value");
  EXPECT_EQ(bits("030200ff"), "accepted");
}

TEST(Der, SmallUnsignedHasARange) {
  Bytes b;
  DerWriter w(b);
  w.Unsigned(static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  w.Unsigned(uint64_t{1} << 63);
  DerReader r(b);
  EXPECT_EQ(r.SmallUnsigned().value(), uint64_t{INT64_MAX});
  EXPECT_EQ(CodeOf(r.SmallUnsigned()), "der.value");
}

TEST(Der, OidsRoundTrip) {
  for (const char* oid : {"0.9.2342.19200300.100.1.1", "1.2.840.113549.1.1.11", "2.5.4.5",
                          "2.999.1", "1.3.6.1.4.1.32473.1", "0.0"}) {
    auto content = OidFromText(oid);
    ASSERT_TRUE(content) << oid;
    EXPECT_EQ(OidToText(*content), oid);
  }
  for (const char* bad :
       {"", "1", "3.1", "1.40", "1..2", "1.2.", "1.02", "1.2.x", "1.2.99999999999999999999"}) {
    EXPECT_FALSE(OidFromText(bad)) << bad;
  }
  for (const char* bad : {"", "80", "2a80", "2a8001", "2affffffffffffffffff7f"}) {
    EXPECT_FALSE(OidToText(H(bad))) << bad;
  }
}

TEST(Der, WriterWritesWhatReaderReads) {
  Bytes b;
  DerWriter(b).Sequence([](DerWriter& w) {
    w.Boolean(true);
    w.Unsigned(uint64_t{0});
    w.Unsigned(uint64_t{128});
    w.Oid("2.5.29.15");
    w.OctetString(Bytes(300, 7));
    w.BitString(Bytes{1, 2});
    w.Null();
    w.Utf8("Grüße");
    w.Nest(der::Context(0, true), [](DerWriter& x) { x.Unsigned(uint64_t{2}); });
  });
  ASSERT_TRUE(CheckDer(b));
  DerReader outer(b);
  DerReader r = outer.Enter().value();
  EXPECT_TRUE(outer.End());
  EXPECT_TRUE(r.Boolean().value());
  EXPECT_EQ(r.SmallUnsigned().value(), 0u);
  EXPECT_EQ(r.SmallUnsigned().value(), 128u);
  EXPECT_EQ(r.Oid().value(), "2.5.29.15");
  EXPECT_EQ(r.Expect(der::kOctetString).value().size(), 300u);
  EXPECT_EQ(r.BitStringOctets().value().size(), 2u);
  EXPECT_TRUE(r.Expect(der::kNull));
  EXPECT_EQ(AsText(r.Expect(der::kUtf8String).value()), "Grüße");
  EXPECT_TRUE(r.NextIs(0xa0));
  EXPECT_FALSE(r.End());
  DerReader inner = r.Enter(der::Context(0, true)).value();
  EXPECT_EQ(inner.SmallUnsigned().value(), 2u);
  EXPECT_TRUE(r.End());
}

// RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050.
TEST(Der, ValidityChangesItsFormIn2050) {
  auto written = [](std::string_view time) {
    Bytes b;
    DerWriter(b).Validity(ParseTime(time).value());
    return std::string(AsText(ByteView(b).subspan(2)));
  };
  EXPECT_EQ(written("2049-12-31T23:59:59Z"), "491231235959Z");
  EXPECT_EQ(written("2050-01-01T00:00:00Z"), "20500101000000Z");
  EXPECT_EQ(written("9999-12-31T23:59:59Z"), "99991231235959Z");
}

}  // namespace
}  // namespace birthmark::crypto
