// SPDX-License-Identifier: Apache-2.0
#include "pki/lint.h"

#include <set>

#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Algorithm;
using crypto::Certificate;
using test::ContentsFor;
using test::DeviceContents;
using test::NewKey;
using test::RawCert;
using test::TestName;
using test::TestPki;
using test::TestStamp;

std::set<std::string> Codes(const Findings& f) {
  std::set<std::string> out;
  for (const Finding& x : f.all()) out.insert(x.code);
  return out;
}
using Set = std::set<std::string>;

std::string KeyId(ByteView id) { return ToHex(id); }

// A device identity without fault, written field by field; Check spoils one thing and gives the
// codes.
struct Device {
  crypto::Signer& ca_key = NewKey();
  crypto::Signer& key = NewKey();
  Certificate ca = *SelfSign(ca_key, RootProfile(), {}, TestStamp(),
                             {.subject = TestName("issuer"), .path_len = 0});
  RawCert raw;

  Device() {
    raw.subject = Name::Make({{"O", "Acme"}, {"serialNumber", "1"}})->der();
    raw.spki = Bytes(key.public_key().spki().begin(), key.public_key().spki().end());
    raw.extensions = {
        {"2.5.29.35", false, *FromHex("30168014" + KeyId(*ca.ski()))},
        {"2.5.29.15", true, *FromHex("03020780")},
        // hwType 1.3.6.1.4.1.99999.1, hwSerialNum "1"
        {"2.5.29.17", false,
         *FromHex("301ea01c06082b06010505070804a010300e06092b06010401868d1f01040131")},
    };
  }
  RawCert::Ext& Ext(std::string_view oid) {
    for (auto& e : raw.extensions) {
      if (e.oid == oid) return e;
    }
    raw.extensions.push_back({std::string(oid), false, {}});
    return raw.extensions.back();
  }
  void Drop(std::string_view oid) {
    std::erase_if(raw.extensions, [&](const RawCert::Ext& e) { return e.oid == oid; });
  }
  Set Check(LintKind kind = LintKind::kIDevId, bool with_issuer = true) {
    return Codes(LintCertificate(raw.Build(ca_key), kind, with_issuer ? &ca : nullptr));
  }
};

Set With(const std::function<void(Device&)>& spoil, LintKind kind = LintKind::kIDevId) {
  Device d;
  spoil(d);
  return d.Check(kind);
}

TEST(Lint, OwnCertificatesHaveNothingButTheRehearsalMark) {
  TestPki pki, production{ProductionMarks()};
  for (TestPki* p : {&pki, &production}) {
    const Set want = p == &pki ? Set{"pki.rehearsal"} : Set{};
    EXPECT_EQ(Codes(LintCertificate(p->root.der(), LintKind::kAuthority, &p->root)), want);
    EXPECT_EQ(Codes(LintCertificate(p->sub.der(), LintKind::kAuthority, &p->root)), want);
    for (const Profile* profile : AllProfiles()) {
      if (profile->ca) continue;
      Contents c = ContentsFor(*profile);
      if (c.hardware) c.hardware->type = "1.3.6.1.4.1.99999.1";
      const auto leaf = *p->Leaf(*profile, c);
      const auto kind =
          profile->hardware_module == Need::kMust ? LintKind::kIDevId : LintKind::kEndEntity;
      const Findings f = LintCertificate(leaf.der(), kind, &p->sub);
      Set its = want;
      // No extended key usage is registered for those who sign vouchers.
      if (profile == &VoucherProfile()) its.insert("pki.use-missing");
      EXPECT_EQ(Codes(f), its) << f.ToString(profile->id);
    }
  }
}

TEST(Lint, TheHandMadeDeviceHasNoFault) { EXPECT_EQ(Device().Check(), Set{}); }

TEST(Lint, NoCertificate) {
  EXPECT_EQ(Codes(LintCertificate({}, LintKind::kIDevId)), Set{"pki.malformed"});
  EXPECT_EQ(Codes(LintCertificate(Bytes(70000), LintKind::kIDevId)), Set{"pki.malformed"});
}

TEST(Lint, ExtensionTwice) {
  EXPECT_EQ(With([](Device& d) {
              d.raw.extensions.push_back({"1.2.3", false, {5, 0}});
              d.raw.extensions.push_back({"1.2.3", false, {5, 0}});
            }),
            Set{"pki.extension-twice"});
}

