// SPDX-License-Identifier: Apache-2.0
// One contract for both kinds of element, on swtpm and SoftHSM2; and what only one of them can.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "attest/bundle.h"
#include "attest/credential.h"
#include "attest/verify.h"
#include "base/ids.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/software_signer.h"
#include "element/bundle.h"
#include "element/parts/parts.h"
#include "element/tpm/tpm_element.h"
#include "pki/csr.h"
#include "pki/issue.h"
#include "tests/support/temp_dir.h"

namespace birthmark::element {
namespace {

// Ok fails the test with the error's own words.
template <class T>
T Ok(Result<T> r) {
  if (!r) {
    ADD_FAILURE() << r.error().ToString();
    std::abort();
  }
  return std::move(*r);
}
void Good(const Status& s) { ASSERT_TRUE(s) << s.error().ToString(); }

bool Value(const std::vector<Fact>& facts, std::string_view name) {
  for (const Fact& f : facts) {
    if (f.name == name) return f.value;
  }
  ADD_FAILURE() << "no fact " << name;
  return false;
}

Bytes CertificateFor(const Bytes& spki) {
  static auto signer = Ok(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  ManualClock clock{TimeFromMillis(1'800'000'000'000)};
  SystemRng rng;
  pki::SerialSource serials(clock, rng, clock.Now());
  auto name = Ok(pki::Name::Make({{"CN", "Root"}}));
  auto root = Ok(pki::SelfSign(*signer, pki::RootProfile(), pki::RehearsalMarks(),
                               Ok(serials.Next()), {.subject = name, .key = signer->public_key()}));
  auto issuer = Ok(pki::Issuer::Make(root, *signer));
  auto subject = Ok(pki::Name::Make({{"O", "Acme"}, {"serialNumber", "G-1"}}));
  auto leaf =
      Ok(pki::Issue(issuer, pki::IDevIdProfile(), pki::RehearsalMarks(), Ok(serials.Next()),
                    {.subject = subject,
                     .key = Ok(crypto::PublicKey::FromSpki(spki)),
                     .hardware = pki::HardwareModule{"1.3.6.1.4.1.32473.1.1", ToBytes("G-1")}}));
  return Bytes(leaf.der().begin(), leaf.der().end());
}

// The maker is made once for all tests of this program: it takes most of a second.
const fs::path& Maker() {
  static test::TempDir dir;
  static fs::path maker = dir / "maker";
  return maker;
}

class Contract : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    tpm_ = std::string_view(GetParam()) == "swtpm";
    if (tpm_ ? !TpmToolsHere() : !TokenToolsHere()) {
      std::printf("%s is not here: its tests did not run\n", GetParam());
      GTEST_SKIP();
    }
    Good(tpm_ ? MakeTpm(dir_ / "part", Maker(), "unit-1") : MakeToken(dir_ / "part"));
    Plug();
  }
  // Plug takes the power away and comes back.
  void Plug() {
    part_ = Part();
    part_ = Ok(OpenPart(std::string(GetParam()) + ":" + (dir_ / "part").string()));
  }
  Element& element() { return *part_.element; }

