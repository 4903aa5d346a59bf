// SPDX-License-Identifier: Apache-2.0
#include "attest/bundle.h"

#include <gtest/gtest.h>

#include "attest/test_tpm.h"
#include "attest/verify.h"
#include "base/files.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "tests/support/vectors.h"

namespace birthmark::attest {
namespace {

TEST(Bundle, ComesBackAsItWent) {
  test::Scene scene;
  Bundle b = scene.ToBundle();
  Bytes der = EncodeBundle(b);
  auto back = DecodeBundle(der);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(EncodeBundle(*back), der);
  EXPECT_EQ(back->statements[0].type, oid::kTpmCertify);
  auto s = DecodeTpmStatement(back->statements[0]);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->attest, scene.statement.attest);
  EXPECT_EQ(s->public_area, scene.key.area);
  for (size_t n = 0; n < der.size(); ++n)
    EXPECT_EQ(DecodeBundle(ByteView(der).first(n)).error().code, "attest.malformed") << n;
  der.push_back(0);
  EXPECT_FALSE(DecodeBundle(der));
}

TEST(Bundle, WithCreationDataIsOfOurOwnType) {
  test::Scene scene({}, true);
  scene.statement.ak_public_area = scene.ak.area;
  Statement s = EncodeTpmStatement(scene.statement);
  EXPECT_EQ(s.type, oid::kTpmCreation);
  auto back = DecodeTpmStatement(s);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->creation_data, scene.statement.creation_data);
  EXPECT_EQ(back->ak_public_area, scene.ak.area);
}

TEST(Bundle, CountsOtherCertificates) {
  test::Scene scene;
  Bytes statement, out;
  crypto::DerWriter(out).Sequence([&](crypto::DerWriter& w) {
    w.Sequence([&](crypto::DerWriter& list) {
      list.Sequence([](crypto::DerWriter& one) {
        one.Oid("1.2.3");
        one.Null();
      });
    });
    w.Sequence([](crypto::DerWriter& certs) {
      certs.Nest(crypto::der::Context(3, true), [](crypto::DerWriter& o) { o.Oid("1.2.4"); });
    });
  });
  auto b = DecodeBundle(out);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(b->other_certs, 1u);
  EXPECT_EQ(EvidenceFrom(*b).error().code, "attest.kind");
}

TEST(Bundle, RefusesEmptyLists) {
  const Bytes none = {0x30, 0x02, 0x30, 0x00};
  EXPECT_EQ(DecodeBundle(none).error().code, "attest.malformed");
  const Bytes no_certs = {0x30, 0x0b, 0x30, 0x07, 0x30, 0x05, 0x06,
                          0x01, 0x2a, 0x05, 0x00, 0x30, 0x00};
  EXPECT_EQ(DecodeBundle(no_certs).error().code, "attest.malformed");
}

TEST(Bundle, InAttributesAndExtensions) {
  Bytes der = test::Scene().Der();
  Bytes attribute = EncodeAttribute(der), extension = EncodeExtension(der);
  EXPECT_EQ(**BundleInAttributes(attribute), der);
  EXPECT_EQ(**BundleInExtensions(extension), der);
  EXPECT_FALSE(BundleInAttributes({})->has_value());
  Bytes twice = attribute;
  twice.insert(twice.end(), attribute.begin(), attribute.end());
  EXPECT_EQ(BundleInAttributes(twice).error().code, "attest.malformed");
  Bytes values = der;
  values.insert(values.end(), der.begin(), der.end());
  EXPECT_EQ(BundleInAttributes(EncodeAttribute(values)).error().code, "attest.malformed");
  EXPECT_EQ(BundleInAttributes(EncodeAttribute({})).error().code, "attest.malformed");
}

