// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/csrattrs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "crypto/der.h"
#include "enroll/test_desk.h"
#include "pki/pki_fixture.h"

namespace birthmark::enroll::est {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RequestTemplate Known() {
  return {"ecdsa-p256",        "Acme Light",
          "BMC-0001",          "1.3.6.1.4.1.32473.2.7",
          "masa.acme.example", "https://acme.example/mud/bulb.json"};
}

std::vector<std::string> Oids(const std::vector<WantedExtension>& list) {
  std::vector<std::string> out;
  for (const auto& e : list) out.push_back(e.oid);
  return out;
}

TEST(CsrAttrs, PushWhatTheDeskKnowsInBothForms) {
  auto read = ReadCsrAttrs(*WriteCsrAttrs(Known()));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_THAT(read->oids, ElementsAre("2.5.4.5", "1.2.840.10045.4.3.2"));
  EXPECT_THAT(Oids(read->extensions),
              ElementsAre("2.5.29.17", "1.3.6.1.5.5.7.1.32", "1.3.6.1.5.5.7.1.25"));
  ASSERT_TRUE(read->request_template);
  const CsrTemplate& t = *read->request_template;
  ASSERT_EQ(t.subject.size(), 2u);
  EXPECT_EQ(t.subject[0].oid, "2.5.4.10");
  EXPECT_EQ(t.subject[0].value, "Acme Light");
  EXPECT_EQ(t.subject[1].oid, "2.5.4.5");
  EXPECT_EQ(t.subject[1].value, "BMC-0001");
  EXPECT_EQ(ToHex(t.key_algorithm), "301306072a8648ce3d020106082a8648ce3d030107");
  EXPECT_TRUE(t.extensions_complete);
  EXPECT_EQ(Oids(t.extensions), Oids(read->extensions));
}

// A client that copies the pushed values asks for what the certificate will hold.
TEST(CsrAttrs, PushedExtensionsAreThoseOfTheCertificate) {
  TestDesk desk;
  auto device = desk.Device("BMC-0001");
  const Caller caller = *desk.CallerOf(device.certificate, {});
  auto read = ReadCsrAttrs(*WriteCsrAttrs(*desk.TemplateOf("bulb", caller)));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->request_template->extensions.size(), 3u);
  for (const WantedExtension& e : read->request_template->extensions) {
    const crypto::CertExtension* has = device.certificate.Extension(e.oid);
    ASSERT_NE(has, nullptr) << e.oid;
    EXPECT_EQ(has->value, e.value) << e.oid;
  }
}

TEST(CsrAttrs, AnUnknownSerialNumberIsTheClientsToFillIn) {
  RequestTemplate t = Known();
  t.serial_number.clear();
  const Bytes der = *WriteCsrAttrs(t);
  auto read = ReadCsrAttrs(der);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_THAT(Oids(read->extensions), ElementsAre("1.3.6.1.5.5.7.1.32", "1.3.6.1.5.5.7.1.25"));
  const CsrTemplate& form = *read->request_template;
  EXPECT_EQ(form.subject[1].oid, "2.5.4.5");
  EXPECT_EQ(form.subject[1].value, std::nullopt);
  EXPECT_EQ(form.extensions[0].oid, "2.5.29.17");
  // HardwareModuleName with its type and an empty serial number.
  EXPECT_THAT(ToHex(*form.extensions[0].value), testing::EndsWith("0400"));
  // extensionReqTemplate and not extensionRequest: 1.2.840.113549.1.9.16.2.62.
  EXPECT_THAT(ToHex(der), HasSubstr("060b2a864886f70d010910023e"));
}

TEST(CsrAttrs, OpenSslsParserSeesTheTemplate) {
  if (!pki::test::HaveTool("openssl")) return;
  birthmark::test::TempDir dir;
  ASSERT_TRUE(WriteFileAtomic(dir / "attrs.der", *WriteCsrAttrs(Known())));
  auto tool =
      pki::test::RunTool("openssl asn1parse -inform DER -in " + (dir / "attrs.der").string());
  EXPECT_EQ(tool.exit, 0) << tool.output;
  EXPECT_THAT(tool.output, HasSubstr("1.2.840.113549.1.9.16.2.61"));
  for (const char* value :
       {"UTF8STRING        :Acme Light", "PRINTABLESTRING   :BMC-0001", ":prime256v1",
        ":Extension Request", ":X509v3 Subject Alternative Name", "1.3.6.1.5.5.7.1.32"}) {
    EXPECT_THAT(tool.output, HasSubstr(value));
  }
}

TEST(CsrAttrs, EveryKindOfKeyIsSaid) {
  for (const char* kind :
       {"ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"}) {
    RequestTemplate t = Known();
    t.key_algorithm = kind;
    auto read = ReadCsrAttrs(*WriteCsrAttrs(t));
    ASSERT_TRUE(read) << kind << read.error().ToString();
    EXPECT_FALSE(read->request_template->key_algorithm.empty());
  }
  RequestTemplate t = Known();
  t.key_algorithm = "dsa";
  EXPECT_EQ(WriteCsrAttrs(t).error().code, "est.csrattrs");
  t = Known();
  t.hardware_type = "1.2.x";
  EXPECT_EQ(WriteCsrAttrs(t).error().code, "est.csrattrs");
}