  test::TempDir dir_;
  bool tpm_ = false;
  Part part_;
};

TEST_P(Contract, MakesAKeyInsideAndKeepsItOverPowerCuts) {
  EXPECT_FALSE(Ok(element().PublicKey("idevid")));
  EXPECT_EQ(element().Sign("idevid", Digest{}).error().code, "element.missing");
  Bytes spki = Ok(element().Make("idevid", false));
  EXPECT_EQ(Ok(element().Make("idevid", false)), spki);
  Plug();
  EXPECT_EQ(Ok(element().PublicKey("idevid")), spki);
  auto key = Ok(crypto::PublicKey::FromSpki(spki));
  Bytes message = ToBytes("something to sign");
  for (int i = 0; i < 20; ++i) {  // some signatures have short halves
    message.push_back(static_cast<uint8_t>(i));
    Bytes raw = Ok(element().Sign("idevid", crypto::Sha256(message)));
    ASSERT_EQ(raw.size(), 64u);
    EXPECT_TRUE(key.Verify(message, Ok(crypto::EcdsaRawToDer(raw))));
  }
}

TEST_P(Contract, SlotsAreSeparateAndRestartMakesANewKey) {
  Bytes first = Ok(element().Make("idevid", false));
  Bytes other = Ok(element().Make("attestation", false));
  EXPECT_NE(first, other);
  Good(element().StoreCertificate("idevid", CertificateFor(first)));
  Bytes second = Ok(element().Make("idevid", true));
  EXPECT_NE(first, second);
  EXPECT_EQ(element().ReadCertificate("idevid").error().code, "element.missing");
  EXPECT_EQ(Ok(element().PublicKey("attestation")), other);
  EXPECT_EQ(element().Make("tertiary", false).error().code, "element.slot");
}

TEST_P(Contract, KeepsACertificate) {
  Bytes spki = Ok(element().Make("idevid", false));
  EXPECT_EQ(element().StoreCertificate("decrypt", CertificateFor(spki)).error().code,
            "element.missing");
  Bytes one = CertificateFor(spki), two = CertificateFor(spki);
  ASSERT_NE(one, two);
  Good(element().StoreCertificate("idevid", one));
  Good(element().StoreCertificate("idevid", two));
  Plug();
  EXPECT_EQ(Ok(element().ReadCertificate("idevid")), two);
}

TEST_P(Contract, TellsFactsByTheModulesOwnNames) {
  Ok(element().Make("idevid", false));
  std::vector<Fact> facts = Ok(element().Facts("idevid"));
  if (tpm_) {
    EXPECT_TRUE(Value(facts, "fixedTPM"));
    EXPECT_TRUE(Value(facts, "fixedParent"));
    EXPECT_TRUE(Value(facts, "sensitiveDataOrigin"));
    EXPECT_FALSE(Value(facts, "restricted"));
  } else {
    EXPECT_TRUE(Value(facts, "CKA_LOCAL"));
    EXPECT_TRUE(Value(facts, "CKA_NEVER_EXTRACTABLE"));
    EXPECT_FALSE(Value(facts, "CKA_EXTRACTABLE"));
  }
  Description d = Ok(element().Describe());
  EXPECT_EQ(d.kind, tpm_ ? "tpm2" : "pkcs11");
  EXPECT_FALSE(d.manufacturer.empty());
  EXPECT_FALSE(d.firmware.empty());
}

TEST_P(Contract, SignsARequestThatStrictReadersTake) {
  Bytes spki = Ok(element().Make("idevid", false));
  Bytes bundle;
  if (tpm_) bundle = Ok(BundleOf(element(), "idevid", ToBytes("0123456789abcdef")));
  auto name = Ok(pki::Name::Make({{"O", "Acme"}, {"serialNumber", "G-1"}}));
  Bytes der = Ok(RequestOf(element(), "idevid", name.der(), bundle));
  pki::Csr csr = Ok(pki::ReadCsr(der));
  EXPECT_TRUE(std::ranges::equal(csr.key.spki(), spki));
  if (!tpm_) {
    EXPECT_EQ(BundleOf(element(), "idevid", {}).error().code, "element.unsupported");
  }
}

INSTANTIATE_TEST_SUITE_P(Element, Contract, testing::Values("swtpm", "softhsm"),
                         [](const auto& p) { return std::string(p.param); });

// ---- what only a TPM can

class Tpm : public testing::Test {
 protected:
  void SetUp() override {
    if (!TpmToolsHere()) {
      std::printf("swtpm is not here: its tests did not run\n");
      GTEST_SKIP();
    }
    Good(MakeTpm(dir_ / "part", Maker(), "unit-1"));
    part_ = Ok(OpenPart("swtpm:" + (dir_ / "part").string()));
    spki_ = Ok(part_.element->Make("idevid", false));
    root_ = Ok(crypto::Certificate::FromPem(Ok(ReadTextFile(MakerRoot(Maker()), 65536))));
  }
  attest::VerifyOptions Options() {
    return {.roots = {&root_, 1}, .at = SystemClock().Now(), .nonce = nonce_, .activated = {}};
  }
  test::TempDir dir_;
  Part part_;
  Bytes spki_, nonce_ = ToBytes("sixteen octets..");
  crypto::Certificate root_;
};

TEST_F(Tpm, ProvesWhereTheKeyIs) {
  Endorsement who = Ok(part_.element->Endorse());
  ASSERT_EQ(who.certificates.size(), 2u);  // the EK's and the maker's intermediate
  auto ek = Ok(crypto::Certificate::FromDer(who.certificates[0]));
  attest::TpmPublic ak = Ok(attest::ReadPublic(who.ak_public));
  Bytes secret(32, 0x5a);
  SecretBytes sent = SecretBytes::Take(Bytes(secret));
  auto wrapped = Ok(attest::MakeCredential(
      Ok(attest::EndorsementKeyOf(Ok(attest::ReadPublic(who.ek_public)))), ak.Name(), sent));
  EXPECT_TRUE(Ok(part_.element->Activate(wrapped.id_object, wrapped.secret)) == sent);
  // A credential for another key's name stays closed.
  attest::TpmPublic key =
      Ok(attest::ReadPublic(Ok(part_.element->Attest("idevid", nonce_)).public_area));
  auto wrong = Ok(attest::MakeCredential(
      Ok(attest::EndorsementKeyOf(Ok(attest::ReadPublic(who.ek_public)))), key.Name(), sent));
  EXPECT_EQ(part_.element->Activate(wrong.id_object, wrong.secret).error().code, "element.refused");

  Bytes bundle = Ok(BundleOf(*part_.element, "idevid", nonce_));
  attest::VerifyOptions options = Options();
  EXPECT_EQ(attest::VerifyBundle(bundle, spki_, options).error().code, "attest.not-bound");
  options.activated = {{.ek = attest::EkDigestOf(ek), .ak_name = ak.Name()}};
  attest::Verdict v = Ok(attest::VerifyBundle(bundle, spki_, options));
  EXPECT_EQ(v.kind, "tpm2-certify-creation");
  EXPECT_EQ(v.root, root_.digest());
  EXPECT_FALSE(Value(v.facts, "primaryKey"));
  options.nonce = ToBytes("another nonce...");
  EXPECT_EQ(attest::VerifyBundle(bundle, spki_, options).error().code, "attest.nonce");
}

TEST_F(Tpm, ManyUsesLeaveNoObjectsBehind) {
  for (int i = 0; i < 8; ++i) {
    Ok(part_.element->Endorse());
    Ok(part_.element->Attest("idevid", nonce_));
    Ok(part_.element->Sign("idevid", Digest{}));
  }
  // Another user of the same TPM after one that died in the middle.
  auto second = Ok(tpm::Open(part_.process->tcti()));
  EXPECT_EQ(Ok(second->PublicKey("idevid")), spki_);
}

// ---- the token's PIN

TEST(Token, NeverTriesAPinThatWouldLockIt) {
  if (!TokenToolsHere()) {
    std::printf("SoftHSM2 is not here: its tests did not run\n");
    GTEST_SKIP();
  }
  test::TempDir dir;
  Good(MakeToken(dir / "part"));
  fs::path pin = dir / "part" / "pin";
  Good(WriteFileAtomic(pin, "wrong", 0600));
  EXPECT_EQ(OpenPart("softhsm:" + (dir / "part").string()).error().code, "element.pin");
  EXPECT_EQ(Open("pkcs11:token=birthmark?module-path=/usr/lib/softhsm/libsofthsm2.so").error().code,
            "element.pin");
  EXPECT_EQ(Open("pkcs11:token=birthmark?module-path=/nonexistent.so").error().code,
            "element.missing");
  EXPECT_EQ(Open("pkcs11:token=birthmark?pin-value=1234&module-path=/x.so").error().code,
            "element.pin");
  EXPECT_EQ(Open("frost:x").error().code, "element.uri");
  EXPECT_EQ(Open("tpm2:swtpm:path=/nonexistent").error().code, "element.missing");
}

}  // namespace
}  // namespace birthmark::element
