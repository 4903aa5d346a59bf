// SPDX-License-Identifier: Apache-2.0
#include "crypto/cert.h"

#include <gtest/gtest.h>
#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include <filesystem>

#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "tests/support/vectors.h"

namespace birthmark::crypto {
namespace {

void AddExtension(X509* x, int nid, const char* value) {
  X509V3_CTX ctx;
  X509V3_set_ctx_test(&ctx);
  Owned<CONF, NCONF_free> conf(NCONF_new(nullptr));  // policies ask for one, even an empty one
  X509V3_set_nconf(&ctx, conf.get());
  X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value);
  ASSERT_NE(e, nullptr);
  X509_add_ext(x, e, -1);
  X509_EXTENSION_free(e);
}

void AddName(X509_NAME* name, const char* field, const char* value) {
  X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const uint8_t*>(value),
                             -1, -1, 0);
}

// MakeCert builds one certificate the slow way, with OpenSSL alone.
Bytes MakeCert(SoftwareSigner& key, SoftwareSigner& issuer, bool twice = false) {
  X509Ptr x(X509_new());
  X509_set_version(x.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x.get()), 0x80a1b2c3d4e5f607u);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(x.get()), "20261121100000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(x.get()), "99991231235959Z");
  X509_NAME* subject = X509_get_subject_name(x.get());
  AddName(subject, "O", "Ärger, Söhne + Co");
  AddName(subject, "serialNumber", "BMC-0001");
  X509_NAME* issuer_name = X509_NAME_new();
  AddName(issuer_name, "CN", "Test Root");
  X509_set_issuer_name(x.get(), issuer_name);
  X509_NAME_free(issuer_name);
  X509_set_pubkey(x.get(), key.evp());
  AddExtension(x.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
  AddExtension(x.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(x.get(), NID_ext_key_usage, "clientAuth,1.3.6.1.4.1.32473.9");
  AddExtension(x.get(), NID_certificate_policies, "1.3.6.1.4.1.32473.1");
  AddExtension(x.get(), NID_subject_key_identifier, "0102030405");
  if (twice) AddExtension(x.get(), NID_key_usage, "digitalSignature");
  bool pure = issuer.algorithm() == Algorithm::kEd25519;
  EXPECT_GT(X509_sign(x.get(), issuer.evp(), pure ? nullptr : EVP_sha256()), 0);
  uint8_t* p = nullptr;
  int n = i2d_X509(x.get(), &p);
  Bytes out(p, p + n);
  OPENSSL_free(p);
  return out;
}

class CertTest : public testing::Test {
 protected:
  std::unique_ptr<SoftwareSigner> key_ = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  std::unique_ptr<SoftwareSigner> root_ = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  Bytes der_ = MakeCert(*key_, *root_);
};

TEST_F(CertTest, FactsArePlainValues) {
  Certificate c = Certificate::FromDer(der_).value();
  EXPECT_EQ(c.subject(), "serialNumber=BMC-0001,O=Ärger\\, Söhne \\+ Co");
  EXPECT_EQ(c.issuer(), "CN=Test Root");
  EXPECT_EQ(c.subject_serial_number(), "BMC-0001");
  EXPECT_EQ(c.SubjectAttribute("2.5.4.10"), "Ärger, Söhne + Co");
  EXPECT_FALSE(c.common_name());
  EXPECT_EQ(c.serial_hex(), "80a1b2c3d4e5f607");
  EXPECT_EQ(FormatTime(c.not_before()), "2026-11-21T10:00:00.000Z");
  EXPECT_EQ(FormatTime(c.not_after()), "9999-12-31T23:59:59.000Z");
  EXPECT_EQ(c.public_key()->spki_digest(), key_->public_key().spki_digest());
  EXPECT_EQ(c.key_text(), "ecdsa-p256");
  EXPECT_EQ(c.signature_algorithm(), "ecdsa-with-SHA256");
  EXPECT_TRUE(c.is_ca());
  EXPECT_EQ(c.path_len(), 1);
  EXPECT_EQ(c.key_usage(), (std::vector<std::string>{"keyCertSign", "cRLSign"}));
  EXPECT_EQ(c.eku(), (std::vector<std::string>{"1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.32473.9"}));
  EXPECT_EQ(c.policies(), (std::vector<std::string>{"1.3.6.1.4.1.32473.1"}));
  EXPECT_EQ(c.ski(), (Bytes{1, 2, 3, 4, 5}));
  EXPECT_FALSE(c.aki());
  EXPECT_EQ(c.digest(), Sha256(der_));
  ASSERT_NE(c.Extension("2.5.29.15"), nullptr);
  EXPECT_TRUE(c.Extension("2.5.29.15")->critical);
  EXPECT_EQ(c.Extension("2.5.29.99"), nullptr);
  EXPECT_FALSE(c.IsSelfIssued());
}

TEST_F(CertTest, SignatureIsCheckedAgainstOneKey) {
  Certificate c = Certificate::FromDer(der_).value();
  EXPECT_TRUE(c.IsSignedBy(root_->public_key()));
  EXPECT_FALSE(c.IsSignedBy(key_->public_key()));
  EXPECT_FALSE(c.IsSignedBy(PublicKey()));
}

TEST_F(CertTest, EveryBitMatters) {
  for (size_t i = 0; i < der_.size() * 8; ++i) {
    Bytes changed = der_;
    changed[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    auto c = Certificate::FromDer(changed);
    EXPECT_TRUE(!c || !c->IsSignedBy(root_->public_key())) << "bit " << i;
  }
}

TEST_F(CertTest, CutAndPaddedDerIsRefused) {
  for (size_t n = 0; n < der_.size(); ++n) {
    auto c = Certificate::FromDer(ByteView(der_).first(n));
    ASSERT_FALSE(c);
    EXPECT_EQ(c.error().code, "cert.malformed");
  }
  Bytes padded = der_;
  padded.push_back(0);
  EXPECT_EQ(Certificate::FromDer(padded).error().code, "cert.malformed");
  EXPECT_EQ(Certificate::FromDer(Bytes(1 << 20)).error().code, "cert.too-large");
}

TEST_F(CertTest, RepeatedExtensionIsRefused) {
  auto c = Certificate::FromDer(MakeCert(*key_, *root_, true));
  ASSERT_FALSE(c);
  EXPECT_TRUE(c.error().code == "cert.extension-twice" || c.error().code == "cert.malformed");
}

TEST_F(CertTest, PemRoundTripsAndNamesTheBlock) {
  Certificate c = Certificate::FromDer(der_).value();
  EXPECT_EQ(Certificate::FromPem(c.ToPem())->digest(), c.digest());
  EXPECT_EQ(Certificate::ManyFromPem(c.ToPem() + c.ToPem())->size(), 2u);
  auto r = Certificate::ManyFromPem(
      c.ToPem() + "-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().message.find("block 2"), std::string::npos) << r.error().message;
  EXPECT_EQ(Certificate::ManyFromPem("-----BEGIN X-----\nAQ==\n-----END X-----\n").error().code,
            "pem.label");
}

TEST_F(CertTest, OtherAlgorithmsSignToo) {
  for (Algorithm a : {Algorithm::kEd25519, Algorithm::kRsa2048}) {
    auto root = SoftwareSigner::Generate(a).value();
    Certificate c = Certificate::FromDer(MakeCert(*key_, *root)).value();
    EXPECT_TRUE(c.IsSignedBy(root->public_key()));
    EXPECT_FALSE(c.IsSignedBy(root_->public_key()));
  }
}

// The machine's own bundle, where there is one: real roots must parse, whatever their keys.
TEST(Certificate, RealRootsAreRead) {
  const char* bundle = "/etc/ssl/certs/ca-certificates.crt";
  if (!std::filesystem::exists(bundle)) {
    std::printf("not run: no %s on this machine\n", bundle);
    return;
  }
  auto all = Certificate::ManyFromPem(ReadTextFile(bundle, 4 << 20).value());
  ASSERT_TRUE(all) << all.error().ToString();
  EXPECT_GT(all->size(), 50u);
  for (const Certificate& c : *all) {
    EXPECT_FALSE(c.subject().empty());
    // Old roots with the exponent 3 are shown by their key_text and not used.
    if (!c.public_key() && c.public_key().error().code == "key.weak") continue;
    ASSERT_TRUE(c.public_key()) << c.subject() << " " << c.key_text();
    EXPECT_TRUE(c.IsSignedBy(*c.public_key())) << c.subject();
  }
}

}  // namespace
}  // namespace birthmark::crypto
