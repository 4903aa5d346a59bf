// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pkcs7.h>

#include "base/files.h"
#include "crypto/pem.h"
#include "enroll/test_desk.h"
#include "pki/pki_fixture.h"

namespace birthmark::enroll::est {
namespace {

using testing::HasSubstr;

std::vector<ByteView> Views(const std::vector<crypto::Certificate>& list) {
  std::vector<ByteView> out;
  for (const auto& c : list) out.push_back(c.der());
  return out;
}

// The same message as OpenSSL's own objects write it.
Bytes ByOpenSsl(const std::vector<crypto::Certificate>& list) {
  PKCS7* p7 = PKCS7_new();
  PKCS7_set_type(p7, NID_pkcs7_signed);
  PKCS7_content_new(p7, NID_pkcs7_data);
  PKCS7_set_detached(p7, 1);
  for (const auto& c : list) PKCS7_add_certificate(p7, c.x509());
  uint8_t* out = nullptr;
  const int n = i2d_PKCS7(p7, &out);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  PKCS7_free(p7);
  return der;
}

TEST(CertsOnly, AreTheBytesThatOpenSslWrites) {
  TestDesk desk;
  std::vector<crypto::Certificate> list = {desk.Device("BMC-1").certificate};
  for (int n = 1; n <= 9; ++n) {
    EXPECT_EQ(CertsOnly(Views(list)), ByOpenSsl(list)) << n;
    list.push_back(n % 2 == 0 ? desk.issuer() : desk.root());
  }
}

TEST(CertsOnly, IsReadByTheToolAndByOurselves) {
  if (!pki::test::HaveTool("openssl")) return;
  TestDesk desk;
  const std::vector<crypto::Certificate> list = {desk.issuer(), desk.root()};
  const Bytes der = CertsOnly(Views(list));
  auto own = ReadCertsOnly(der);
  ASSERT_TRUE(own) << own.error().ToString();
  ASSERT_EQ(own->size(), 2u);
  EXPECT_EQ(own->front().digest(), desk.issuer().digest());
  birthmark::test::TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "certs.p7", der));
  auto tool = pki::test::RunTool("openssl pkcs7 -inform DER -print_certs -in " +
                                 (dir / "certs.p7").string());
  EXPECT_EQ(tool.exit, 0);
  EXPECT_THAT(tool.output, HasSubstr("Acme Site CA 1"));
  EXPECT_THAT(tool.output, HasSubstr("Acme Root R1"));
}

TEST(CertsOnly, WhatIsSignedOrCutOrLongerIsRefused) {
  TestDesk desk;
  const std::vector<crypto::Certificate> list = {desk.root()};
  Bytes der = CertsOnly(Views(list));
  for (size_t n = 0; n < der.size(); ++n) {
    EXPECT_FALSE(ReadCertsOnly(ByteView(der).first(n))) << n;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(ReadCertsOnly(longer));
  // The last two octets are the empty SET of signers.
  ASSERT_EQ(der[der.size() - 2], 0x31);
  der[der.size() - 2] = 0x30;
  EXPECT_EQ(ReadCertsOnly(der).error().code, "est.certs-only");
  EXPECT_TRUE(ReadCertsOnly(CertsOnly({}))->empty());
}

TEST(Body, IsOneLineWithANewline) {
  const Bytes der(600, 0x5a);
  const Bytes body = ToBody(der);
  EXPECT_EQ(std::ranges::count(body, '\n'), 1);
  EXPECT_EQ(body.back(), '\n');
  EXPECT_EQ(*FromBody(body), der);
}

TEST(Body, AnyWhiteSpaceAndPemAreTaken) {
  Bytes der(100);
  for (size_t i = 0; i < der.size(); ++i) der[i] = static_cast<uint8_t>(i);
  const std::string line = ToBase64(der);
  std::string spaced;
  for (size_t i = 0; i < line.size(); ++i) {
    spaced += line[i];
    if (i % 7 == 0) spaced += "\r\n\t ";
  }
  EXPECT_EQ(*FromBody(AsBytes(spaced)), der);
  EXPECT_EQ(*FromBody(AsBytes(line)), der);
  const std::string pem = crypto::WritePem("CERTIFICATE REQUEST", der);
  EXPECT_EQ(*FromBody(AsBytes(pem)), der);
  EXPECT_EQ(FromBody(AsBytes(pem + pem)).error().code, "est.body");
}

TEST(Body, WhatIsNoBase64IsRefused) {
  for (std::string_view bad : {"", "\n", "=", "====", "AAA", "AA=A", "A A A", "AAAA=", "!!!!",
                               "\x30\x82\x01\x0a", "-----BEGIN X-----\n"}) {
    EXPECT_EQ(FromBody(AsBytes(bad)).error().code, "est.body") << bad;
  }
}

TEST(KeyAndCertificate, HasTwoPartsThatAreReadBack) {
  const Bytes key(138, 0x42), certificate(500, 0x17);
  const Bytes body = KeyAndCertificate(SecretBytes::Take(Bytes(key)), certificate);
  const std::string text(AsText(body));
  const std::string boundary(kKeyAndCertificateType.substr(kKeyAndCertificateType.find('=') + 1));
  std::vector<std::string> parts;
  for (size_t at = 0;;) {
    at = text.find("--" + boundary, at);
    ASSERT_NE(at, std::string::npos);
    at += 2 + boundary.size();
    if (text.substr(at, 4) == "--\r\n") break;
    const size_t end = text.find("\r\n--" + boundary, at);
    ASSERT_NE(end, std::string::npos);
    parts.push_back(text.substr(at + 2, end - at - 2));
    at = end;
  }
  ASSERT_EQ(parts.size(), 2u);
  auto content = [](const std::string& part) {
    return *FromBase64(part.substr(part.find("\r\n\r\n")));
  };
  EXPECT_THAT(parts[0], testing::StartsWith("Content-Type: application/pkcs8\r\n"));
  EXPECT_EQ(content(parts[0]), key);
  EXPECT_THAT(parts[1], HasSubstr("application/pkcs7-mime; smime-type=certs-only"));
  EXPECT_EQ(content(parts[1]), certificate);
}

}  // namespace
}  // namespace birthmark::enroll::est