TEST(Lint, Version) {
  EXPECT_TRUE(With([](Device& d) {
                d.raw.version.reset();
                d.raw.extensions.clear();
              }).contains("pki.version"));
}

TEST(Lint, SerialNumbers) {
  auto serial = [](Bytes s) { return With([&](Device& d) { d.raw.serial = std::move(s); }); };
  EXPECT_EQ(serial({0}), Set{"pki.serial-zero"});
  EXPECT_EQ(serial(Bytes(16, 0x81)), Set{"pki.serial-negative"});
  EXPECT_EQ(serial(Bytes(21, 0x11)), Set{"pki.serial-long"});
  EXPECT_EQ(serial(Bytes(20, 0x11)), Set{});
  EXPECT_EQ(serial(Bytes(7, 0x11)), Set{"pki.serial-short"});
  EXPECT_EQ(serial(Bytes(8, 0x11)), Set{});
}

TEST(Lint, SignatureAlgorithms) {
  // ecdsa-with-SHA384 outside, ecdsa-with-SHA256 inside.
  EXPECT_TRUE(With([](Device& d) {
                d.raw.outer_algorithm = *FromHex("300a06082a8648ce3d040303");
              }).contains("pki.algorithm-mismatch"));
  // ecdsa-with-SHA1
  EXPECT_TRUE(With([](Device& d) {
                d.raw.inner_algorithm = *FromHex("300906072a8648ce3d0401");
              }).contains("pki.signature-weak"));
}

Bytes SpkiOf(EVP_PKEY* raw) {
  crypto::EvpKeyPtr key(raw);
  uint8_t* out = nullptr;
  const int n = i2d_PUBKEY(key.get(), &out);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  return der;
}

TEST(Lint, Keys) {
  EXPECT_EQ(With([](Device& d) { d.raw.spki = SpkiOf(EVP_RSA_gen(1024)); }), Set{"pki.key-weak"});
  EXPECT_EQ(With([](Device& d) { d.raw.spki = SpkiOf(EVP_EC_gen("P-192")); }), Set{"pki.key-weak"});
  EXPECT_EQ(With([](Device& d) { d.raw.spki = SpkiOf(EVP_EC_gen("P-521")); }), Set{"pki.key-type"});
  EXPECT_EQ(With([](Device& d) { d.raw.spki.back() ^= 1; }), Set{"pki.key-malformed"});
}

TEST(Lint, Names) {
  const Bytes empty = {0x30, 0x00};
  EXPECT_TRUE(With([&](Device& d) { d.raw.issuer = empty; }).contains("pki.issuer-empty"));
  EXPECT_TRUE(With([&](Device& d) { d.raw.subject = empty; }).contains("pki.subject-empty"));
  EXPECT_FALSE(With([&](Device& d) {
                 d.raw.subject = empty;
                 d.Ext("2.5.29.17").critical = true;
               }).contains("pki.subject-empty"));
}

TEST(Lint, Dates) {
  using crypto::der::kGeneralizedTime;
  using crypto::der::kUtcTime;
  auto dates = [](std::pair<uint8_t, std::string> from, std::pair<uint8_t, std::string> to) {
    return With([&](Device& d) {
      d.raw.not_before = from;
      d.raw.not_after = to;
    });
  };
  const std::pair<uint8_t, std::string> start{kUtcTime, "261121100000Z"},
      never{kGeneralizedTime, "99991231235959Z"};
  EXPECT_EQ(dates({kGeneralizedTime, "20261121100000Z"}, never), Set{"pki.time-form"});
  EXPECT_EQ(dates(start, {kGeneralizedTime, "20491231235959Z"}),
            (Set{"pki.time-form", "pki.idevid-expires"}));
  EXPECT_EQ(dates(start, {kGeneralizedTime, "20500101000000Z"}), Set{"pki.idevid-expires"});
  EXPECT_EQ(dates(start, {kUtcTime, "491231235959Z"}), Set{"pki.idevid-expires"});
  EXPECT_EQ(dates(start, {kUtcTime, "251231235959Z"}),
            (Set{"pki.idevid-expires", "pki.validity-order"}));
}

