// SPDX-License-Identifier: Apache-2.0
#include "pki/csr.h"

#include <openssl/x509.h>

#include <random>

#include "crypto/pem.h"
#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Algorithm;
using test::NewKey;
using test::TestName;

// Oracle reads and verifies with OpenSSL alone.
struct Oracle {
  explicit Oracle(const Bytes& der) {
    const uint8_t* p = der.data();
    req.reset(d2i_X509_REQ(nullptr, &p, static_cast<long>(der.size())));
    whole = req != nullptr && p == der.data() + der.size();
    verifies = whole && X509_REQ_verify(req.get(), X509_REQ_get0_pubkey(req.get())) == 1;
  }
  crypto::X509ReqPtr req;
  bool whole = false, verifies = false;
};

// MadeByOpenSsl is a request as OpenSSL writes it, signed with a hash of the test's choosing.
Bytes MadeByOpenSsl(EVP_PKEY* key, const EVP_MD* md) {
  crypto::X509ReqPtr req(X509_REQ_new());
  X509_REQ_set_version(req.get(), 0);
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const uint8_t*>("made by openssl"), -1, -1, 0);
  X509_REQ_set_pubkey(req.get(), key);
  X509_REQ_sign(req.get(), key, md);
  uint8_t* out = nullptr;
  const int n = i2d_X509_REQ(req.get(), &out);
  Bytes der(out, out + n);
  OPENSSL_free(out);
  return der;
}

TEST(Csr, OwnRequestsAreReadAndOpenSslAgrees) {
  for (auto a :
       {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}) {
    auto& key = NewKey(a);
    const Bytes der = *BuildCsr(TestName("BMC-0001"), key);
    EXPECT_TRUE(Oracle(der).verifies) << crypto::ToText(a);
    const Csr csr = *ReadCsr(der);
    EXPECT_EQ(csr.key.spki_digest(), key.public_key().spki_digest());
    EXPECT_EQ(csr.subject, TestName("BMC-0001"));
    EXPECT_TRUE(csr.extensions.empty());
    EXPECT_EQ(csr.der, der);
  }
}

TEST(Csr, OpenSslsRequestsAreRead) {
  for (auto a : {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048}) {
    for (const EVP_MD* md : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
      const auto csr = ReadCsr(MadeByOpenSsl(NewKey(a).evp(), md));
      ASSERT_TRUE(csr) << csr.error().ToString();
      EXPECT_EQ(csr->subject.Find("CN"), "made by openssl");
    }
    EXPECT_EQ(ReadCsr(MadeByOpenSsl(NewKey(a).evp(), EVP_sha1())).error().code, "csr.signature");
  }
}

TEST(Csr, WeakAndForeignKeysAreRefused) {
  auto code = [](EVP_PKEY* raw) {
    crypto::EvpKeyPtr key(raw);
    return ReadCsr(MadeByOpenSsl(key.get(), EVP_sha256())).error().code;
  };
  EXPECT_EQ(code(EVP_RSA_gen(1024)), "csr.weak-key");
  EXPECT_EQ(code(EVP_EC_gen("P-192")), "csr.weak-key");
  EXPECT_EQ(code(EVP_EC_gen("P-521")), "csr.key-type");
  EXPECT_EQ(code(EVP_EC_gen("secp256k1")), "csr.key-type");
}

TEST(Csr, AnyChangedBitIsRefused) {
  const Bytes der = *BuildCsr(TestName("BMC-0001"), NewKey(), AuthorityRequest{0});
  for (size_t i = 0; i < der.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = der;
      bad[i] ^= static_cast<uint8_t>(1 << bit);
      EXPECT_FALSE(ReadCsr(bad)) << "octet " << i << " bit " << bit;
    }
  }
}

