// SPDX-License-Identifier: Apache-2.0
// The forms of standards: RFC 5914, RFC 9641, COSE_KeySet.
#include "cbor/codec.h"
#include "trust/anchor_info.h"
#include "trust/cose_keyset.h"
#include "trust/detect.h"
#include "trust/test_anchors.h"
#include "trust/truststore_json.h"

namespace birthmark::trust {
namespace {

using crypto::Algorithm;
using test::CodeOf;
using test::Codes;
using test::KeysOf;
using test::Strings;
using test::TestAnchor;
using test::TestKey;

// Constrained is an anchor with everything that RFC 5914 keeps beside a key.
TrustAnchor Constrained() {
  TrustAnchor a = TestAnchor();
  a.form = Form::kTrustAnchorInfo;
  a.title = "Acme update";
  a.policies = {"1.3.6.1.4.1.32473.1"};
  a.purposes = {"1.3.6.1.5.5.7.3.3"};
  a.path_length = 200;
  a.require_explicit_policy = true;
  // permittedSubtrees: dNSName "acme.example".
  a.name_constraints = *FromHex("3012a010300e820c61636d652e6578616d706c65");
  return a;
}

TEST(Rfc5914, NothingIsLost) {
  const TrustAnchor plain = TestAnchor(Algorithm::kRsa2048);
  TrustAnchor key = TestKey(Algorithm::kEd25519);
  key.form = Form::kTrustAnchorInfo;
  const std::vector<TrustAnchor> anchors = {plain, Constrained(), key};
  const Bytes list = WriteTrustAnchorList(anchors).value();
  EXPECT_EQ(DetectFormat(list), Format::kRfc5914);
  const Store store = ReadTrustAnchorList(list).value();
  EXPECT_EQ(store.anchors, anchors);
  EXPECT_TRUE(store.findings.empty());
  EXPECT_EQ(WriteTrustAnchorList(store.anchors).value(), list);
}

TEST(Rfc5914, FieldByField) {
  // A key that cannot be mistaken, so that every octet of the encoding is seen.
  const Bytes spki = *FromHex("300a300506032b657003010000");
  EXPECT_EQ(CodeOf(AnchorOfKey(spki)), "trust.key-malformed");
  TrustAnchor a = AnchorOfKey(*FromHex("300a300506032b6570030100")).value();
  a.form = Form::kTrustAnchorInfo;
  a.key_id = {0x07};
  a.title = "k";
  a.name = {0x30, 0x00};
  a.policies = {"1.2"};
  a.inhibit_any_policy = true;
  a.path_length = 0;
  EXPECT_EQ(ToHex(WriteTrustAnchorList({a}).value()),
            "3028a2263024"              // the list, taInfo [2], TrustAnchorInfo
            "300a300506032b6570030100"  // pubKey
            "040107"                    // keyId
            "0c016b"                    // taTitle
            "30103000"                  // certPath with taName
            "a1053003"
            "06012a"    // policySet [1]
            "82020520"  // policyFlags [2]: bit 2
            "840100");  // pathLenConstraint [4]
}

TEST(Rfc5914, WhatIsNotDerIsRefused) {
  const std::string good = ToHex(WriteTrustAnchorList({Constrained()}).value());
  auto with = [&](std::string_view from, std::string_view to) {
    std::string s = good;
    const size_t at = s.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    s.replace(at, from.size(), to);
    return ReadTrustAnchorList(*FromHex(s));
  };
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"82020640", "82020740"},     // flags: an unused bit is set
           {"82020640", "82020440"},     // flags: trailing zeros
           {"840200c8", "8402ffc8"},     // path length: negative
           {"840200c8", "84020100"}}) {  // path length: too long
    const auto store = with(from, to);
    ASSERT_TRUE(store) << to;
    EXPECT_TRUE(store->anchors.empty()) << to;
    EXPECT_EQ(Codes(*store), Strings{"trust.rfc5914-malformed"}) << to;
  }
  for (const char* bad : {"", "3000", "3080", "30820000", "020101"})
    EXPECT_EQ(CodeOf(ReadTrustAnchorList(*FromHex(bad))), "trust.rfc5914-malformed") << bad;
  EXPECT_EQ(CodeOf(ReadTrustAnchorList(*FromHex(good + "00"))), "trust.rfc5914-malformed");
  // The certificate in an anchor must be of its key.
  TrustAnchor other = Constrained();
  other.certificate = TestAnchor().certificate;
  EXPECT_TRUE(ReadTrustAnchorList(WriteTrustAnchorList({other}).value())
                  .value()
                  .findings.Has("trust.rfc5914-malformed"));
  TrustAnchor pin;
  pin.form = Form::kKeyDigest;
  TrustAnchor nameless = TestKey(Algorithm::kEd25519);
  nameless.path_length = 1;
  TrustAnchor refused = TestAnchor();
  refused.rejected = true;
  for (const TrustAnchor& a : {pin, nameless, refused})
    EXPECT_EQ(CodeOf(WriteTrustAnchorList({a})), "trust.cannot-carry");
  EXPECT_EQ(CodeOf(WriteTrustAnchorList({})), "trust.cannot-carry");
}