TEST(Lint, KeyIdentifiers) {
  EXPECT_EQ(With([](Device& d) { d.Drop("2.5.29.35"); }), Set{"pki.aki-missing"});
  EXPECT_EQ(With([](Device& d) { d.Ext("2.5.29.35").critical = true; }), Set{"pki.aki-critical"});
  EXPECT_EQ(With([](Device& d) { d.Ext("2.5.29.35").value.back() ^= 1; }), Set{"pki.aki-mismatch"});
  auto ski = [](Device& d) { d.Ext("2.5.29.14").value = *FromHex("0414" + std::string(40, '1')); };
  EXPECT_EQ(With(ski), Set{"pki.ski-in-leaf"});
  EXPECT_EQ(With([&](Device& d) {
              ski(d);
              d.Ext("2.5.29.14").critical = true;
            }),
            (Set{"pki.ski-in-leaf", "pki.ski-critical"}));
}

TEST(Lint, KeyUsage) {
  EXPECT_EQ(With([](Device& d) { d.Drop("2.5.29.15"); }), Set{"pki.key-usage-missing"});
  EXPECT_EQ(With([](Device& d) { d.Ext("2.5.29.15").critical = false; }),
            Set{"pki.key-usage-not-critical"});
  auto bits = [](const char* hex) {
    return With([&](Device& d) { d.Ext("2.5.29.15").value = *FromHex(hex); });
  };
  EXPECT_EQ(bits("030205a0"), Set{});                 // digitalSignature, keyEncipherment
  EXPECT_EQ(bits("03020520"), Set{"pki.key-usage"});  // keyEncipherment alone
  EXPECT_EQ(bits("03020284"), Set{"pki.key-usage"});  // digitalSignature, keyCertSign
}

TEST(Lint, DeviceNames) {
  EXPECT_EQ(With([](Device& d) { d.raw.subject = TestName("x").der(); }),
            Set{"pki.subject-serial-missing"});
  EXPECT_EQ(With([](Device& d) { d.Drop("2.5.29.17"); }), Set{"pki.san-missing"});
  auto san = [](const std::string& hex) {
    return With([&](Device& d) { d.Ext("2.5.29.17").value = *FromHex(hex); });
  };
  EXPECT_EQ(san("3003820161"), Set{"pki.hardware-module-missing"});  // dNSName "a"
  const std::string head = "06082b06010505070804";
  EXPECT_EQ(san("301da01b" + head + "a00f300d06092b06010401868d1f010400"),
            Set{"pki.hardware-module-form"});  // empty hwSerialNum
  EXPECT_EQ(san("301ea01c" + head + "a010300e06092b06010401868d1f010c0131"),
            Set{"pki.hardware-module-form"});  // a UTF8String
  EXPECT_EQ(san("301fa01d" + head + "a011300f060a2b0601040181fd590207040131"),
            Set{"pki.example-number"});
}

TEST(Lint, Urls) {
  auto url = [](std::string_view oid, const std::string& hex, bool critical = false) {
    return With([&](Device& d) {
      auto& e = d.Ext(oid);
      e.value = *FromHex(hex);
      e.critical = critical;
    });
  };
  EXPECT_EQ(url(oid::kMasaUrl, "16016d"), Set{});
  EXPECT_EQ(url(oid::kMasaUrl, "16016d", true), Set{"pki.url-form"});
  EXPECT_EQ(url(oid::kMasaUrl, "0c016d"), Set{"pki.url-form"});
  EXPECT_EQ(url(oid::kMasaUrl, "1600"), Set{"pki.url-form"});
  EXPECT_EQ(url(oid::kMudUrl, "160b687474703a2f2f612f6d6d"), Set{"pki.url-form"});  // http://
  EXPECT_EQ(url(oid::kMudUrl, "160b68747470733a2f2f612f6d"), Set{});
}

TEST(Lint, CriticalExtensionNobodyKnows) {
  EXPECT_EQ(With([](Device& d) { d.raw.extensions.push_back({"1.2.3", true, {5, 0}}); }),
            Set{"pki.critical-unknown"});
  EXPECT_EQ(With([](Device& d) { d.raw.extensions.push_back({"1.2.3", false, {5, 0}}); }), Set{});
}

TEST(Lint, EndEntities) {
  auto uses = [](const char* hex) {
    return With(
        [&](Device& d) {
          if (*hex != 0) d.Ext("2.5.29.37").value = *FromHex(hex);
        },
        LintKind::kEndEntity);
  };
  EXPECT_EQ(uses(""), Set{"pki.use-missing"});
  EXPECT_EQ(uses("300a06082b06010505070302"), Set{});
  EXPECT_EQ(uses("30060604551d2500"), Set{"pki.use-any"});
  EXPECT_EQ(With([](Device& d) { d.Ext("2.5.29.19").value = {0x30, 0x00}; }), Set{});  // CA:FALSE
  EXPECT_TRUE(With([](Device& d) {
                d.Ext("2.5.29.19").value = *FromHex("30030101ff");
              }).contains("pki.ca-flag"));
}

