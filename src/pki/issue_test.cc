// SPDX-License-Identifier: Apache-2.0
#include "pki/issue.h"

#include <openssl/x509v3.h>

#include <set>

#include "pki/pki_fixture.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using test::ContentsFor;
using test::DeviceContents;
using test::NewKey;
using test::TestName;
using test::TestPki;
using test::TestStamp;

TEST(Profile, IdsArePermanentAndDistinct) {
  std::set<std::string_view> ids;
  for (const Profile* p : AllProfiles()) {
    EXPECT_EQ(FindProfile(p->id), p);
    ids.insert(p->id);
  }
  EXPECT_EQ(ids, (std::set<std::string_view>{
                     "root", "subordinate", "idevid", "code-signing", "update-signing",
                     "disclosure", "person", "station", "tls-server", "enrolment-ra", "scep-ra",
                     "device-attestation", "device-decrypt", "ocsp-responder", "voucher"}));
  EXPECT_EQ(FindProfile("nothing"), nullptr);
}

TEST(Issue, RootIsWhatItsProfileSays) {
  TestPki pki;
  const crypto::Certificate& root = pki.root;
  EXPECT_EQ(root.subject(), "OU=REHEARSAL,CN=Acme Root R1,O=Acme Light");
  EXPECT_TRUE(root.IsSelfIssued());
  EXPECT_TRUE(root.is_ca());
  EXPECT_EQ(root.path_len(), 1);
  EXPECT_EQ(*root.key_usage(), (std::vector<std::string>{"keyCertSign", "cRLSign"}));
  EXPECT_FALSE(root.aki());
  const auto id = pki.root_key.public_key().KeyIdentifier();
  EXPECT_EQ(*root.ski(), Bytes(id.begin(), id.end()));
  EXPECT_EQ(FormatTime(root.not_after()), "9999-12-31T23:59:59.000Z");
  EXPECT_TRUE(root.Extension(oid::kBasicConstraints)->critical);
  EXPECT_TRUE(root.Extension(oid::kKeyUsage)->critical);
}

TEST(Issue, DeviceIdentityIsIeee8021Ar) {
  TestPki pki;
  const auto cert = *pki.Leaf(IDevIdProfile(), DeviceContents("BMC-0001"));
  EXPECT_EQ(cert.subject_serial_number(), "BMC-0001");
  EXPECT_EQ(cert.aki(), pki.sub.ski());
  EXPECT_FALSE(cert.ski());
  EXPECT_EQ(*cert.key_usage(), std::vector<std::string>{"digitalSignature"});
  EXPECT_TRUE(cert.Extension(oid::kKeyUsage)->critical);
  EXPECT_EQ(cert.Extension(oid::kBasicConstraints), nullptr);
  EXPECT_EQ(FormatTime(cert.not_after()), "9999-12-31T23:59:59.000Z");
  // SEQUENCE { [0] { hardwareModuleName, [0] SEQUENCE { 1.3.6.1.4.1.32473.2.7, "BMC-0001" } } }
  EXPECT_EQ(ToHex(cert.Extension(oid::kSubjectAltName)->value),
            "3026a02406082b06010505070804a0183016060a2b0601040181fd590207"
            "0408424d432d30303031");
  EXPECT_EQ(ToHex(cert.Extension(oid::kMasaUrl)->value),
            "1611" + ToHex(AsBytes("masa.acme.example")));
  EXPECT_EQ(ToHex(cert.Extension(oid::kMudUrl)->value),
            "1621" + ToHex(AsBytes("https://acme.example/mud/bmc.json")));
  for (const auto& e : cert.extensions()) EXPECT_EQ(e.critical, e.oid == oid::kKeyUsage) << e.oid;
}

TEST(Issue, UsesOfEndEntities) {
  TestPki pki;
  const std::pair<const Profile*, std::string_view> kUses[] = {
      {&CodeSigningProfile(), oid::kCodeSigning},
      {&UpdateSigningProfile(), oid::kUpdatePackageSigning},
      {&DisclosureProfile(), oid::kDocumentSigning},
      {&PersonProfile(), oid::kClientAuth},
      {&StationProfile(), oid::kClientAuth},
      {&TlsServerProfile(), oid::kServerAuth}};
  for (const auto& [profile, use] : kUses) {
    const auto cert = *pki.Leaf(*profile, ContentsFor(*profile));
    EXPECT_EQ(cert.eku(), std::vector<std::string>{std::string(use)}) << profile->id;
    EXPECT_FALSE(cert.is_ca());
    EXPECT_TRUE(cert.ski());
    EXPECT_EQ(cert.aki(), pki.sub.ski());
  }
}

TEST(Issue, EveryAlgorithmSigns) {
  for (auto a :
       {crypto::Algorithm::kEcdsaP256, crypto::Algorithm::kEcdsaP384, crypto::Algorithm::kRsa2048,
        crypto::Algorithm::kRsa3072, crypto::Algorithm::kEd25519}) {
    TestPki pki(RehearsalMarks(), a);
    EXPECT_TRUE(pki.sub.IsSignedBy(pki.root_key.public_key())) << crypto::ToText(a);
    EXPECT_TRUE(pki.Leaf(IDevIdProfile(), DeviceContents())) << crypto::ToText(a);
  }
}

