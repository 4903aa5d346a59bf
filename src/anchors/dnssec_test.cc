// SPDX-License-Identifier: Apache-2.0
#include "anchors/dnssec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "anchors/read.h"
#include "anchors/test_tools.h"
#include "tests/support/vectors.h"

namespace birthmark::anchors {
namespace {

using ::birthmark::test::VectorsDir;
using ::birthmark::test::VectorsPresent;
using test::Present;

std::string CodeOf(const Result<AnchorFacts>& r) { return r ? "" : r.error().code; }
Time At(const char* text) { return *ParseTime(text); }

std::string RootKeyFile() {
  return VectorsPresent("dnssec-root")
             ? ReadTextFile(VectorsDir() / "dnssec-root" / "root.key", 1 << 16).value_or("")
             : "";
}

// Line gives the record with this key tag in its comment.
std::string Line(const std::string& file, const std::string& tag) {
  const size_t at = file.find("keytag " + tag);
  const size_t start = file.rfind('\n', at) + 1;
  return file.substr(start, file.find('\n', at) - start) + "\n";
}

TEST(Dnskey, Rfc4034Example) {
  // RFC 4034 section 5.4: the DNSKEY of dskey.example.com has key tag 60485.
  Dnskey key;
  key.flags = 256;
  key.algorithm = 5;
  key.key = *FromBase64(
      "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/"
      "2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvxegXd/"
      "M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==");
  EXPECT_EQ(key.KeyTag(), 60485);
}

TEST(Dnskey, RevokingChangesTheKeyTag) {
  Dnskey key;
  key.flags = 257;
  key.algorithm = 15;
  key.key = Bytes(32, 9);
  const uint16_t before = key.KeyTag();
  key.flags |= 0x0080;
  EXPECT_EQ(key.KeyTag(), before + 128);
}

TEST(ReadDnsRecords, RootKeyVectorsGiveTheKnownKeys) {
  if (!VectorsPresent("dnssec-root")) return;
  const auto facts = ReadAnchorFile(VectorsDir() / "dnssec-root" / "root.key");
  ASSERT_TRUE(facts) << facts.error().ToString();
  ASSERT_EQ(facts->entries.size(), 2u);
  EXPECT_EQ(facts->entries[0].key_tag, 20326u);
  EXPECT_EQ(facts->entries[1].key_tag, 38696u);
  EXPECT_EQ(facts->entries[0].algorithm, "rsa-2048");
  EXPECT_EQ(facts->entries[0].signature, "rsa-pkcs1-sha256");
  EXPECT_EQ(facts->entries[0].uses, "ksk");
  const auto keys = RootKeysIn(*facts);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0]->name, "KSK-2017");
  EXPECT_EQ(keys[1]->name, "KSK-2024");
}

TEST(ReadDnsRecords, DsRecordsFitTheDnskeys) {
  if (!VectorsPresent("dnssec-root")) return;
  const auto ds = ReadAnchorFile(VectorsDir() / "dnssec-root" / "root.ds");
  const auto keys = ReadAnchorFile(VectorsDir() / "dnssec-root" / "root.key");
  ASSERT_TRUE(ds && keys);
  ASSERT_EQ(ds->entries.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(ds->entries[i].form, EntryForm::kDs);
    EXPECT_EQ(ds->entries[i].key_tag, keys->entries[i].key_tag);
    EXPECT_EQ(ds->entries[i].fingerprint, keys->entries[i].fingerprint)
        << "recomputed from the DNSKEY";
  }
}

TEST(ReadDnsRecords, PackagedFilesAreTheSameAnchors) {
  if (!Present("/usr/share/dns/root.key") || !Present("/usr/share/dns/root.ds")) return;
  const auto keys = ReadAnchorFile("/usr/share/dns/root.key");
  const auto ds = ReadAnchorFile("/usr/share/dns/root.ds");
  ASSERT_TRUE(keys) << keys.error().ToString();
  ASSERT_TRUE(ds) << ds.error().ToString();
  EXPECT_FALSE(RootKeysIn(*keys).empty());
  EXPECT_EQ(RootKeysIn(*keys), RootKeysIn(*ds));
  EXPECT_TRUE(keys->notes.empty());
}

TEST(ReadDnsRecords, BothFormsInOneFileAreCompared) {
  const std::string key = RootKeyFile();
  if (key.empty()) return;
  const std::string ds =
      ". 3600 IN DS 20326 8 2 (E06D44B80B8F1D39A95C0B0D7C65D084\n"
      "  58E880409BBC683457104237C7F8EC8D ) ; joined\n";
  const auto good = ReadDnsRecords(Line(key, "20326") + ds);
  ASSERT_TRUE(good) << good.error().ToString();
  EXPECT_TRUE(good->notes.empty());
  std::string wrong = ds;
  wrong[wrong.find("E06D")] = 'F';
  const auto bad = ReadDnsRecords(Line(key, "20326") + wrong);
  ASSERT_TRUE(bad);
  ASSERT_EQ(bad->notes.size(), 1u);
  EXPECT_EQ(bad->notes[0].code, "anchors.ds-mismatch");
}