// An authority under the device's issuer, without fault when the issuer has room.
Set Authority(const std::function<void(Device&)>& spoil, std::optional<int> issuer_path_len = 1) {
  Device d;
  d.ca = *SelfSign(d.ca_key, RootProfile(), {}, TestStamp(),
                   {.subject = TestName("issuer"), .path_len = issuer_path_len});
  d.Drop("2.5.29.17");
  d.Ext("2.5.29.15").value = *FromHex("03020106");
  d.raw.extensions.push_back({"2.5.29.14", false, *FromHex("0414" + std::string(40, '1'))});
  d.raw.extensions.push_back({"2.5.29.19", true, *FromHex("30060101ff020100")});
  spoil(d);
  return d.Check(LintKind::kAuthority);
}

TEST(Lint, Authorities) {
  EXPECT_EQ(Authority([](Device&) {}), Set{});
  EXPECT_EQ(Authority([](Device& d) { d.Drop("2.5.29.14"); }), Set{"pki.ski-missing"});
  EXPECT_EQ(Authority([](Device& d) { d.Drop("2.5.29.15"); }), Set{"pki.key-usage-missing"});
  EXPECT_EQ(Authority([](Device& d) { d.Ext("2.5.29.15").value = *FromHex("03020102"); }),
            Set{"pki.key-usage"});  // cRLSign alone
  EXPECT_EQ(Authority([](Device& d) { d.Drop("2.5.29.19"); }), Set{"pki.ca-flag"});
  EXPECT_EQ(Authority([](Device& d) { d.Ext("2.5.29.19").critical = false; }),
            Set{"pki.ca-not-critical"});
  EXPECT_EQ(Authority([](Device& d) { d.Ext("2.5.29.19").value = *FromHex("30030101ff"); }),
            Set{"pki.path-length-missing"});
  EXPECT_EQ(Authority([](Device&) {}, 0), Set{"pki.path-length"});
  EXPECT_EQ(Authority([](Device& d) { d.Ext("2.5.29.19").value = *FromHex("30060101ff020101"); }),
            Set{"pki.path-length"});
  EXPECT_EQ(Authority([](Device&) {}, std::nullopt), Set{});
}

TEST(Lint, RelationToTheIssuer) {
  Device d;
  TestPki other{ProductionMarks()};
  const Bytes der = d.raw.Build(d.ca_key);
  EXPECT_EQ(Codes(LintCertificate(der, LintKind::kIDevId, &other.sub)),
            (Set{"pki.issuer-name", "pki.aki-mismatch", "pki.signature"}));
  // An end entity that issues.
  const auto person = *other.Leaf(PersonProfile(), ContentsFor(PersonProfile()));
  EXPECT_TRUE(
      Codes(LintCertificate(der, LintKind::kIDevId, &person)).contains("pki.issuer-not-ca"));
}

TEST(Lint, LeafThatOutlivesItsIssuerIsANote) {
  TestPki pki{ProductionMarks()};
  auto& key = NewKey();
  const auto sub = *pki::Issue(*pki.root_issuer, SubordinateProfile(), {}, TestStamp(),
                               {.subject = TestName("short"),
                                .key = key.public_key(),
                                .not_after = *ParseTime("2046-11-21"),
                                .path_len = 0});
  Contents c = DeviceContents();
  c.hardware->type = "1.3.6.1.4.1.99999.1";
  const auto leaf = *pki::Issue(*Issuer::Make(sub, key), IDevIdProfile(), {}, TestStamp(), c);
  const Findings f = LintCertificate(leaf.der(), LintKind::kIDevId, &sub);
  EXPECT_EQ(Codes(f), Set{"pki.outlives-issuer"});
  EXPECT_EQ(f.all()[0].severity, Severity::kNote);
}

TEST(Lint, MixedSuitesAreANote) {
  TestPki pki{ProductionMarks()};
  Contents c = DeviceContents();
  c.hardware->type = "1.3.6.1.4.1.99999.1";
  c.key = NewKey(Algorithm::kEcdsaP384).public_key();
  EXPECT_EQ(
      Codes(LintCertificate(pki.Leaf(IDevIdProfile(), c)->der(), LintKind::kIDevId, &pki.sub)),
      Set{"pki.mixed-suites"});
}

}  // namespace
}  // namespace birthmark::pki