// Source: the examples of RFC 9908 section 5, of the list form.
TEST(CsrAttrs, PublishedExamplesAreRead) {
  // A subjectAltName that an autonomic control plane's registrar asks for.
  auto acp = ReadCsrAttrs(*FromBase64(
      "MGgwZgYJKoZIhvcNAQkOMVkwVzBVBgNVHREBAf8ESzBJoEcGCCsGAQUFBwgKoDsWOXJmYzg5OTQrZmQ3MzlmYzIzYzM0"
      "NDAxMTIyMzM0NDU1MDAwMDAwMDArQGFjcC5leGFtcGxlLmNvbQ=="));
  ASSERT_TRUE(acp) << acp.error().ToString();
  ASSERT_EQ(acp->extensions.size(), 1u);
  EXPECT_EQ(acp->extensions[0].oid, "2.5.29.17");
  EXPECT_TRUE(acp->extensions[0].critical);
  EXPECT_THAT(std::string(AsText(*acp->extensions[0].value)), HasSubstr("@acp.example.com"));
  // A key on P-384, a serialNumber, a signature algorithm.
  auto curve =
      ReadCsrAttrs(*FromBase64("MC4GCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgNVBAUGCCqGSM49BAMD"));
  ASSERT_TRUE(curve);
  EXPECT_THAT(curve->oids, ElementsAre("1.2.840.113549.1.9.7", "2.5.4.5", "1.2.840.10045.4.3.3"));
  ASSERT_EQ(curve->attributes.size(), 1u);
  EXPECT_EQ(curve->attributes[0].type, "1.2.840.10045.2.1");
  // An RSA key of 4096 bits.
  auto rsa =
      ReadCsrAttrs(*FromBase64("MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw=="));
  ASSERT_TRUE(rsa);
  EXPECT_EQ(ToHex(rsa->attributes.at(0).values.at(0)), "02021000");
}

// Source: the example at the end of RFC 9908 section 3.4, encoded here.
TEST(CsrAttrs, TheStandardsTemplateIsRead) {
  namespace der = crypto::der;
  using crypto::DerWriter;
  Bytes out;
  auto name = [](DerWriter& w, const char* oid, const char* value) {
    w.Nest(der::kSet, [&](DerWriter& set) {
      set.Sequence([&](DerWriter& one) {
        one.Oid(oid);
        if (value != nullptr) one.Utf8(value);
      });
    });
  };
  DerWriter(out).Sequence([&](DerWriter& list) {
    list.Sequence([&](DerWriter& attribute) {
      attribute.Oid("1.2.840.113549.1.9.16.2.61");
      attribute.Nest(der::kSet, [&](DerWriter& values) {
        values.Sequence([&](DerWriter& form) {
          form.Unsigned(0);
          form.Sequence([&](DerWriter& subject) {
            name(subject, "2.5.4.3", nullptr);
            name(subject, "2.5.4.11", "myDept");
            name(subject, "2.5.4.11", "myGroup");
          });
          form.Nest(der::Context(0, true), [&](DerWriter& key) {
            key.Sequence([&](DerWriter& algorithm) {
              algorithm.Oid("1.2.840.10045.2.1");
              algorithm.Oid("1.2.840.10045.3.1.7");
            });
          });
          form.Nest(der::Context(1, true), [&](DerWriter& attributes) {
            attributes.Sequence([&](DerWriter& request) {
              request.Oid("1.2.840.113549.1.9.16.2.62");
              request.Nest(der::kSet, [&](DerWriter& set) {
                set.Sequence([&](DerWriter& extensions) {
                  extensions.Sequence([&](DerWriter& e) {
                    e.Oid("2.5.29.17");
                    e.OctetString(*FromHex("3014820e7777772e6d795365727665722e636f6d8700"));
                  });
                  extensions.Sequence([&](DerWriter& e) {
                    e.Oid("2.5.29.15");
                    e.Boolean(true);
                    e.OctetString(*FromHex("03020388"));
                  });
                  extensions.Sequence([&](DerWriter& e) { e.Oid("2.5.29.37"); });
                });
              });
            });
          });
        });
      });
    });
  });
  auto read = ReadCsrAttrs(out);
  ASSERT_TRUE(read) << read.error().ToString();
  const CsrTemplate& t = *read->request_template;
  ASSERT_EQ(t.subject.size(), 3u);
  EXPECT_FALSE(t.subject[0].value);
  EXPECT_EQ(t.subject[2].value, "myGroup");
  EXPECT_FALSE(t.extensions_complete);
  EXPECT_THAT(Oids(t.extensions), ElementsAre("2.5.29.17", "2.5.29.15", "2.5.29.37"));
  EXPECT_TRUE(t.extensions[1].critical);
  EXPECT_FALSE(t.extensions[2].value);
}

TEST(CsrAttrs, MalformedOnesAreRefused) {
  const Bytes good = *WriteCsrAttrs(Known());
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(ReadCsrAttrs(ByteView(good).first(n))) << n;
  }
  for (const char* bad : {
           "3003020101",                          // an INTEGER among them
           "3113060355040531",                    // a SET
           "300f300d06092a864886f70d01090e3100",  // extensionRequest without a value
           "3011300f06092a864886f70d01090e3102"
           "3000",  // with an empty one
       }) {
    EXPECT_EQ(ReadCsrAttrs(*FromHex(bad)).error().code, "est.csrattrs") << bad;
  }
  EXPECT_TRUE(ReadCsrAttrs(*FromHex("3000"))->oids.empty());
  // The template's version is the INTEGER after its SET and SEQUENCE.
  Bytes other = good;
  auto at = std::ranges::search(other, *FromHex("020100"));
  ASSERT_FALSE(at.empty());
  at[2] = 1;
  EXPECT_EQ(ReadCsrAttrs(other).error().code, "est.csrattrs");
}

}  // namespace
}  // namespace birthmark::enroll::est