TEST(ReadDnsRecords, RefusesWhatIsNoAnchorOfTheRoot) {
  const char* const ds =
      " IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";
  EXPECT_TRUE(ReadDnsRecords("." + std::string(ds)));
  const std::string cases[] = {
      "example.com." + std::string(ds),
      ". IN DS 20326 8 2 E06D\n",
      ". IN DS 20326 8 9 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
      ". IN DS 20326 1 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
      ". IN DS 99999 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
      ". IN DS\n",
      ". IN NS a.root-servers.net.\n",
      ". IN\n",
      ".\n",
      "; only a comment\n",
      ". IN DNSKEY 257 3 8 not*base64\n",
      ". IN DNSKEY 257 2 15 " + ToBase64(Bytes(32, 1)) + "\n",
      ". IN DNSKEY 1 3 15 " + ToBase64(Bytes(32, 1)) + "\n",
      ". IN DNSKEY 257 3 15 " + ToBase64(Bytes(31, 1)) + "\n",
      ". IN DNSKEY 257 3 8 " + ToBase64(Bytes{3, 1, 0}) + "\n",
      ". IN DNSKEY 257 3 8 " + ToBase64(Bytes{0, 255, 255, 1}) + "\n",
      ". IN DS ( 20326 8 2\n",
      ". IN DS ) 20326\n",
  };
  for (const std::string& text : cases)
    EXPECT_EQ(CodeOf(ReadDnsRecords(text)), "anchors.dnssec-malformed") << text;
  std::string many;
  for (int i = 0; i < 300; ++i) many += "." + std::string(ds);
  EXPECT_EQ(CodeOf(ReadDnsRecords(many)), "anchors.dnssec-malformed");
}

TEST(Freshness, FollowsTheKeyThatSigns) {
  const std::string file = RootKeyFile();
  if (file.empty()) return;
  const auto old_key = ReadDnsRecords(Line(file, "20326"));
  const auto new_key = ReadDnsRecords(Line(file, "38696"));
  const auto both = ReadDnsRecords(file);
  ASSERT_TRUE(old_key && new_key && both);
  EXPECT_EQ(FreshnessAt(*old_key, At("2018-01-01")), RootFreshness::kNotYet);
  EXPECT_EQ(FreshnessAt(*old_key, At("2025-01-01")), RootFreshness::kCurrent);
  EXPECT_EQ(FreshnessAt(*old_key, At("2026-11-21")), RootFreshness::kStale);
  EXPECT_EQ(FreshnessAt(*new_key, At("2026-11-21")), RootFreshness::kCurrent);
  EXPECT_EQ(FreshnessAt(*both, At("2025-01-01")), RootFreshness::kCurrent);
  EXPECT_EQ(FreshnessAt(*both, At("2027-01-01")), RootFreshness::kCurrent);
}

TEST(Freshness, AKeyTagAloneIsNoKey) {
  std::string digest(64, '0');
  const auto facts = ReadDnsRecords(". IN DS 20326 8 2 " + digest + "\n");
  ASSERT_TRUE(facts);
  EXPECT_TRUE(RootKeysIn(*facts).empty());
  EXPECT_EQ(FreshnessAt(*facts, At("2025-01-01")), RootFreshness::kUnknownKey);
}

TEST(ReadRootAnchorsXml, VectorGivesDatesAndKeys) {
  if (!VectorsPresent("dnssec-root")) return;
  const auto facts = ReadAnchorFile(VectorsDir() / "dnssec-root" / "root-anchors.xml");
  ASSERT_TRUE(facts) << facts.error().ToString();
  ASSERT_EQ(facts->entries.size(), 3u);
  EXPECT_EQ(RootKeysIn(*facts).size(), 3u);
  EXPECT_EQ(facts->entries[0].not_after, Millis(At("2019-01-11")) / 1000);
  EXPECT_EQ(facts->entries[2].not_before, Millis(At("2024-07-18")) / 1000);
  EXPECT_EQ(facts->entries[2].not_after, std::nullopt);
  const auto ds = ReadAnchorFile(VectorsDir() / "dnssec-root" / "root.ds");
  EXPECT_EQ(facts->entries[2].fingerprint, ds->entries[1].fingerprint);
}