TEST(TcgCsr, ComesBackAsItWent) {
  test::Scene scene;
  TcgCsr c = scene.Tcg();
  Bytes wire = *EncodeTcgCsr(c);
  auto back = DecodeTcgCsr(wire);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->product_model, "GW-2");
  EXPECT_EQ(back->product_serial, "S0001");
  EXPECT_EQ(back->attest_public, scene.ak.area);
  EXPECT_EQ(back->signed_part.size() % 16, 0u);
  EXPECT_EQ(*EncodeTcgCsr(*back), wire);
  for (size_t n = 0; n < wire.size(); ++n) EXPECT_FALSE(DecodeTcgCsr(ByteView(wire).first(n))) << n;
  // Any octet of what the hash covers.
  for (size_t at = 12 + 12 + 32; at < 12 + c.signed_part.size(); ++at) {
    Bytes bad = wire;
    bad[at] ^= 1;
    EXPECT_FALSE(DecodeTcgCsr(bad)) << at;
  }
}

// The layout byte by byte, so that a change of ours does not agree with itself alone.
TEST(TcgCsr, HasTheSpecifiedLayout) {
  TcgCsr c{.product_model = "M", .product_serial = "SS", .ek_certificate = {0xec}};
  Bytes content = *TcgContent(c);
  // 3 numbers, 32 octets of hash, 13 sizes, 4 octets of fields, 12 of padding.
  EXPECT_EQ(content.size(), 112u);
  EXPECT_EQ(ToHex(ByteView(content).first(12)),
            "00000100"
            "0000000b"
            "00000020");
  EXPECT_EQ(ToHex(ByteView(content).subspan(44)),
            "00000001"
            "00000002"
            "00000000"
            "00000000"
            "00000001"
            "00000000"
            "00000000"
            "00000000"
            "00000000"
            "00000000"
            "00000000"
            "00000000"
            "0000000c"
            "4d"
            "5353"
            "ec"
            "000000000000000000000000");
  Digest d = crypto::Sha256(ByteView(content).subspan(44));
  EXPECT_EQ(Bytes(content.begin() + 12, content.begin() + 44), Bytes(d.begin(), d.end()));
  c.signature = {9, 9};
  Bytes all = *EncodeTcgCsr(c);
  EXPECT_EQ(ToHex(ByteView(all).first(12)),
            "00000100"
            "00000070"
            "00000002");
  EXPECT_EQ(ToHex(ByteView(all).last(2)), "0909");
}

// The sample request of the working group (its older form, with a hint).
TEST(Vectors, SampleOfTheWorkingGroup) {
  if (!birthmark::test::VectorsPresent("csr-attestation")) return;
  auto pem = ReadFile(
      birthmark::test::VectorsDir() / "csr-attestation/sampledata" / "tcgAttestTpmCertify.pem",
      1 << 20);
  ASSERT_TRUE(pem);
  auto der = crypto::ReadOnePem(AsText(*pem), "CERTIFICATE REQUEST");
  ASSERT_TRUE(der);
  crypto::DerReader file(*der);
  auto request = file.Enter();
  auto info = request->Enter();
  ASSERT_TRUE(info->Next() && info->Next());
  auto spki = info->Next();
  auto attributes = info->Expect(crypto::der::Context(0, true));
  ASSERT_TRUE(attributes);
  auto bundle = BundleInAttributes(*attributes);
  ASSERT_TRUE(bundle && *bundle) << bundle.error().message;
  auto b = DecodeBundle(**bundle);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(b->certs.size(), 2u);
  auto root = crypto::Certificate::FromDer(b->certs[1]);
  ASSERT_TRUE(root);
  const std::vector<crypto::Certificate> roots = {*root};
  VerifyOptions options{.roots = roots, .at = *ParseTime("2024-11-01T00:00:00Z")};
  options.nonce = FromHex("00ff55aa");
  auto v = VerifyBundle(**bundle, spki->whole, options);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->kind, "tpm2-certify");
  EXPECT_EQ(v->binding, AkBinding::kCertificate);
  EXPECT_EQ(v->root, root->digest());
  options.nonce = FromHex("00ff55ab");
  EXPECT_EQ(VerifyBundle(**bundle, spki->whole, options).error().code, "attest.nonce");
  options.nonce.reset();
  options.at = *ParseTime("2026-11-01T00:00:00Z");
  EXPECT_EQ(VerifyBundle(**bundle, spki->whole, options).error().code, "attest.chain");
}

}  // namespace
}  // namespace birthmark::attest
