// SPDX-License-Identifier: Apache-2.0
// PSKC alone: RFC 6030's figures, codes, algorithms, XML that means harm.
#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "seed/read.h"
#include "seed/test_files.h"

namespace birthmark::seed {
namespace {

constexpr std::string_view kNamespaces =
    "Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" "
    "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" "
    "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" "
    "xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\"";

std::string Container(std::string_view inside) {
  return "<KeyContainer " + std::string(kNamespaces) + ">" + std::string(inside) +
         "</KeyContainer>";
}
std::string PlainPackage(std::string_view chip, ByteView seed, std::string_view more = "") {
  return "<KeyPackage><DeviceInfo><SerialNo>" + std::string(chip) +
         "</SerialNo></DeviceInfo><Key Id=\"1\">" + std::string(more) +
         "<Data><Secret><PlainValue>" + ToBase64(seed) +
         "</PlainValue></Secret></Data></Key></KeyPackage>";
}
Outcome ReadText(const std::string& text, const ReadOptions& options) {
  return ReadOctets(AsBytes(text), options);
}
const ReadOptions kPlain{.allow_unprotected = true};

std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

// A file to a shared key, as text to be changed.
struct Shared {
  std::vector<SharedKey> keys;
  Shared() { keys.push_back({"k", SecretBytes::Take(Bytes(32, 0x44))}); }
  std::string Text(const Pairs& pairs) const {
    WriteOptions to;
    to.shared = &keys[0];
    Bytes b = Written(true, to, pairs);
    return std::string(AsText(b));
  }
  ReadOptions read() const { return {.shared = &keys}; }
};

// The values of RFC 6030's figure 6: a HOTP key of 160 bits under a shared AES-128 key, HMAC-SHA1.
std::string Figure6(std::string_view mac) {
  auto value = [](std::string_view cipher) {
    return "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>"
           "<xenc:CipherData><xenc:CipherValue>\n  " +
           std::string(cipher) + "\n </xenc:CipherValue></xenc:CipherData>";
  };
  return Container(
      "<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>"
      "<MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>" +
      value("ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX") +
      "</MACKey></MACMethod><KeyPackage><DeviceInfo><Manufacturer>Manufacturer</Manufacturer>"
      "<SerialNo>987654321</SerialNo></DeviceInfo><CryptoModuleInfo><Id>CM_ID_001</Id>"
      "</CryptoModuleInfo><Key Id=\"12345678\" "
      "Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"><Issuer>Issuer</Issuer>"
      "<AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/>"
      "</AlgorithmParameters><Data><Secret><EncryptedValue>" +
      value("AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv") +
      "</EncryptedValue><ValueMAC>" + std::string(mac) +
      "</ValueMAC></Secret><Counter><PlainValue>0</PlainValue></Counter></Data></Key>"
      "</KeyPackage>");
}

TEST(Pskc, Figure6OpensAndItsKeyIsTooShortForASeed) {
  std::vector<SharedKey> keys;
  keys.push_back(
      {"Pre-shared-key", SecretBytes::Take(*FromHex("12345678901234567890123456789012"))});
  Outcome got = ReadText(Figure6("Su+NvtQfmvfJzF6bmQiJqoLRExc="), {.shared = &keys});
  ASSERT_TRUE(got.summary) << got.summary.error().ToString();
  // "160 bits" is only found out by a right code, a right key and a right padding.
  EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.short"}}));
  EXPECT_EQ(got.summary->oem, "Manufacturer");
  got = ReadText(Figure6("Su+NvtQfmvfJzF6bmQiJqoLREXc="), {.shared = &keys});
  EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.mac"}}));
}

TEST(Pskc, Figure2IsPlainAndRefused) {
  std::string text = Container(
      "<KeyPackage><Key Id=\"12345678\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\">"
      "<Issuer>Issuer-A</Issuer><Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="
      "</PlainValue></Secret></Data></Key></KeyPackage>");
  EXPECT_EQ(ReadText(text, {}).code(), "seed.unprotected");
  Outcome got = ReadText(text, kPlain);
  EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.chip"}}));
}

TEST(Pskc, Figure7sPassphraseIsRefused) {
  std::string text = Container(
      "<EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod "
      "Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\"/>"
      "<xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName></xenc11:DerivedKey>"
      "</EncryptionKey><KeyPackage/>");
  EXPECT_EQ(ReadText(text, {}).code(), "seed.algorithm");
}

TEST(Pskc, Figure8sDirectRsaIsTakenAsOaepOnly) {
  const Recipient& to = RsaRecipient();
  auto file = [&](std::string_view method, ByteView value) {
    return Container(
        "<EncryptionKey><ds:X509Data><ds:X509Certificate>" + ToBase64(to.certificate.der()) +
        "</ds:X509Certificate></ds:X509Data></EncryptionKey><KeyPackage><DeviceInfo>"
        "<SerialNo>c1</SerialNo></DeviceInfo><Key><Data><Secret><EncryptedValue>"
        "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#" +
        std::string(method) + "\"/><xenc:CipherData><xenc:CipherValue>" + ToBase64(value) +
        "</xenc:CipherValue></xenc:CipherData></EncryptedValue></Secret></Data></Key>"
        "</KeyPackage>");
  };
  Bytes sealed(256);
  size_t n = sealed.size();
  crypto::EvpKeyCtxPtr ctx(EVP_PKEY_CTX_new(to.key.get(), nullptr));
  EVP_PKEY_encrypt_init(ctx.get());
  EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING);
  Bytes seed = SeedNumber(5);
  ASSERT_EQ(EVP_PKEY_encrypt(ctx.get(), sealed.data(), &n, seed.data(), seed.size()), 1);
  ReadOptions options{.key = to.key.get()};
  Outcome got = ReadText(file("rsa-oaep-mgf1p", sealed), options);
  ASSERT_TRUE(got.summary) << got.summary.error().ToString();
  EXPECT_EQ(got.seeds, (Pairs{{"c1", seed}}));
  EXPECT_EQ(got.summary->protection, "pskc-x509");
  for (const char* old : {"rsa_1_5", "rsa-1_5", "rsa-oaep", "aes128-cbc", ""}) {
    got = ReadText(file(old, sealed), options);
    EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.algorithm"}})) << old;
  }
  sealed[9] ^= 1;
  got = ReadText(file("rsa-oaep-mgf1p", sealed), options);
  EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.decrypt"}}));
}

TEST(Pskc, CodesAreCheckedBeforeUse) {
  Shared shared;
  std::string text = shared.Text(GoodPairs(2));
  auto refused = [&](const std::string& changed) {
    Outcome got = ReadText(changed, shared.read());
    return got.summary ? (got.refused.empty() ? "taken" : got.refused[0].second) : got.code();
  };
  EXPECT_EQ(refused(text), "taken");
  size_t at = text.find("<ValueMAC>") + 10;
  std::string wrong = text;
  wrong[at] = wrong[at] == 'A' ? 'B' : 'A';
  EXPECT_EQ(refused(wrong), "seed.mac");
  size_t end = text.find("</ValueMAC>");
  EXPECT_EQ(refused(text.substr(0, at - 10) + text.substr(end + 11)), "seed.mac-missing");
  EXPECT_EQ(refused(text.substr(0, at) + text.substr(end)), "seed.mac");
  at = text.find("<MACMethod"), end = text.find("</MACMethod>");
  EXPECT_EQ(refused(text.substr(0, at) + text.substr(end + 12)), "seed.mac-method");
  at = text.find("<MACKey>"), end = text.find("</MACKey>");
  EXPECT_EQ(refused(text.substr(0, at) + text.substr(end + 9)), "seed.mac-method");
  EXPECT_EQ(refused(Replaced(text, "#hmac-sha256", "#hmac-md5")), "seed.mac-method");
  EXPECT_EQ(refused(Replaced(text, "#hmac-sha256", "#hmac-sha512")), "seed.mac");
  at = text.rfind("aes256-cbc");
  EXPECT_EQ(
      ReadText(text.substr(0, at) + "aes128-cbc" + text.substr(at + 10), shared.read()).refused,
      (decltype(Outcome::refused){{1, "seed.algorithm"}}));
}

TEST(Pskc, AValueOfAnotherElementIsARepeat) {
  Shared shared;
  std::string text = shared.Text(GoodPairs(2));
  auto secret = [&](size_t from) {
    size_t at = text.find("<Secret>", from), end = text.find("</Secret>", from);
    return text.substr(at, end - at);
  };
  std::string first = secret(0), second = secret(text.find("</Secret>") + 1);
  // RFC 6030's code does not bind the value to its chip; a swap of two is the maker's or a
  // courier's to answer for, a copy is found.
  Outcome got = ReadText(Replaced(text, second, first), shared.read());
  EXPECT_EQ(got.refused, (decltype(got.refused){{1, "seed.repeated"}}));
}

TEST(Pskc, XmlThatMeansHarmIsRefused) {
  std::string good = Container(PlainPackage("c", SeedNumber(1)));
  auto code = [](const std::string& text) { return ReadText(text, kPlain).code(); };
  EXPECT_EQ(code(good), "");
  EXPECT_EQ(code("<!DOCTYPE KeyContainer SYSTEM \"http://x/\">" + good), "seed.doctype");
  EXPECT_EQ(code("<!DOCTYPE k [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" + good),
            "seed.doctype");
  EXPECT_EQ(code(Replaced(good, ">c<", ">&x;<")), "seed.malformed");
  EXPECT_EQ(code(good + "<more/>"), "seed.malformed");
  EXPECT_EQ(code(Replaced(good, "Version=\"1.0\"", "Version=\"2.0\"")), "seed.format");
  EXPECT_EQ(code(Replaced(good, ":pskc\"", ":other\"")), "seed.format");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "<x>";
  EXPECT_EQ(code(Replaced(good, "<KeyPackage>", deep)), "seed.malformed");
  EXPECT_EQ(code("<!--" + std::string(2 << 20, 'x') + "-->" + good), "seed.malformed");
  EXPECT_EQ(code(Replaced(good, "<KeyPackage>", "<a b=\"" + std::string(2 << 20, 'x') + "\"/>")),
            "seed.malformed");
}

TEST(Pskc, ElementsThatAreNotWhatTheySayAreRefusedAlone) {
  auto refused = [](const std::string& text) {
    Outcome got = ReadText(Container(text + PlainPackage("last", SeedNumber(9))), kPlain);
    EXPECT_TRUE(got.summary) << got.code();
    EXPECT_EQ(got.seeds.size(), 1u);
    return got.refused.empty() ? "" : got.refused[0].second;
  };
  Bytes seed = SeedNumber(1);
  std::string good = PlainPackage("c", seed);
  EXPECT_EQ(refused(PlainPackage("c", seed, "<Policy><KeyUsage>OTP</KeyUsage></Policy>")),
            "seed.policy");
  EXPECT_EQ(refused(Replaced(good, "<Secret>", "<Secret><EncryptedValue/>")), "seed.malformed");
  EXPECT_EQ(refused("<KeyPackage/>"), "seed.chip");
  EXPECT_EQ(refused("<KeyPackage><DeviceInfo><SerialNo>c</SerialNo></DeviceInfo></KeyPackage>"),
            "seed.malformed");
  EXPECT_EQ(refused(Replaced(good, "</Key>", "</Key><Key/>")), "seed.malformed");
  EXPECT_EQ(refused(Replaced(good, "<SerialNo>", "<SerialNo>d</SerialNo><SerialNo>")),
            "seed.malformed");
  EXPECT_EQ(refused(Replaced(good, ">c<", ">" + std::string(600, 'c') + "<")), "seed.chip");
  EXPECT_EQ(refused(Replaced(good, "<PlainValue>", "<PlainValue>*")), "seed.malformed");
  EXPECT_EQ(refused(Replaced(good, "<PlainValue>", "<PlainValue>" + std::string(600, 'A'))),
            "seed.malformed");
}

TEST(Pskc, TheModulesIdNamesTheChipWhereNoSerialNumberDoes) {
  std::string text =
      Replaced(PlainPackage("c", SeedNumber(1)), "<DeviceInfo><SerialNo>c</SerialNo></DeviceInfo>",
               "<CryptoModuleInfo><Id> CM-7 </Id></CryptoModuleInfo>");
  EXPECT_EQ(ReadText(Container(text), kPlain).seeds, (Pairs{{"CM-7", SeedNumber(1)}}));
}

TEST(Pskc, AllOfAFileIsPlainWhenOneSeedIs) {
  Shared shared;
  std::string text = Replaced(shared.Text(GoodPairs(2)), "</KeyContainer>",
                              PlainPackage("open", SeedNumber(70)) + "</KeyContainer>");
  EXPECT_EQ(ReadText(text, shared.read()).code(), "seed.unprotected");
  ReadOptions allowed = shared.read();
  allowed.allow_unprotected = true;
  Outcome got = ReadText(text, allowed);
  ASSERT_TRUE(got.summary);
  EXPECT_EQ(got.summary->count, 3u);
  EXPECT_EQ(got.summary->protection, "none");
}

}  // namespace
}  // namespace birthmark::seed