TEST(Issue, RehearsalChangesMarksAndNothingElse) {
  auto& key = NewKey();
  const Stamp stamp = TestStamp();
  const Contents contents{.subject = TestName("Acme Root R1"), .path_len = 1};
  const auto rehearsal = *SelfSign(key, RootProfile(), RehearsalMarks(), stamp, contents);
  const auto production = *SelfSign(key, RootProfile(), ProductionMarks(), stamp, contents);
  EXPECT_EQ(production.subject(), "CN=Acme Root R1,O=Acme Light");
  EXPECT_EQ(rehearsal.subject(), "OU=REHEARSAL," + production.subject());
  EXPECT_EQ(rehearsal.policies(), std::vector<std::string>{"1.3.6.1.4.1.32473.1.1"});
  EXPECT_TRUE(production.policies().empty());
  EXPECT_EQ(rehearsal.serial(), production.serial());
  EXPECT_EQ(rehearsal.not_after(), production.not_after());
  std::vector<std::pair<std::string, Bytes>> a, b;
  for (const auto& e : rehearsal.extensions()) {
    if (e.oid != oid::kCertificatePolicies) a.emplace_back(e.oid, e.value);
  }
  for (const auto& e : production.extensions()) b.emplace_back(e.oid, e.value);
  EXPECT_EQ(a, b);
}

TEST(Issue, MarkIsNotPutTwice) {
  const Name once = *MarkSubject(RootProfile(), RehearsalMarks(), TestName("R"));
  EXPECT_EQ(*MarkSubject(RootProfile(), RehearsalMarks(), once), once);
  EXPECT_EQ(*MarkSubject(IDevIdProfile(), RehearsalMarks(), TestName("R")), TestName("R"));
}

TEST(Issue, RefusesAPathLengthBelowTheChildsDepth) {
  TestPki pki;
  auto issue = [&](const Issuer& by, std::optional<int> path_len) {
    return pki::Issue(
        by, SubordinateProfile(), pki.marks, TestStamp(),
        {.subject = TestName("deeper"), .key = NewKey().public_key(), .path_len = path_len});
  };
  EXPECT_TRUE(issue(*pki.root_issuer, 0));
  EXPECT_EQ(issue(*pki.root_issuer, 1).error().code, "pki.path-length");
  EXPECT_EQ(issue(*pki.root_issuer, std::nullopt).error().code, "pki.path-length");
  EXPECT_EQ(issue(*pki.sub_issuer, 0).error().code, "pki.path-length");
  EXPECT_EQ(issue(*pki.root_issuer, -1).error().code, "pki.path-length");
  EXPECT_EQ(issue(*pki.root_issuer, 17).error().code, "pki.path-length");
}

TEST(Issue, PathLengthFollowsFromTheLevels) {
  EXPECT_EQ(PathLenFor(PkiLevel(1), PkiLevel(2)), 0);  // root > end entity
  EXPECT_EQ(PathLenFor(PkiLevel(1), PkiLevel(3)), 1);
  EXPECT_EQ(PathLenFor(PkiLevel(2), PkiLevel(3)), 0);
  EXPECT_EQ(PathLenFor(PkiLevel(1), PkiLevel(5)), 3);
}

TEST(Issue, RefusesWhatTheProfileDoesNotAllow) {
  TestPki pki;
  auto code = [&](const Profile& p, auto&& change) {
    Contents c = ContentsFor(p);
    change(c);
    auto made = pki::Issue(p.ca ? *pki.root_issuer : *pki.sub_issuer, p, pki.marks, TestStamp(), c);
    return made ? std::string("issued") : made.error().code;
  };
  const Profile& device = IDevIdProfile();
  const Profile& person = PersonProfile();
  EXPECT_EQ(code(device, [](Contents&) {}), "issued");
  EXPECT_EQ(code(device, [](Contents& c) { c.key = {}; }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.subject = Name(); }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.subject = TestName("x"); }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.hardware.reset(); }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.path_len = 0; }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.dns_names = {"a"}; }), "pki.profile");
  EXPECT_EQ(code(device, [](Contents& c) { c.hardware->serial.clear(); }), "pki.hardware-module");
  EXPECT_EQ(code(device, [](Contents& c) { c.hardware->serial.resize(65); }),
            "pki.hardware-module");
  EXPECT_EQ(code(device, [](Contents& c) { c.hardware->type = "1.3.x"; }), "pki.oid");
  EXPECT_EQ(code(device, [](Contents& c) { c.mud_url = "http://a/m"; }), "pki.url");
  EXPECT_EQ(code(device, [](Contents& c) { c.masa_url = "http://a/m"; }), "pki.url");
  EXPECT_EQ(code(device, [](Contents& c) { c.masa_url = "a b"; }), "pki.url");
  EXPECT_EQ(code(device, [](Contents& c) { c.masa_url = std::string(1025, 'a'); }), "pki.url");
  EXPECT_EQ(code(device, [](Contents& c) { c.masa_url = "https://m.example/x"; }), "issued");
  EXPECT_EQ(code(device, [](Contents& c) { c.crl_urls = {"https://a/c"}; }), "pki.url");
  EXPECT_EQ(code(device, [](Contents& c) { c.not_after = test::kNow; }), "pki.validity");
  EXPECT_EQ(code(person, [](Contents& c) { c.masa_url = "m"; }), "pki.profile");
  EXPECT_EQ(code(person, [](Contents& c) { c.hardware = HardwareModule{"1.2.3", {1}}; }),
            "pki.profile");
  EXPECT_EQ(code(TlsServerProfile(), [](Contents& c) { c.dns_names.clear(); }), "pki.profile");
  EXPECT_EQ(code(TlsServerProfile(), [](Contents& c) { c.dns_names = {"A b"}; }), "pki.dns-name");
  EXPECT_EQ(code(SubordinateProfile(), [](Contents& c) { c.subject = Name(); }), "pki.profile");
}