TEST(Csr, WhatTheStrictWalkTakesOpenSslTakesToo) {
  // Mutations that keep the signature cannot be found by chance, so the walk is tried on its way to
  // it: whatever reaches the signature check must be a request in OpenSSL's eyes.
  const Bytes der = *BuildCsr(TestName("BMC-0001"), NewKey(), AuthorityRequest{1});
  std::mt19937 random(7);
  int reached = 0;
  for (int i = 0; i < 6000; ++i) {
    Bytes bad = der;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n) {
      bad[random() % bad.size()] = static_cast<uint8_t>(random());
    }
    if (random() % 8 == 0) bad.resize(random() % bad.size());
    const auto read = ReadCsr(bad);
    ASSERT_FALSE(read && bad != der);
    if (!read && read.error().code == "csr.signature") {
      ++reached;
      ASSERT_TRUE(Oracle(bad).whole) << ToHex(bad);
    }
  }
  EXPECT_GT(reached, 300);
}

TEST(Csr, TruncatedAndLongerRequestsAreMalformed) {
  const Bytes der = *BuildCsr(TestName("BMC-0001"), NewKey());
  for (size_t n = 0; n < der.size(); ++n) {
    EXPECT_EQ(ReadCsr(ByteView(der).first(n)).error().code, "csr.malformed") << n;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_EQ(ReadCsr(longer).error().code, "csr.malformed");
  EXPECT_EQ(ReadCsr(Bytes(kMaxCsrBytes + 1)).error().code, "csr.too-large");
  EXPECT_EQ(ReadCsr(Bytes(kMaxCsrBytes)).error().code, "csr.malformed");
}

TEST(Csr, AnotherKeysSignatureIsRefused) {
  // A request whose subject and key are a victim's and whose signature is not.
  struct Thief : crypto::Signer {
    Thief(crypto::Signer& v, crypto::Signer& o) : victim(v), own(o) {}
    const crypto::PublicKey& public_key() const override { return victim.public_key(); }
    Result<Bytes> Sign(ByteView m) override { return own.Sign(m); }
    crypto::Signer &victim, &own;
  } thief(NewKey(), NewKey());
  EXPECT_EQ(ReadCsr(*BuildCsr(TestName("x"), thief)).error().code, "csr.signature");
}

TEST(Csr, PemIsReadAndBounded) {
  const Bytes der = *BuildCsr(TestName("x"), NewKey());
  EXPECT_TRUE(ReadCsrPem(crypto::WritePem("CERTIFICATE REQUEST", der)));
  EXPECT_TRUE(ReadCsrPem("words before\n" + crypto::WritePem("NEW CERTIFICATE REQUEST", der)));
  EXPECT_EQ(ReadCsrPem(crypto::WritePem("CERTIFICATE", der)).error().code, "csr.malformed");
  EXPECT_EQ(ReadCsrPem("").error().code, "csr.malformed");
  EXPECT_EQ(ReadCsrPem(std::string(3 * kMaxCsrBytes, 'A')).error().code, "csr.too-large");
}

TEST(Csr, AuthorityRequestsComeBack) {
  auto& key = NewKey();
  for (std::optional<int> len :
       {std::optional<int>(), std::optional<int>(0), std::optional<int>(3)}) {
    const Csr csr = *ReadCsr(*BuildCsr(TestName("CA"), key, AuthorityRequest{len}));
    const auto asked = *ReadAuthorityRequest(csr);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->path_len, len);
  }
  EXPECT_FALSE(*ReadAuthorityRequest(*ReadCsr(*BuildCsr(TestName("CA"), key))));
}

TEST(Csr, MalformedBasicConstraintsAreRefused) {
  Csr csr;
  auto code = [&](const char* value) {
    Bytes v = *FromHex(value);
    csr.extensions.clear();
    crypto::DerWriter(csr.extensions).Sequence([&](crypto::DerWriter& list) {
      list.Sequence([&](crypto::DerWriter& e) {
        e.Oid("2.5.29.19");
        e.OctetString(v);
      });
    });
    const auto r = ReadAuthorityRequest(csr);
    return !r ? r.error().code : *r ? std::string("authority") : std::string("none");
  };
  EXPECT_EQ(code("30060101ff020100"), "authority");
  EXPECT_EQ(code("3000"), "none");
  EXPECT_EQ(code("30060101ff0201ff"), "csr.malformed");  // negative
  EXPECT_EQ(code("30070101ff02020100"), "csr.malformed");
  EXPECT_EQ(code("300301010f"), "csr.malformed");
  EXPECT_EQ(code("04"), "csr.malformed");
}

}  // namespace
}  // namespace birthmark::pki
