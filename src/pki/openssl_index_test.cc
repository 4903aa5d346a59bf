// SPDX-License-Identifier: Apache-2.0
// Lines as `openssl ca` writes them, and lines that it never would.
#include "pki/openssl_index.h"

#include <gtest/gtest.h>

namespace birthmark::pki {
namespace {

TEST(OpensslIndex, ReadsWhatOpensslWrites) {
  Findings findings;
  auto all = ReadIndex(
      "V\t270101000000Z\t\t1000\tunknown\t/O=Acme/CN=BMC-0001\n"
      "R\t20600101000000Z\t260302101112Z,keyCompromise\t0A\tunknown\t/O=Acme/CN=BMC-0002\n"
      "R\t270101000000Z\t260302101112Z\tF\tunknown\t/O=Acme/CN=BMC-0003\r\n"
      "E\t491231235959Z\t\t00FF01\tunknown\t/O=Acm\xC3\xA9/CN=4",
      findings);
  EXPECT_TRUE(findings.empty()) << findings.ToString();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].status, 'V');
  EXPECT_EQ(FormatTime(all[0].expires), "2027-01-01T00:00:00.000Z");
  EXPECT_EQ(ToHex(all[0].serial), "1000");
  EXPECT_EQ(all[1].reason, "keyCompromise");
  EXPECT_EQ(FormatTime(all[1].expires), "2060-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(*all[1].revoked), "2026-03-02T10:11:12.000Z");
  EXPECT_EQ(ToHex(all[1].serial), "0a");
  EXPECT_EQ(all[1].serial_text, "0A");
  EXPECT_EQ(all[2].reason, "");
  EXPECT_EQ(ToHex(all[2].serial), "0f");
  EXPECT_EQ(ToHex(all[3].serial), "ff01");
  EXPECT_EQ(FormatDate(all[3].expires), "2049-12-31");
  EXPECT_EQ(all[3].line, 4);
}

TEST(OpensslIndex, NamesEachLineItCannotReadAndTakesTheRest) {
  const char* bad[] = {
      "V\t270101000000Z\t\t1000\tunknown",                      // five fields
      "X\t270101000000Z\t\t1000\tunknown\t/CN=1",               // no such status
      "V\t270101000000\t\t1000\tunknown\t/CN=1",                // no Z
      "V\t271301000000Z\t\t1000\tunknown\t/CN=1",               // month 13
      "V\t270229000000Z\t\t1000\tunknown\t/CN=1",               // no leap year
      "V\t270101240000Z\t\t1000\tunknown\t/CN=1",               // hour 24
      "V\t270101000000Z\t260101000000Z\t1000\tunknown\t/CN=1",  // valid and revoked
      "R\t270101000000Z\t\t1000\tunknown\t/CN=1",               // revoked without a date
      "V\t270101000000Z\t\t\tunknown\t/CN=1",                   // no serial
      "V\t270101000000Z\t\txyz\tunknown\t/CN=1",                // no hexadecimal
      "V\t270101000000Z\t\t112233445566778899aabbccddeeff001122334455\tunknown\t/CN=1",
      "V\t270101000000Z\t\t1000\tunknown\t/CN=\xff",     // no UTF-8
      "V\t270101000000Z\t\t1000\tunknown\t/CN=1\tmore",  // seven fields
  };
  for (const char* line : bad) {
    SCOPED_TRACE(line);
    Findings findings;
    auto all =
        ReadIndex(std::string(line) + "\nV\t270101000000Z\t\t01\tunknown\t/CN=2\n", findings);
    ASSERT_EQ(findings.all().size(), 1u);
    EXPECT_EQ(findings.all()[0].code, "adopt.index-line");
    EXPECT_EQ(findings.all()[0].line, 1);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].subject, "/CN=2");
    EXPECT_FALSE(LooksLikeIndex(line));
  }
}

TEST(OpensslIndex, TellsAnIndexFromACertificate) {
  EXPECT_TRUE(LooksLikeIndex("V\t270101000000Z\t\t01\tunknown\t/CN=2\r\n"));
  EXPECT_FALSE(LooksLikeIndex("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_FALSE(LooksLikeIndex(""));
}

}  // namespace
}  // namespace birthmark::pki