TEST(Issue, RefusesAMarkThatIsNoOid) {
  TestPki pki;
  pki.marks.policies = {"rehearsal"};
  EXPECT_EQ(pki.Leaf(IDevIdProfile(), DeviceContents()).error().code, "pki.oid");
}

TEST(Issue, RootsSignThemselvesAndOthersAreIssued) {
  TestPki pki;
  const Contents c{.subject = TestName("x"), .key = NewKey().public_key()};
  EXPECT_EQ(pki::Issue(*pki.root_issuer, RootProfile(), {}, TestStamp(), c).error().code,
            "pki.profile");
  EXPECT_EQ(SelfSign(NewKey(), SubordinateProfile(), {}, TestStamp(), c).error().code,
            "pki.profile");
}

TEST(Issuer, RefusesAnotherKeyAndWhatIsNoAuthority) {
  TestPki pki;
  EXPECT_EQ(Issuer::Make(pki.root, pki.sub_key).error().code, "pki.issuer-key");
  auto& key = NewKey();
  auto leaf = *pki.Leaf(PersonProfile(), {.subject = TestName("p"), .key = key.public_key()});
  EXPECT_EQ(Issuer::Make(leaf, key).error().code, "pki.issuer-not-ca");
  // A root of others without subjectKeyIdentifier: what it would sign could not name it.
  test::RawCert raw{.extensions = {{"2.5.29.19", true, *FromHex("30030101ff")}}};
  raw.issuer = raw.subject;
  auto bare = *crypto::Certificate::FromDer(raw.Build(key));
  EXPECT_EQ(Issuer::Make(bare, key).error().code, "pki.issuer-key-id");
}

// FaultySigner is a module that flips a bit once in a while.
struct FaultySigner : crypto::Signer {
  explicit FaultySigner(crypto::Signer& s) : inner(s) {}
  const crypto::PublicKey& public_key() const override { return inner.public_key(); }
  Result<Bytes> Sign(ByteView m) override {
    Bytes other(m.begin(), m.end());
    other[0] ^= 1;
    return inner.Sign(other);
  }
  crypto::Signer& inner;
};

TEST(Issue, AWrongSignatureIsNotGivenOut) {
  FaultySigner faulty(NewKey());
  EXPECT_EQ(
      SelfSign(faulty, RootProfile(), {}, TestStamp(), {.subject = TestName("R")}).error().code,
      "pki.signature-fault");
}

TEST(Issue, DatesTakeTheFormOfTheirYear) {
  TestPki pki;
  auto contents = [](Time end) {
    Contents c = DeviceContents();
    c.not_after = end;
    return c;
  };
  const auto before = *pki.Leaf(IDevIdProfile(), contents(*ParseTime("2049-12-31T23:59:59Z")));
  const auto after = *pki.Leaf(IDevIdProfile(), contents(*ParseTime("2050-01-01")));
  EXPECT_EQ(X509_get0_notAfter(before.x509())->type, V_ASN1_UTCTIME);
  EXPECT_EQ(X509_get0_notAfter(after.x509())->type, V_ASN1_GENERALIZEDTIME);
  EXPECT_EQ(after.not_after(), *ParseTime("2050-01-01"));
}

TEST(Tbs, KeyUsageHasNoTrailingZeroBits) {
  // From the length of the OCTET STRING on.
  auto value = [](uint16_t bits) { return ToHex(internal::EncodeKeyUsage(bits)).substr(22); };
  EXPECT_EQ(value(kDigitalSignature), "0403020780");
  EXPECT_EQ(value(kKeyCertSign | kCrlSign), "0403020106");
  EXPECT_EQ(value(kDecipherOnly), "050303070080");
}

}  // namespace
}  // namespace birthmark::pki