TEST(Rfc5914, InsideCms) {
  const Bytes list = WriteTrustAnchorList({TestAnchor()}).value();
  const Bytes bare = WriteTrustAnchorListCms(list).value();
  EXPECT_EQ(Codes(ReadTrustAnchorListCms(bare).value()), Strings{"trust.not-signed"});
  pki::test::TestPki pki;
  CmsSigner signer{{pki.root}, pki.root_key, pki::test::kNow};
  Bytes message = WriteTrustAnchorListCms(list, &signer).value();
  Store store = ReadTrustAnchorListCms(message).value();
  EXPECT_EQ(store.anchors.size(), 1u);
  EXPECT_TRUE(store.findings.empty());
  message.back() ^= 1;  // the signature's end
  EXPECT_EQ(Codes(ReadTrustAnchorListCms(message).value()), Strings{"trust.cms-signature"});
  EXPECT_EQ(CodeOf(ReadTrustAnchorListCms(list)), "trust.cms");
}

TEST(Truststore, BagsOfCertificatesAndKeys) {
  const std::vector<TrustAnchor> anchors = {TestAnchor(), TestAnchor(Algorithm::kRsa2048),
                                            TestKey(Algorithm::kEd25519)};
  const std::string text = WriteTruststoreJson(anchors, "acme").value();
  EXPECT_EQ(DetectFormat(AsBytes(text)), Format::kTruststoreJson);
  const Store store = ReadTruststoreJson(AsBytes(text)).value();
  EXPECT_EQ(KeysOf(store.anchors), KeysOf(anchors));
  EXPECT_EQ(store.anchors.at(0).place, "acme");
  EXPECT_NE(store.anchors.at(0).title, store.anchors.at(1).title);
  TrustAnchor pin;
  pin.form = Form::kKeyDigest;
  EXPECT_EQ(CodeOf(WriteTruststoreJson({pin}, "acme")), "trust.cannot-carry");
  const std::string root = R"({"ietf-truststore:truststore": )";
  auto bag = [&](std::string_view entry) {
    return root + R"({"certificate-bags": {"certificate-bag": [{"name": "b", "certificate": [)" +
           std::string(entry) + "]}]}}}";
  };
  for (const std::string& bad :
       {std::string("["), std::string("{}"), std::string(R"({"truststore": {}})"),
        root + R"({"bags": {}}})", root + "[]}", bag("1"), bag(R"({"name": "c"})"),
        bag(R"({"name": "c", "cert-data": 1})"), bag(R"({"name": "c", "cert-data": "!"})"),
        bag(R"({"name": "c", "cert-data": "AA==", "cert": 1})"),
        bag(R"({"name": "c", "cert-data": "AA=="}, {"name": "c", "cert-data": "AA=="})")}) {
    EXPECT_EQ(CodeOf(ReadTruststoreJson(AsBytes(bad))), "trust.truststore-malformed") << bad;
  }
  EXPECT_EQ(
      Codes(ReadTruststoreJson(AsBytes(bag(R"({"name": "c", "cert-data": "AA=="})"))).value()),
      Strings{"trust.certificate-malformed"});
}

TEST(CoseKeySet, KeysOfAllKinds) {
  const std::vector<TrustAnchor> anchors = {
      TestKey(Algorithm::kEcdsaP256), TestKey(Algorithm::kEcdsaP384), TestKey(Algorithm::kRsa2048),
      TestKey(Algorithm::kEd25519)};
  const Bytes set = WriteCoseKeySet(anchors).value();
  const Store store = ReadCoseKeySet(set).value();
  EXPECT_EQ(KeysOf(store.anchors), KeysOf(anchors));
  EXPECT_EQ(store.anchors.at(0).key_id, anchors[0].key_id);
  EXPECT_TRUE(store.findings.empty());
  using cbor::Map;
  const cbor::Value odd = cbor::Array{Map{{1, 1}, {-1, 6}, {-2, Bytes(32)}, {-4, Bytes(32)}},
                                      Map{{1, 4}, {-1, Bytes(16)}}, Map{{1, 2}, {-1, 1}, {-2, 1}}};
  EXPECT_EQ(Codes(ReadCoseKeySet(cbor::Encode(odd)).value()),
            (Strings{"trust.cose-key", "trust.cose-key", "trust.private-key"}));
  for (const char* bad : {"", "80", "a0", "8101", "81a1", "9f80ff"})
    EXPECT_EQ(CodeOf(ReadCoseKeySet(*FromHex(bad))), "trust.cose-malformed") << bad;
  TrustAnchor pin;
  pin.form = Form::kKeyDigest;
  EXPECT_EQ(CodeOf(WriteCoseKeySet({pin})), "trust.cannot-carry");
}

}  // namespace
}  // namespace birthmark::trust
