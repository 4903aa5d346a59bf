// SPDX-License-Identifier: Apache-2.0
// Evidence of a real TPM 2.0: made by swtpm and tpm2-tools while the test runs.
#include <gtest/gtest.h>

#include "attest/challenges.h"
#include "attest/credential.h"
#include "attest/facts.h"
#include "attest/test_swtpm.h"
#include "attest/verify.h"
#include "base/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/vectors.h"

namespace birthmark::attest {
namespace {

Time Now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// One TPM for all tests: making one takes seconds.
class RealTpm : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!test::SwTpm::Available()) return;
    dir_ = std::make_unique<birthmark::test::TempDir>();
    tpm_ = std::make_unique<test::SwTpm>(dir_->path());
    ready_ = tpm_->ok() && tpm_->Run(R"(
tpm2_createak -Q -C 0x81010001 -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name
tpm2_flushcontext -t
tpm2_createprimary -Q -C o -c srk.ctx -G ecc --creation-data prim.cd -t prim.ticket -d prim.hash
tpm2_flushcontext -t
tpm2_create -Q -C srk.ctx -G ecc -u key.pub -r key.priv --creation-data key.cd -t key.ticket \
  -d key.hash -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
tpm2_load -Q -C srk.ctx -u key.pub -r key.priv -c key.ctx
tpm2_flushcontext -t
tpm2_certify -c key.ctx -C ak.ctx -g sha256 -o certify.attest -s certify.sig -f tss
tpm2_flushcontext -t
tpm2_certifycreation -C ak.ctx -c key.ctx -d key.hash -t key.ticket -g sha256 -q 0102030405 \
  -o creation.sig -f tss --attestation creation.attest
tpm2_flushcontext -t
)");
  }
  static void TearDownTestSuite() {
    tpm_.reset();
    dir_.reset();
  }
  void SetUp() override {
    if (tpm_ == nullptr) GTEST_SKIP() << "no swtpm";
    ASSERT_TRUE(ready_);
  }

  Bytes Area(const std::string& file) { return ReadSizedPublic(tpm_->File(file))->octets; }
  Evidence Certified(const std::string& which) {
    Evidence e;
    e.statement = {.attest = tpm_->File(which + ".attest"),
                   .signature = tpm_->File(which + ".sig"),
                   .public_area = Area("key.pub"),
                   .creation_data = {},
                   .ak_public_area = Area("ak.pub")};
    e.certs = {tpm_->EkCertificate(), tpm_->Issuer()};
    return e;
  }
  std::vector<crypto::Certificate> Roots() { return {tpm_->Root()}; }

  static std::unique_ptr<birthmark::test::TempDir> dir_;
  static std::unique_ptr<test::SwTpm> tpm_;
  static bool ready_;
};
std::unique_ptr<birthmark::test::TempDir> RealTpm::dir_;
std::unique_ptr<test::SwTpm> RealTpm::tpm_;
bool RealTpm::ready_ = false;

TEST_F(RealTpm, NamesAreTheTpmsOwn) {
  EXPECT_EQ(ReadSizedPublic(tpm_->File("ak.pub"))->Name(), tpm_->File("ak.name"));
}

TEST_F(RealTpm, CertifyHolds) {
  auto roots = Roots();
  VerifyOptions options{.roots = roots, .at = Now()};
  options.activated = {{EkDigestOf(tpm_->EkCertificate()), tpm_->File("ak.name")}};
  auto v = Verify(Certified("certify"), {}, options);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->kind, "tpm2-certify");
  EXPECT_EQ(v->chain.size(), 3u);
  EXPECT_EQ(LabelsOf(v->facts).source, Source::kMadeInside);
  options.activated.clear();
  EXPECT_EQ(Verify(Certified("certify"), {}, options).error().code, "attest.not-bound");
}

TEST_F(RealTpm, CreationHolds) {
  auto roots = Roots();
  VerifyOptions options{.roots = roots, .at = Now(), .nonce = Bytes{1, 2, 3, 4, 5}};
  options.need_binding = false;
  Evidence e = Certified("creation");
  e.statement.creation_data = ReadCreationData(tpm_->File("key.cd"))->octets;
  auto v = Verify(e, {}, options);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(LabelsOf(v->facts).source, Source::kGeneratedOnDevice);
  EXPECT_EQ(LabelsOf(v->facts).protection, Protection::kNonExtractable);
  EXPECT_TRUE(ReadCreationData(tpm_->File("prim.cd"))->IsPrimary());
  options.nonce = Bytes{5};
  EXPECT_EQ(Verify(e, {}, options).error().code, "attest.nonce");
}

TEST_F(RealTpm, EveryAlteredOctetIsRefused) {
  auto roots = Roots();
  VerifyOptions options{.roots = roots, .at = Now()};
  options.need_binding = false;
  const Evidence good = Certified("certify");
  ASSERT_TRUE(Verify(good, {}, options));
  for (Bytes TpmStatement::* part :
       {&TpmStatement::attest, &TpmStatement::public_area, &TpmStatement::ak_public_area}) {
    for (size_t at = 0; at < (good.statement.*part).size(); ++at) {
      Evidence e = good;
      (e.statement.*part)[at] ^= 1;
      // An AK that differs in an attribute only, or its policy, is another key with the same
      // signature: its name then is one that has opened no credential (CertifyHolds).
      auto v = Verify(e, {}, options);
      if (part == &TpmStatement::ak_public_area && v) {
        EXPECT_NE(v->ak_name, tpm_->File("ak.name"));
        continue;
      }
      EXPECT_FALSE(v) << at;
    }
  }
}

