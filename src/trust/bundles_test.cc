// SPDX-License-Identifier: Apache-2.0
// Stores of certificates on hosts: PEM, pins, PKCS #12, Java's, p11-kit.
#include <openssl/evp.h>

#include <functional>

#include "crypto/der.h"
#include "crypto/pem.h"
#include "trust/bundle.h"
#include "trust/detect.h"
#include "trust/dns.h"
#include "trust/jks.h"
#include "trust/p11kit.h"
#include "trust/pkcs12.h"
#include "trust/test_anchors.h"

namespace birthmark::trust {
namespace {

using crypto::Algorithm;
using test::CodeOf;
using test::Codes;
using test::Strings;
using test::TestAnchor;
using test::TestKey;

SecretBytes Secret(std::string_view s) { return SecretBytes::Take(ToBytes(s)); }

// JksFile is a key store written by hand: magic, version 2, entries, 20 octets of digest.
Bytes JksFile(uint32_t count, const std::vector<Bytes>& entries) {
  Bytes b = *FromHex("feedfeed00000002");
  for (int shift = 24; shift >= 0; shift -= 8) b.push_back(static_cast<uint8_t>(count >> shift));
  for (const Bytes& e : entries) b.insert(b.end(), e.begin(), e.end());
  b.resize(b.size() + 20, 0xaa);
  return b;
}
void PutText(Bytes& b, std::string_view s) {
  b.push_back(0);
  b.push_back(static_cast<uint8_t>(s.size()));
  b.insert(b.end(), s.begin(), s.end());
}
void PutBlock(Bytes& b, ByteView block) {
  for (int shift = 24; shift >= 0; shift -= 8)
    b.push_back(static_cast<uint8_t>(block.size() >> shift));
  b.insert(b.end(), block.begin(), block.end());
}
Bytes JksEntry(uint8_t tag, std::string_view alias, ByteView certificate) {
  Bytes b{0, 0, 0, tag};
  PutText(b, alias);
  b.resize(b.size() + 8);  // the date
  if (tag == 1) {
    PutBlock(b, ToBytes("sealed"));
    b.insert(b.end(), {0, 0, 0, 1});  // a chain of one
  }
  PutText(b, "X.509");
  PutBlock(b, certificate);
  return b;
}

TEST(Pem, BlocksOfAllKindsAndWhatIsNoAnchorIsNamed) {
  TrustAnchor trusted = TestAnchor();
  trusted.title = "The one";
  trusted.purposes = {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.4"};
  trusted.refused = {"1.3.6.1.5.5.7.3.3"};
  const TrustAnchor plain = TestAnchor(Algorithm::kRsa2048), key = TestKey(Algorithm::kEd25519);
  std::string text =
      "a comment\n" + WritePemStore({plain, key}).value() + WritePemStore({trusted}, true).value() +
      crypto::WritePem("PRIVATE KEY", ToBytes("x")) + crypto::WritePem("X509 CRL", ToBytes("x")) +
      "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n" +
      crypto::WritePem("CERTIFICATE", ToBytes("0junk"));
  EXPECT_EQ(DetectFormat(AsBytes(text)), Format::kPem);
  const Store store = ReadPemStore(AsBytes(text)).value();
  ASSERT_EQ(store.anchors.size(), 3u);
  EXPECT_EQ(store.anchors[0], plain);
  EXPECT_EQ(store.anchors[1].spki, key.spki);
  EXPECT_EQ(store.anchors[2], trusted);
  EXPECT_EQ(Codes(store), (Strings{"trust.certificate-malformed", "trust.pem-label",
                                   "trust.pem-malformed", "trust.private-key"}));
  EXPECT_EQ(CodeOf(ReadPemStore(AsBytes("nothing here"))), "trust.pem-malformed");
  TrustAnchor digest;
  digest.form = Form::kKeyDigest;
  digest.digest = Bytes(32, 7);
  EXPECT_EQ(CodeOf(WritePemStore({digest})), "trust.cannot-carry");
  EXPECT_EQ(CodeOf(WritePemStore({key}, true)), "trust.cannot-carry");
  // A certificate that OpenSSL refuses for every use is an anchor that is refused.
  trusted.rejected = true;
  const Store refused = ReadPemStore(AsBytes(WritePemStore({trusted}, true).value())).value();
  EXPECT_TRUE(refused.anchors.at(0).rejected);
}

TEST(Pins, AreDigestsOfKeys) {
  const TrustAnchor a = TestAnchor(), b = TestKey(Algorithm::kRsa2048);
  const std::string text = WritePins({a, b}).value();
  EXPECT_EQ(text.find(';'), text.rfind(';'));
  const Store store = ReadPins(AsBytes(text)).value();
  ASSERT_EQ(store.anchors.size(), 2u);
  EXPECT_EQ(store.anchors[0].digest, KeyDigestOf(a));
  EXPECT_EQ(KeyDigestOf(store.anchors[1]), KeyDigestOf(b));
  for (const char* bad : {"", "sha256//AAAA", "md5//AAAA", "sha256//!"})
    EXPECT_EQ(CodeOf(ReadPins(AsBytes(bad))), "trust.pin-malformed") << bad;
}

TEST(Pkcs12, CertificatesAloneWithAndWithoutPassword) {
  TrustAnchor a = TestAnchor(), b = TestAnchor(Algorithm::kRsa2048);
  const SecretBytes right = Secret("open sesame"), wrong = Secret("open"),
                    java = Secret("changeit");
  const Bytes open = WritePkcs12({a, b}).value(), closed = WritePkcs12({a, b}, &right).value();
  EXPECT_EQ(DetectFormat(open), Format::kPkcs12);
  for (const auto& [file, password] :
       {std::pair{&open, static_cast<const SecretBytes*>(nullptr)}, {&closed, &right}}) {
    const Store store = ReadPkcs12(*file, password).value();
    EXPECT_EQ(test::KeysOf(store.anchors), test::KeysOf({a, b}));
    EXPECT_EQ(store.anchors.at(0).place, a.title);
    // Both roots have one name, and Java's aliases are unique.
    EXPECT_EQ(store.anchors.at(1).place, b.title + " (2)");
  }
  EXPECT_EQ(CodeOf(ReadPkcs12(closed, &wrong)), "trust.pkcs12-password");
  EXPECT_EQ(Codes(ReadPkcs12(closed).value()), Strings{"trust.not-checked"});
  EXPECT_TRUE(ReadPkcs12(WritePkcs12({a}, &java).value()).value().findings.empty());
  EXPECT_EQ(CodeOf(WritePkcs12({TestKey(Algorithm::kEcdsaP256)})), "trust.cannot-carry");
  Bytes cut(open.begin(), open.end() - 1);
  EXPECT_EQ(CodeOf(ReadPkcs12(cut)), "trust.pkcs12-malformed");
}

// Pkcs12With is a store of one part that is sealed with this algorithm.
Bytes Pkcs12With(const std::function<void(crypto::DerWriter&)>& algorithm, int parts = 1) {
  using crypto::DerWriter;
  namespace der = crypto::der;
  Bytes safe, out;
  DerWriter(safe).Sequence([&](DerWriter& list) {
    for (int i = 0; i < parts; ++i) {
      list.Sequence([&](DerWriter& info) {
        info.Oid("1.2.840.113549.1.7.6");
        info.Nest(der::Context(0, true), [&](DerWriter& explicit0) {
          explicit0.Sequence([&](DerWriter& sealed) {
            sealed.Unsigned(0);
            sealed.Sequence([&](DerWriter& content) {
              content.Oid("1.2.840.113549.1.7.1");
              content.Sequence(algorithm);
              content.Element(der::Context(0, false), Bytes(16, 7));
            });
          });
        });
      });
    }
  });
  DerWriter(out).Sequence([&](DerWriter& pfx) {
    pfx.Unsigned(3);
    pfx.Sequence([&](DerWriter& info) {
      info.Oid("1.2.840.113549.1.7.1");
      info.Nest(der::Context(0, true), [&](DerWriter& octets) { octets.OctetString(safe); });
    });
  });
  return out;
}

// PBE with SHA-1 and three-key triple DES (RFC 7292 appendix C).
auto PbeOf(uint64_t iterations) {
  return [=](crypto::DerWriter& w) {
    w.Oid("1.2.840.113549.1.12.1.3");
    w.Sequence([=](crypto::DerWriter& p) {
      p.OctetString(Bytes(8, 1));
      p.Unsigned(iterations);
    });
  };
}

TEST(Pkcs12, NobodyHashesForMinutes) {
  EXPECT_EQ(CodeOf(ReadPkcs12(Pkcs12With(PbeOf(2000)))), "trust.pkcs12-password");
  for (const uint64_t count : {uint64_t{1'000'001}, uint64_t{1} << 40, uint64_t{1} << 62})
    EXPECT_EQ(CodeOf(ReadPkcs12(Pkcs12With(PbeOf(count)))), "trust.pkcs12-malformed") << count;
  // What a cipher costs is not told: it is named, and nobody waits for it.
  const Store odd = ReadPkcs12(Pkcs12With(
                                   [](crypto::DerWriter& w) {
                                     w.Oid("1.3.6.1.4.1.11591.4.11");  // scrypt
                                   },
                                   500))
                        .value();
  EXPECT_EQ(Codes(odd).front(), "trust.not-checked");
  EXPECT_EQ(Codes(odd).back(), "trust.pkcs12-cipher");
  EXPECT_EQ(CodeOf(ReadPkcs12(Pkcs12With(PbeOf(400'000), 9))), "trust.pkcs12-password");
}

TEST(Stores, WhatIsTooLargeOrReadElsewhereIsNamed) {
  const Bytes large(kMaxStore + 1);
  using enum Format;
  for (const Format f : {kPem, kPkcs12, kJavaKeystore, kP11Kit, kSignatureList, kFit,
                         kTruststoreJson, kCoseKeySet, kRfc5914, kRfc5914Cms}) {
    EXPECT_EQ(CodeOf(ReadStore(f, large)), "trust.too-large") << ToText(f);
  }
  EXPECT_EQ(CodeOf(ReadStore(kDnssec, {})), "trust.format");
}

TEST(Jks, CertificatesAreReadAndTheDigestIsChecked) {
  const TrustAnchor a = TestAnchor();
  const Bytes entry = JksEntry(2, "acme root", a.certificate);
  const Bytes key = JksEntry(1, "me", a.certificate), sealed = JksEntry(3, "aes", {});
  const Bytes whole = JksFile(4, {entry, key, JksEntry(2, "junk", ToBytes("0")), sealed});
  EXPECT_EQ(DetectFormat(whole), Format::kJavaKeystore);
  const Store store = ReadJavaKeystore(whole).value();
  ASSERT_EQ(store.anchors.size(), 1u);
  EXPECT_EQ(store.anchors[0].place, "acme root");
  EXPECT_EQ(store.anchors[0].certificate, a.certificate);
  EXPECT_EQ(Codes(store), (Strings{"trust.certificate-malformed", "trust.jks-secret",
                                   "trust.not-checked", "trust.private-key"}));
  // The digest of a known password: SHA-1 over "changeit" in UTF-16, a phrase and the file.
  Bytes right = JksFile(1, {entry});
  Bytes hashed;
  for (const char c : std::string_view("changeit")) hashed.insert(hashed.end(), {0, uint8_t(c)});
  const ByteView phrase = AsBytes("Mighty Aphrodite");
  hashed.insert(hashed.end(), phrase.begin(), phrase.end());
  hashed.insert(hashed.end(), right.begin(), right.end() - 20);
  EVP_Digest(hashed.data(), hashed.size(), right.data() + right.size() - 20, nullptr, EVP_sha1(),
             nullptr);
  EXPECT_TRUE(ReadJavaKeystore(right).value().findings.empty());
  right[30] ^= 1;  // the alias
  EXPECT_EQ(Codes(ReadJavaKeystore(right).value()), Strings{"trust.not-checked"});
  // More entries than there are: what was read stays.
  const Store cut = ReadJavaKeystore(JksFile(2, {entry})).value();
  EXPECT_EQ(cut.anchors.size(), 1u);
  EXPECT_TRUE(cut.findings.Has("trust.jks-malformed"));
  EXPECT_EQ(CodeOf(ReadJavaKeystore(JksFile(1, {Bytes{0, 0, 0, 9}}))), "trust.jks-malformed");
  EXPECT_EQ(CodeOf(ReadJavaKeystore(*FromHex("feedfeed"))), "trust.jks-malformed");
}

TEST(P11Kit, ObjectsAndAttachedExtensions) {
  TrustAnchor a = TestAnchor();
  a.title = "Acme \"100%\" r\xc3\xb6\xc3\xb6t";
  a.purposes = {"1.3.6.1.5.5.7.3.1"};
  a.refused = {"1.3.6.1.5.5.7.3.4"};
  TrustAnchor b = TestAnchor(Algorithm::kRsa2048);
  b.rejected = true;
  const std::string text = WriteP11Kit({a, b}).value();
  EXPECT_EQ(DetectFormat(AsBytes(text)), Format::kP11Kit);
  Store store = ReadP11Kit(AsBytes(text)).value();
  ASSERT_EQ(store.anchors.size(), 2u);
  for (TrustAnchor& one : store.anchors) one.place.clear();
  EXPECT_EQ(store.anchors[0], a);
  EXPECT_EQ(store.anchors[1], b);
  EXPECT_TRUE(store.findings.empty());
  const std::string head = "[p11-kit-object-v1]\n",
                    certificate = crypto::WritePem("CERTIFICATE", a.certificate);
  EXPECT_EQ(
      Codes(ReadP11Kit(AsBytes(head + "class: certificate\n" + certificate + "\n" + head +
                               "class: data\nvalue: \"%00\"\n" + head +
                               "class: certificate\nx-distrusted: true\nserial-number: \"1\"\n" +
                               head + "class: certificate\ntrusted: true\n"))
                .value()),
      (Strings{"trust.certificate-malformed", "trust.p11-kit-object", "trust.p11-kit-object",
               "trust.p11-kit-object"}));
  for (const std::string& bad :
       {std::string("class: x\n"), head + "no colon\n", head + "a: \"open\n", head + "a: \"%4\"\n",
        head + "a: 1\na: 2\n", head + "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    EXPECT_EQ(CodeOf(ReadP11Kit(AsBytes(bad))), "trust.p11-kit-malformed") << bad;
  }
  EXPECT_EQ(CodeOf(WriteP11Kit({TestKey(Algorithm::kEcdsaP256)})), "trust.cannot-carry");
}

TEST(Dns, RecordsAndXml) {
  TrustAnchor key;
  key.form = Form::kDnskey;
  key.record = *FromHex("010103080102");
  TrustAnchor ds;
  ds.form = Form::kDs;
  ds.record = *FromHex("4f660802e06d");
  EXPECT_EQ(WriteDnsRecords({key, ds}).value(),
            ". 172800 IN DNSKEY 257 3 8 AQI= ; key tag 1291\n. 172800 IN DS 20326 8 2 E06D\n");
  EXPECT_EQ(CodeOf(WriteDnsRecords({TestAnchor()})), "trust.cannot-carry");
  EXPECT_EQ(CodeOf(WriteRootAnchorsXml({ds})), "trust.dns-validity");
  ds.valid_from = 1486000000;
  const std::string xml = WriteRootAnchorsXml({ds}).value();
  EXPECT_NE(xml.find("<KeyTag>20326</KeyTag>"), std::string::npos);
  EXPECT_NE(xml.find("validFrom=\"2017-02-02T"), std::string::npos);
}

}  // namespace
}  // namespace birthmark::trust
