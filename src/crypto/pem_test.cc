// SPDX-License-Identifier: Apache-2.0
#include "crypto/pem.h"

#include <gtest/gtest.h>

namespace birthmark::crypto {
namespace {

std::string CodeOf(std::string_view text) {
  auto r = ReadPem(text);
  return r ? "accepted" : r.error().code;
}

TEST(Pem, WhatIsWrittenIsRead) {
  for (size_t n : {1u, 47u, 48u, 49u, 1000u}) {
    Bytes der(n, static_cast<uint8_t>(n));
    EXPECT_EQ(ReadOnePem(WritePem("CERTIFICATE", der), "CERTIFICATE").value(), der);
  }
}

TEST(Pem, ManyBlocksKeepTheirOrderAndTextBetweenIsSkipped) {
  std::string text =
      "a comment\n" + WritePem("A", Bytes{1}) + "\n# b: c\n" + WritePem("B C", Bytes{2});
  auto blocks = ReadPem(text).value();
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].label, "A");
  EXPECT_EQ(blocks[1].label, "B C");
  EXPECT_EQ(blocks[1].der, Bytes{2});
}

TEST(Pem, WindowsLineEndsAreRead) {
  EXPECT_EQ(ReadPem("-----BEGIN A-----\r\nAQ==\r\n-----END A-----\r\n").value()[0].der, Bytes{1});
}

TEST(Pem, MalformedBlocksAreRefusedWithTheirLine) {
  EXPECT_EQ(CodeOf("-----BEGIN A-----\nAQ==\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\nAQ==\n-----END B-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\nAQ=\n-----END A-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\n-----END A-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\nAQ==\nAQ==\n-----END A-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\n\nAQ==\n-----END A-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----END A-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN a-----\nAQ==\n-----END a-----\n"), "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQ==\n-----END A-----\n"),
            "pem.malformed");
  EXPECT_EQ(CodeOf("-----BEGIN A-----\n" + std::string(80, 'A') + "\n-----END A-----\n"),
            "pem.malformed");
  auto r = ReadPem("\n\n-----BEGIN A-----\n!!!!\n-----END A-----\n");
  EXPECT_NE(r.error().message.find("line 5"), std::string::npos) << r.error().message;
}

TEST(Pem, EmptyAndCrowdedFilesAreRefused) {
  EXPECT_EQ(CodeOf(""), "pem.none");
  EXPECT_EQ(CodeOf("nothing here\n"), "pem.none");
  std::string many;
  for (int i = 0; i < 4; ++i) many += WritePem("A", Bytes{1});
  auto r = ReadPem(many, 3);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "pem.too-many");
}

TEST(Pem, OneBlockOfTheRightLabelIsDemanded) {
  EXPECT_EQ(ReadOnePem(WritePem("A", Bytes{1}), "B").error().code, "pem.label");
  EXPECT_EQ(ReadOnePem(WritePem("B", Bytes{1}) + WritePem("B", Bytes{1}), "B").error().code,
            "pem.label");
}

}  // namespace
}  // namespace birthmark::crypto