// The TPM opens what MakeCredential made, for both kinds of endorsement key, and only for the name
// it was made for.
TEST_F(RealTpm, ActivatesCredentialsMadeHere) {
  for (bool ecc : {false, true}) {
    const std::string ek = ecc ? "0x81010016" : "0x81010001";
    auto cert = tpm_->EkCertificate(ecc);
    auto key = EndorsementKeyOf(cert.public_key()->spki());
    ASSERT_TRUE(key) << key.error().message;
    const Bytes plain = {'s', 'e', 'c', 'r', 'e', 't', ' ', 'n', 'o', 'n', 'c', 'e'};
    auto secret = SecretBytes::Take(Bytes(plain));
    auto c = MakeCredential(*key, tpm_->File("ak.name"), secret);
    ASSERT_TRUE(c) << c.error().message;
    tpm_->Write("cred", c->ToFile());
    // The RSA template asks for PolicySecret(endorsement); the P-384 one also takes its own
    // authorization, which is empty (TCG EK Credential Profile, annex B).
    const std::string use = " -c ak.ctx -C " + ek + " -i cred -o opened";
    const std::string open = ecc ? "tpm2_activatecredential -Q" + use +
                                       " && ok=0 || ok=1; tpm2_flushcontext -t; exit $ok"
                                 : "tpm2_startauthsession --policy-session -S s.ctx; "
                                   "tpm2_policysecret -Q -S s.ctx -c e\n"
                                   "ok=0; tpm2_activatecredential -Q" +
                                       use +
                                       " -P session:s.ctx || ok=1\n"
                                       "tpm2_flushcontext s.ctx; tpm2_flushcontext -t; exit $ok";
    ASSERT_TRUE(tpm_->Run(open));
    EXPECT_EQ(tpm_->File("opened"), plain);
    Bytes other = tpm_->File("ak.name");
    other.back() ^= 1;
    tpm_->Write("cred", MakeCredential(*key, other, secret)->ToFile());
    EXPECT_FALSE(tpm_->Run(open));
  }
}

// One exchange proves both: the nonce is ours, and only this TPM with this key could read it.
TEST_F(RealTpm, AChallengeBindsAndIsFreshOnce) {
  SystemClock clock;
  Challenges challenges(clock);
  auto ak = ReadSizedPublic(tpm_->File("ak.pub"));
  auto credential = challenges.ForTpm("gateway", tpm_->EkCertificate(), *ak);
  ASSERT_TRUE(credential) << credential.error().message;
  tpm_->Write("cred", credential->ToFile());
  ASSERT_TRUE(tpm_->Run(R"(
tpm2_startauthsession --policy-session -S s.ctx; tpm2_policysecret -Q -S s.ctx -c e
tpm2_activatecredential -Q -c ak.ctx -C 0x81010001 -i cred -o nonce -P session:s.ctx
tpm2_flushcontext s.ctx; tpm2_flushcontext -t
tpm2_certifycreation -C ak.ctx -c key.ctx -d key.hash -t key.ticket -g sha256 \
  -q $(od -An -v -tx1 nonce | tr -d ' \n') -o fresh.sig -f tss --attestation fresh.attest
tpm2_flushcontext -t)"));
  Evidence e = Certified("fresh");
  e.statement.creation_data = ReadCreationData(tpm_->File("key.cd"))->octets;
  const Bytes nonce = ReadAttest(e.statement.attest)->extra;
  EXPECT_EQ(challenges.Take("somebody else", nonce).error().code, "attest.nonce");
  auto answer = challenges.Take("gateway", nonce);
  ASSERT_TRUE(answer && answer->ours && answer->activation);
  auto roots = Roots();
  VerifyOptions options{.roots = roots, .at = Now(), .nonce = nonce};
  options.activated = {*answer->activation};
  auto v = Verify(e, {}, options);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->binding, AkBinding::kActivated);
  EXPECT_EQ(ValueOf(v->facts, "fresh"), true);
  EXPECT_EQ(v->policies, (std::vector<std::string>{"2.23.133.11.1.1", "2.23.133.11.1.2"}));
  EXPECT_EQ(challenges.Take("gateway", nonce).error().code, "attest.nonce");
}

// tpm2_makecredential and we write the same form, octet for octet as long.
TEST_F(RealTpm, FileFormIsThatOfTheTool) {
  tpm_->Write("plain", AsBytes("12345678901234567890123456789012"));
  ASSERT_TRUE(
      tpm_->Run("tpm2_readpublic -Q -c 0x81010001 -o ek.pem -f pem\n"
                "tpm2_makecredential -Q -T none -u ek.pem -G rsa -s plain "
                "-n $(xxd -p -c 99 ak.name) -o theirs"));
  auto key = EndorsementKeyOf(tpm_->EkCertificate().public_key()->spki());
  auto ours = MakeCredential(*key, tpm_->File("ak.name"), SecretBytes::Take(tpm_->File("plain")));
  Bytes theirs = tpm_->File("theirs"), mine = ours->ToFile();
  ASSERT_EQ(theirs.size(), mine.size());
  EXPECT_TRUE(std::equal(mine.begin(), mine.begin() + 12, theirs.begin()));
}

// Makers' own roots, as they are in the field, are read and can be pinned.
TEST(Vectors, MakersRoots) {
  if (!birthmark::test::VectorsPresent("tpm")) return;
  size_t read = 0;
  for (const auto& f :
       std::filesystem::directory_iterator(birthmark::test::VectorsDir() / "tpm/tpm_cert_store")) {
    auto pem = ReadFile(f.path(), 1 << 20);
    ASSERT_TRUE(pem);
    auto c = crypto::Certificate::ManyFromPem(AsText(*pem));
    if (!c) std::printf("%s: %s\n", f.path().filename().c_str(), c.error().message.c_str());
    read += c ? c->size() : 0;
  }
  EXPECT_GT(read, 40u);
}

}  // namespace
}  // namespace birthmark::attest
