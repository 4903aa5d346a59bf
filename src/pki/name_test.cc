// SPDX-License-Identifier: Apache-2.0
#include "pki/name.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "crypto/openssl.h"

namespace birthmark::pki {
namespace {

std::string OpenSslText(const Bytes& der) {
  const uint8_t* p = der.data();
  X509_NAME* name = d2i_X509_NAME(nullptr, &p, static_cast<long>(der.size()));
  if (name == nullptr) return "unreadable";
  crypto::BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  X509_NAME_free(name);
  char* text = nullptr;
  const long n = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(n));
}

TEST(Name, TextIsWhatOpenSslPrints) {
  const Name name = *Name::Make({{"C", "DE"},
                                 {"O", "Acme, Light & Söhne"},
                                 {"OU", " edge"},
                                 {"CN", "#1 + \"x\" \\ <y>; z"},
                                 {"serialNumber", "BMC-0001"}});
  EXPECT_EQ(name.ToText(), OpenSslText(name.der()));
}

TEST(Name, ParseReadsItsOwnText) {
  const Name name = *Name::Make({{"O", "Acme, Light"}, {"CN", "a=b+c"}, {"1.2.3.4", "own type"}});
  EXPECT_EQ(*Name::Parse(name.ToText()), name);
  EXPECT_EQ(Name::Parse("CN=Root,O=Acme")->der(),
            Name::Make({{"O", "Acme"}, {"CN", "Root"}})->der());
}

TEST(Name, SerialNumberAndCountryArePrintableStrings) {
  EXPECT_EQ(ToHex(Name::Make({{"serialNumber", "A1"}})->der()),
            "300d310b300906035504051302"
            "4131");
  EXPECT_EQ(ToHex(Name::Make({{"C", "DE"}})->der()), "300d310b3009060355040613024445");
  EXPECT_EQ(ToHex(Name::Make({{"O", "A"}})->der()),
            "300c310a300806035504"
            "0a0c0141");
}

TEST(Name, KeepsTheBytesItWasReadFrom) {
  // One relative name of two attributes, a UTF8String and a BMPString: what old roots carry.
  const Bytes good = *FromHex("301e311c300b06035504030c04526f6f74300d060355040a1e0600410063006d");
  const Name name = *Name::FromDer(good);
  EXPECT_EQ(name.der(), good);
  ASSERT_EQ(name.attributes().size(), 2u);
  EXPECT_EQ(name.attributes()[0].value, "Root");
  EXPECT_EQ(name.attributes()[1].value, "#1e0600410063006d");
  const Name longer = *name.With("serialNumber", "7");
  EXPECT_EQ(Name::FromDer(longer.der())->attributes().size(), 3u);
  EXPECT_EQ(longer.Find("serialNumber"), "7");
}

TEST(Name, RefusesWhatItsAlphabetLacks) {
  auto code = [](std::vector<Attribute> a) { return Name::Make(std::move(a)).error().code; };
  EXPECT_EQ(code({{"serialNumber", "BMC_1"}}), "name.value");
  EXPECT_EQ(code({{"serialNumber", std::string(65, '1')}}), "name.value");
  EXPECT_EQ(code({{"C", "DEU"}}), "name.value");
  EXPECT_EQ(code({{"CN", ""}}), "name.value");
  EXPECT_EQ(code({{"CN", "a\nb"}}), "name.value");
  EXPECT_EQ(code({{"CN", "\xc3\x28"}}), "name.value");
  EXPECT_EQ(code({{"DC", "münchen"}}), "name.value");
  EXPECT_EQ(code({{"XX", "a"}}), "name.type");
  EXPECT_TRUE(Name::Make({{"CN", std::string(64, 'x')}}));
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "ü";
  EXPECT_TRUE(Name::Make({{"CN", umlauts}}));  // the bound counts characters, not octets
}

TEST(Name, ParseRefusesBrokenText) {
  for (const char* text : {"CN", "=a", "CN=a,", "CN=a\\", "CN=a+O=b", "O=a,b"}) {
    EXPECT_EQ(Name::Parse(text).error().code, "name.syntax") << text;
  }
  EXPECT_TRUE(Name::Parse("")->empty());
}

TEST(Name, HostileBytesAreRefused) {
  for (const char* hex : {"", "31", "3000ff", "30023100", "300431023000", "3080000030",
                          "300d310b300906035504030c02c328",
                          "300d310b30090603550403040241"
                          "41",
                          "300e310c300a06035504031e03004100"}) {
    EXPECT_EQ(Name::FromDer(*FromHex(hex)).error().code, "name.malformed") << hex;
  }
}

TEST(Name, ControlCharactersAreShownEscaped) {
  const Bytes der = *FromHex("300e310c300a06035504030c031b5b41");
  EXPECT_EQ(Name::FromDer(der)->ToText(), "CN=\\1B[A");
}

}  // namespace
}  // namespace birthmark::pki