TEST(ReadRootAnchorsXml, OldTestFilesOfAnotherProjectAreRead) {
  const auto dir = VectorsDir() / "dnssec-root" / "unbound-testdata" / "testdata" /
                   "10-unbound-anchor.tdir" / "127.0.0.1";
  if (!VectorsPresent("dnssec-root/unbound-testdata")) return;
  const auto facts = ReadAnchorFile(dir / "root.xml");
  ASSERT_TRUE(facts) << facts.error().ToString();
  EXPECT_EQ(facts->entries[0].signature, "rsa-pkcs1-sha1");
  EXPECT_EQ(FreshnessAt(*facts, At("2025-01-01")), RootFreshness::kUnknownKey);
  const auto none = ReadAnchorFile(dir / "no_more_keys.xml");
  ASSERT_TRUE(none);
  EXPECT_EQ(ExpiredAt(*none, At("2025-01-01")), none->entries.size());
}

// Xml is one KeyDigest of KSK-2024 with something replaced.
std::string Xml(const std::string& what = "", const std::string& with = "") {
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TrustAnchor id=\"x\" "
      "source=\"y\">\n<Zone>.</Zone>\n"
      "<KeyDigest id=\"K\" validFrom=\"2024-07-18T00:00:00+00:00\">\n<KeyTag>38696</KeyTag>\n"
      "<Algorithm>8</Algorithm>\n<DigestType>2</DigestType>\n"
      "<Digest>683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16</Digest>\n"
      "</KeyDigest>\n</TrustAnchor>\n";
  if (const size_t at = xml.find(what); !what.empty() && at != std::string::npos)
    xml.replace(at, what.size(), with);
  return xml;
}

TEST(ReadRootAnchorsXml, RefusesWhatTheSchemaDoesNotHave) {
  ASSERT_TRUE(ReadRootAnchorsXml(Xml()));
  const std::string cases[] = {
      Xml("<Zone>.</Zone>", "<Zone>com.</Zone>"),
      Xml("<Zone>.</Zone>", "<Zone>.</Zone><Zone>.</Zone>"),
      Xml("<Zone>.</Zone>", "<Hint>.</Hint>"),
      Xml("<TrustAnchor", "<!DOCTYPE a [<!ENTITY e \"e\">]><TrustAnchor"),
      Xml("<KeyTag>38696</KeyTag>", ""),
      Xml("<KeyTag>38696</KeyTag>", "<KeyTag>38696</KeyTag><KeyTag>1</KeyTag>"),
      Xml("38696", "70000"),
      Xml("+00:00", "+02:00"),
      Xml(" validFrom=\"2024-07-18T00:00:00+00:00\"", ""),
      Xml("683D", "68"),
      Xml("</TrustAnchor>", ""),
      Xml("<DigestType>2", "<DigestType>2<Deeper/>"),
      Xml("</DigestType>", "</DigestType><PublicKey>AAAA</PublicKey>"),
      Xml("38696", std::string(5000, '1')),
      "<TrustAnchor/>",
      "<html/>",
  };
  for (const std::string& xml : cases) {
    EXPECT_EQ(CodeOf(ReadRootAnchorsXml(xml)), "anchors.dnssec-malformed") << xml.substr(0, 300);
  }
}

TEST(ReadRootAnchorsXml, PublicKeyIsComparedWithItsDigest) {
  const std::string file = RootKeyFile();
  if (file.empty()) return;
  std::string record = Line(file, "38696");
  const size_t start = record.find(" 8 ") + 3;
  const std::string key = record.substr(start, record.find(' ', start) - start);
  const auto good = ReadRootAnchorsXml(
      Xml("</Digest>", "</Digest><PublicKey>" + key + "</PublicKey><Flags>257</Flags>"));
  ASSERT_TRUE(good) << good.error().ToString();
  EXPECT_TRUE(good->notes.empty());
  EXPECT_EQ(good->entries[0].algorithm, "rsa-2048");
  const auto bad = ReadRootAnchorsXml(
      Xml("</Digest>", "</Digest><PublicKey>" + key + "</PublicKey><Flags>256</Flags>"));
  ASSERT_TRUE(bad);
  ASSERT_EQ(bad->notes.size(), 1u);
  EXPECT_EQ(bad->notes[0].code, "anchors.ds-mismatch");
}

TEST(ReadDnsRecords, NoMutationOfARealFileCrashes) {
  const std::string file = RootKeyFile();
  if (file.empty()) return;
  const auto whole = ReadDnsRecords(file);
  ASSERT_TRUE(whole);
  for (size_t i = 0; i < file.size(); ++i) {
    const auto cut = ReadDnsRecords(file.substr(0, i));
    EXPECT_TRUE(!cut || cut->entries.size() <= 2);
    std::string flipped = file;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x40);
    const auto other = ReadAnchors(AsBytes(flipped));
    // Whatever still reads is another set, unless the change fell into a comment or between fields.
    if (other && other->set_digest == whole->set_digest) {
      EXPECT_EQ(other->entries, whole->entries);
    }
  }
}

}  // namespace
}  // namespace birthmark::anchors
