// SPDX-License-Identifier: Apache-2.0
#include "pki/template.h"

#include <random>

#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Algorithm;
using test::NewKey;
using test::TestName;
using test::TestPki;
using test::TestStamp;

IssuerTemplate::Fixed Product() {
  return {.subject = *Name::Make({{"O", "Acme Light"}, {"CN", "BMC 3000"}}),
          .hardware_type = "1.3.6.1.4.1.32473.2.7",
          .masa_url = "masa.acme.example",
          .mud_url = "https://acme.example/mud/bmc.json"};
}

Contents Generic(const IssuerTemplate::Fixed& f, const Unit& u) {
  return {.subject = *f.subject.With("serialNumber", std::string(u.serial_number)),
          .key = u.key,
          .not_after = u.not_after,
          .hardware = HardwareModule{f.hardware_type,
                                     Bytes(u.hardware_serial.begin(), u.hardware_serial.end())},
          .masa_url = f.masa_url,
          .mud_url = f.mud_url,
          .crl_urls = f.crl_urls};
}

TEST(IssuerTemplate, BytesAreThoseOfTheGenericBuilder) {
  TestPki rehearsal, production{ProductionMarks()};
  std::mt19937 random(20261121);
  auto pick = [&](int from, int to) {
    return std::uniform_int_distribution<int>(from, to)(random);
  };
  crypto::Signer* keys[] = {&NewKey(), &NewKey(Algorithm::kEcdsaP384), &NewKey(Algorithm::kRsa2048),
                            &NewKey(Algorithm::kEd25519)};
  const std::string alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789-./ ";
  for (int product = 0; product < 60; ++product) {
    TestPki& pki = product % 2 == 0 ? rehearsal : production;
    IssuerTemplate::Fixed fixed = Product();
    if (pick(0, 1) == 0) fixed.masa_url.clear();
    if (pick(0, 1) == 0) fixed.mud_url = "https://a.example/" + std::string(pick(1, 900), 'm');
    if (pick(0, 2) == 0) fixed.crl_urls = {"http://crl.example/1.crl", "ldap://crl.example/2"};
    if (pick(0, 2) == 0) fixed.subject = TestName(std::string(pick(1, 64), 'n'));
    if (pick(0, 3) == 0) fixed.subject = Name();
    if (pick(0, 1) == 0) fixed.hardware_type += "." + std::to_string(pick(0, 2000000000));
    const auto made = IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks, fixed);
    ASSERT_TRUE(made) << made.error().ToString();
    Bytes tbs;
    for (int i = 0; i < 25; ++i) {
      std::string serial;
      for (int n = pick(1, 64); n > 0; --n) serial += alphabet[pick(0, 37)];
      Bytes hardware(static_cast<size_t>(pick(1, 64)));
      for (uint8_t& b : hardware) b = static_cast<uint8_t>(pick(0, 255));
      const Stamp stamp = TestStamp(test::kNow + std::chrono::seconds(pick(0, 2000000000)));
      NotAfter end;
      if (pick(0, 1) == 0) end = stamp.at + std::chrono::days(pick(1, 30000));
      const Unit unit{serial, hardware, keys[pick(0, 3)]->public_key(), end};
      ASSERT_TRUE(made->Tbs(stamp, unit, tbs));
      const auto generic = BuildTbs(IDevIdProfile(), pki.marks, pki.sub_issuer->identity(), stamp,
                                    Generic(fixed, unit));
      ASSERT_TRUE(generic) << generic.error().ToString();
      ASSERT_EQ(ToHex(tbs), ToHex(*generic));
    }
  }
}

TEST(IssuerTemplate, CertificateParsesAndVerifies) {
  TestPki pki;
  const auto t = *IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks, Product());
  auto& key = NewKey();
  const Bytes hw = ToBytes("BMC-0001");
  const Stamp stamp = TestStamp();
  const auto der = *t.Issue(stamp, {"BMC-0001", hw, key.public_key(), {}}, pki.sub_key);
  const auto cert = *crypto::Certificate::FromDer(der);
  EXPECT_TRUE(cert.IsSignedBy(pki.sub_key.public_key()));
  EXPECT_EQ(cert.subject(), "serialNumber=BMC-0001,CN=BMC 3000,O=Acme Light");
  EXPECT_EQ(cert.serial_hex(), stamp.serial.ToHex());
  EXPECT_EQ(cert.public_key()->spki_digest(), key.public_key().spki_digest());
}

TEST(IssuerTemplate, RefusesBadUnits) {
  TestPki pki;
  const auto t = *IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks, Product());
  auto& key = NewKey();
  const Bytes hw = {1}, none, big(65);
  auto code = [&](const Unit& u, crypto::Signer& by) {
    auto made = t.Issue(TestStamp(), u, by);
    return made ? std::string("issued") : made.error().code;
  };
  EXPECT_EQ(code({"A", hw, key.public_key(), {}}, pki.sub_key), "issued");
  EXPECT_EQ(code({"", hw, key.public_key(), {}}, pki.sub_key), "name.value");
  EXPECT_EQ(code({"a_b", hw, key.public_key(), {}}, pki.sub_key), "name.value");
  EXPECT_EQ(code({std::string(65, 'a'), hw, key.public_key(), {}}, pki.sub_key), "name.value");
  EXPECT_EQ(code({"A", none, key.public_key(), {}}, pki.sub_key), "pki.hardware-module");
  EXPECT_EQ(code({"A", big, key.public_key(), {}}, pki.sub_key), "pki.hardware-module");
  EXPECT_EQ(code({"A", hw, key.public_key(), test::kNow}, pki.sub_key), "pki.validity");
  EXPECT_EQ(code({"A", hw, key.public_key(), {}}, pki.root_key), "pki.issuer-key");
  EXPECT_EQ(code({"A", hw, crypto::PublicKey(), {}}, pki.sub_key), "pki.profile");
}

TEST(IssuerTemplate, IsForDevicesOnly) {
  TestPki pki;
  for (const Profile* p : AllProfiles()) {
    const auto made = IssuerTemplate::Make(*pki.sub_issuer, *p, pki.marks, Product());
    EXPECT_EQ(made.has_value(), p->hardware_module == Need::kMust) << p->id;
    if (!made) {
      EXPECT_EQ(made.error().code, "pki.template-profile");
    }
  }
  IssuerTemplate::Fixed twice = Product();
  twice.subject = *twice.subject.With("serialNumber", "1");
  EXPECT_EQ(IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks, twice).error().code,
            "pki.template-profile");
  IssuerTemplate::Fixed url = Product();
  url.mud_url = "ftp://x";
  EXPECT_EQ(IssuerTemplate::Make(*pki.sub_issuer, IDevIdProfile(), pki.marks, url).error().code,
            "pki.url");
}

}  // namespace
}  // namespace birthmark::pki
