// SPDX-License-Identifier: Apache-2.0
// Keys on their way, opened by OpenSSL's CMS: the package, its signature, and all three recipients.
#include "enroll/cmp/envelope.h"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/err.h>

#include "crypto/der.h"
#include "enroll/test_desk.h"
#include "pki/profile.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerWriter;
using crypto::SoftwareSigner;
namespace der = crypto::der;
using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using StorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;

// OpenSSL 3.0 reads CMS only inside ContentInfo.
CmsPtr Cms(std::string_view type, ByteView content) {
  Bytes whole;
  DerWriter(whole).Sequence([&](DerWriter& w) {
    w.Oid(type);
    w.Nest(der::Context(0, true), [&](DerWriter& c) { c.Raw(content); });
  });
  const uint8_t* p = whole.data();
  return CmsPtr(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(whole.size())));
}

Bytes Drain(BIO* bio) {
  char* p = nullptr;
  const long n = BIO_get_mem_data(bio, &p);
  return Bytes(p, p + n);
}

class CmpEnvelope : public ::testing::Test {
 protected:
  CmpEnvelope()
      : ra_(*desk_.EcRa("bulb")),
        signer_(std::move(*SoftwareSigner::FromEvp(ra_.key))),
        above_{Bytes(desk_.issuer().der().begin(), desk_.issuer().der().end())},
        key_(std::move(*(*SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256))->ToPkcs8())) {}

  SecretBytes Signed(bool bare = false) {
    return std::move(*SignKey(key_, {ra_.certificate, above_, *signer_}, bare));
  }
  // The content of SignedData whose signature holds under our root.
  Bytes Verified(ByteView signed_data) {
    CmsPtr cms = Cms("1.2.840.113549.1.7.2", signed_data);
    if (cms == nullptr) return {};
    StorePtr store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), desk_.root().x509());
    X509_STORE_set_purpose(store.get(), X509_PURPOSE_ANY);
    crypto::BioPtr out(BIO_new(BIO_s_mem()));
    if (CMS_verify(cms.get(), nullptr, store.get(), nullptr, out.get(), CMS_BINARY) != 1) {
      ERR_clear_error();
      return {};
    }
    char type[64];
    OBJ_obj2txt(type, sizeof type, CMS_get0_eContentType(cms.get()), 1);
    type_ = type;
    return Drain(out.get());
  }
  Bytes Package() {
    Bytes out;
    DerWriter(out).Element(der::kSequence, key_.Read(SecretAccess{}));
    return out;
  }
  // Opened gives what is in EnvelopedData, for a secret or for a key with its certificate.
  static Bytes Opened(ByteView enveloped, const char* secret, EVP_PKEY* key, X509* certificate) {
    CmsPtr cms = Cms("1.2.840.113549.1.7.3", enveloped);
    if (cms == nullptr) return {};
    if (secret != nullptr) {
      uint8_t* copy = reinterpret_cast<uint8_t*>(OPENSSL_strdup(secret));
      const int ok = CMS_decrypt_set1_password(cms.get(), copy, -1);
      OPENSSL_free(copy);
      if (ok != 1) return {};
    }
    crypto::BioPtr out(BIO_new(BIO_s_mem()));
    if (CMS_decrypt(cms.get(), key, certificate, nullptr, out.get(), CMS_BINARY) != 1) {
      ERR_clear_error();
      return {};
    }
    return Drain(out.get());
  }

  TestDesk desk_;
  Ra ra_;
  std::unique_ptr<SoftwareSigner> signer_;
  std::vector<Bytes> above_;
  SecretBytes key_;
  std::string type_;
};

TEST_F(CmpEnvelope, ThePackageIsSignedByTheAuthority) {
  EXPECT_EQ(Verified(Signed().Read(SecretAccess{})), Package());
  EXPECT_EQ(type_, "2.16.840.1.101.2.1.2.78.5");
  const ByteView bare = key_.Read(SecretAccess{});
  EXPECT_EQ(Verified(Signed(true).Read(SecretAccess{})), Bytes(bare.begin(), bare.end()));
  EXPECT_EQ(type_, "1.2.840.113549.1.7.1");
  SecretBytes changed = Signed();
  std::span<uint8_t> b = changed.Write(SecretAccess{});
  b[b.size() - 1] ^= 1;
  EXPECT_TRUE(Verified(b).empty());
}

TEST_F(CmpEnvelope, ASecretOpensIt) {
  const SecretBytes secret = SecretBytes::Take(ToBytes("correct horse"));
  auto enveloped = EnvelopForSecret(Signed(), secret);
  ASSERT_TRUE(enveloped);
  EXPECT_EQ(Verified(Opened(*enveloped, "correct horse", nullptr, nullptr)), Package());
  EXPECT_TRUE(Opened(*enveloped, "incorrect horse", nullptr, nullptr).empty());
}

TEST_F(CmpEnvelope, TheCertificatesKeyOpensIt) {
  const auto mine = desk_.Agreeing("mine"), other = desk_.Agreeing("other");
  auto enveloped = EnvelopForCertificate(Signed(), mine.certificate);
  ASSERT_TRUE(enveloped) << enveloped.error().ToString();
  EXPECT_EQ(Verified(Opened(*enveloped, nullptr, mine.key.get(), mine.certificate.x509())),
            Package());
  EXPECT_TRUE(Opened(*enveloped, nullptr, other.key.get(), other.certificate.x509()).empty());

  const Ra rsa = *desk_.RsaRa("bulb");
  enveloped = EnvelopForCertificate(Signed(), rsa.certificate);
  ASSERT_TRUE(enveloped) << enveloped.error().ToString();
  EXPECT_EQ(Verified(Opened(*enveloped, nullptr, rsa.key, rsa.certificate.x509())), Package());
}

TEST_F(CmpEnvelope, KeyUsageDecidesWhoReceives) {
  EXPECT_FALSE(CanReceive(desk_.Station("s").certificate));
  EXPECT_TRUE(CanReceive(desk_.Agreeing("a").certificate));
  auto refused = EnvelopForCertificate(Signed(), desk_.Station("s").certificate);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "cmp.bad-request");
}

// The three forms differ in every message: keys, vectors and salts are fresh.
TEST_F(CmpEnvelope, NothingIsUsedTwice) {
  const SecretBytes secret = SecretBytes::Take(ToBytes("s"));
  const SecretBytes text = Signed();
  EXPECT_NE(*EnvelopForSecret(text, secret), *EnvelopForSecret(text, secret));
}

}  // namespace
}  // namespace birthmark::enroll::cmp
