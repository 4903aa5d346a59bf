// SPDX-License-Identifier: Apache-2.0
// CMS alone: forms that other writers use, algorithms, envelopes and packages that lie.
#include <gtest/gtest.h>
#include <openssl/cms.h>

#include "crypto/der.h"
#include "seed/read.h"
#include "seed/test_files.h"

namespace birthmark::seed {
namespace {

using crypto::DerWriter;
using TestCmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using TestObjectPtr = crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;

constexpr char kKeyPackage[] = "1.2.840.113549.1.9.16.1.25";

// The package inside a file that is encrypted with nothing.
Bytes PackageOf(const Pairs& pairs) {
  Bytes file = Written(false, {}, pairs);
  crypto::DerReader outer(file);
  crypto::DerReader info = *outer.Enter();
  (void)*info.Oid();
  ByteView p = *info.Expect(crypto::der::Context(0, true));
  return Bytes(p.begin(), p.end());
}

Bytes PlainFile(ByteView package) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Oid(kKeyPackage);
    info.Nest(crypto::der::Context(0, true), [&](DerWriter& c) { c.Raw(package); });
  });
  return out;
}

struct How {
  const EVP_CIPHER* cipher = EVP_aes_256_cbc();
  const char* type = kKeyPackage;
  bool oaep = true;
  bool streamed = false;  // indefinite lengths, content in pieces
  bool by_key_id = false;
  const char* passphrase = nullptr;
};

Bytes Envelope(ByteView content, const std::vector<const Recipient*>& to, const How& how) {
  unsigned int flags = CMS_BINARY | CMS_PARTIAL;
  TestCmsPtr cms(CMS_encrypt(nullptr, nullptr, how.cipher, flags));
  for (const Recipient* r : to) {
    unsigned int f = CMS_KEY_PARAM | (how.by_key_id ? CMS_USE_KEYID : 0u);
    CMS_RecipientInfo* info = CMS_add1_recipient_cert(cms.get(), r->certificate.x509(), f);
    if (info == nullptr) ADD_FAILURE() << "recipient";
    if (how.oaep && EVP_PKEY_get_base_id(r->key.get()) == EVP_PKEY_RSA) {
      EVP_PKEY_CTX_set_rsa_padding(CMS_RecipientInfo_get0_pkey_ctx(info), RSA_PKCS1_OAEP_PADDING);
    }
  }
  if (how.passphrase != nullptr) {
    Bytes pass = ToBytes(how.passphrase);
    auto* copy = static_cast<uint8_t*>(OPENSSL_memdup(pass.data(), pass.size()));
    CMS_add0_recipient_password(cms.get(), -1, NID_id_alg_PWRI_KEK, NID_id_pbkdf2, copy,
                                static_cast<ossl_ssize_t>(pass.size()), EVP_aes_256_cbc());
  }
  TestObjectPtr type(OBJ_txt2obj(how.type, 1));
  CMS_set1_eContentType(cms.get(), type.get());
  crypto::BioPtr in(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
  crypto::BioPtr out(BIO_new(BIO_s_mem()));
  if (how.streamed) {
    unsigned char** boundary = nullptr;
    CMS_stream(&boundary, cms.get());
    i2d_CMS_bio_stream(out.get(), cms.get(), in.get(), CMS_BINARY | CMS_STREAM);
  } else {
    CMS_final(cms.get(), in.get(), nullptr, CMS_BINARY);
    i2d_CMS_bio(out.get(), cms.get());
  }
  char* p = nullptr;
  long n = BIO_get_mem_data(out.get(), &p);
  return Bytes(p, p + n);
}

ReadOptions For(const Recipient& r) { return {.key = r.key.get(), .certificate = &r.certificate}; }

TEST(Cms, IndefiniteLengthsAndPiecesAsStreamingWritersMakeThem) {
  Pairs pairs = GoodPairs(3000);
  Bytes package = PackageOf(pairs);
  for (const EVP_CIPHER* cipher : {EVP_aes_256_cbc(), EVP_aes_128_cbc()}) {
    Bytes file = Envelope(package, {&RsaRecipient()}, {.cipher = cipher, .streamed = true});
    ASSERT_EQ(file[1], 0x80) << "not indefinite";
    Outcome got = ReadOctets(file, For(RsaRecipient()));
    ASSERT_TRUE(got.summary) << got.summary.error().ToString();
    EXPECT_EQ(got.seeds, pairs);
    file.push_back(0);
    EXPECT_EQ(ReadOctets(file, For(RsaRecipient())).code(), "seed.malformed");
  }
}

TEST(Cms, OneOfSeveralRecipientsByCertificateOrKeyIdentifier) {
  Pairs pairs = GoodPairs(5);
  Bytes package = PackageOf(pairs);
  std::vector<const Recipient*> all = {&OtherRsaRecipient(), &EcRecipient("P-256"), &RsaRecipient(),
                                       &EcRecipient("P-384")};
  for (const EVP_CIPHER* cipher : {EVP_aes_256_cbc(), EVP_aes_256_gcm()}) {
    Bytes file = Envelope(package, all, {.cipher = cipher});
    for (const Recipient* r : all) {
      EXPECT_EQ(ReadOctets(file, For(*r)).seeds, pairs);
      EXPECT_EQ(ReadOctets(file, {.key = r->key.get()}).seeds, pairs);
    }
  }
}

TEST(Cms, AlgorithmsThatAreNotTaken) {
  Bytes package = PackageOf(GoodPairs(2));
  auto code = [&](const How& how) {
    return ReadOctets(Envelope(package, {&RsaRecipient()}, how), For(RsaRecipient())).code();
  };
  EXPECT_EQ(code({}), "");
  EXPECT_EQ(code({.oaep = false}), "seed.algorithm");
  EXPECT_EQ(code({.cipher = EVP_des_ede3_cbc()}), "seed.algorithm");
  EXPECT_EQ(code({.type = "1.2.840.113549.1.7.1"}), "seed.format");
  EXPECT_EQ(ReadOctets(Envelope(package, {}, {.passphrase = "secret"}), For(RsaRecipient())).code(),
            "seed.algorithm");
}

TEST(Cms, AChangedTagOrContentGivesNothingAtAll) {
  WriteOptions to;
  to.recipient = &RsaRecipient().certificate;
  Bytes file = Written(false, to, GoodPairs(50));
  for (size_t from_end : {size_t{1}, size_t{16}, size_t{20}, size_t{1000}, file.size() / 2}) {
    Bytes changed = file;
    changed[changed.size() - from_end] ^= 1;
    Outcome got = ReadOctets(changed, For(RsaRecipient()));
    EXPECT_FALSE(got.summary) << from_end;
    EXPECT_TRUE(got.seeds.empty() && got.refused.empty()) << from_end;
  }
}

// The package of Russ Housley's own example of RFC 6031's syntax: attributes of the package and of
// its key, which has four octets. Source: pyasn1-modules, tests/test_rfc6031.py.
TEST(Cms, APackageByAnAuthorOfTheRfcIsRead) {
  Bytes file = *FromBase64(
      "MIG7BgsqhkiG9w0BCRABGaCBqzCBqKBEMCMGCyqGSIb3DQEJEAwBMRQMElZpZ2ls"
      "IFNlY3VyaXR5IExMQzAdBgsqhkiG9w0BCRAMAzEODAxQcmV0ZW5kIDA0OEEwYDBe"
      "MFYwGwYLKoZIhvcNAQkQDBsxDAwKZXhhbXBsZUlEMTAVBgsqhkiG9w0BCRAMCjEG"
      "DARIT1RQMCAGCyqGSIb3DQEJEAwLMREMD2t0YS5leGFtcGxlLmNvbQQEMTIzNA==");
  Outcome got = ReadOctets(file, {.allow_unprotected = true});
  ASSERT_TRUE(got.summary) << got.summary.error().ToString();
  EXPECT_EQ(got.summary->oem, "Vigil Security LLC");
  EXPECT_EQ(got.refused, (decltype(got.refused){{0, "seed.chip"}}));
}

Bytes OneKey(std::string_view chip, ByteView seed, std::string_view more_oid = "") {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& key) {
    key.Sequence([&](DerWriter& list) {
      list.Sequence([&](DerWriter& a) {
        a.Oid("1.2.840.113549.1.9.16.12.2");
        a.Nest(crypto::der::kSet, [&](DerWriter& v) { v.Utf8(chip); });
      });
      if (more_oid.empty()) return;
      list.Sequence([&](DerWriter& a) {
        a.Oid(more_oid);
        a.Nest(crypto::der::kSet, [&](DerWriter& v) { v.Utf8("x"); });
      });
    });
    key.OctetString(seed);
  });
  return out;
}
Bytes PackageWith(const std::vector<Bytes>& keys, ByteView before = {}) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& package) {
    package.Raw(before);
    package.Sequence([&](DerWriter& list) {
      for (const Bytes& k : keys) list.Raw(k);
    });
  });
  return out;
}

TEST(Cms, KeysThatAreNotWhatTheySayAreRefusedAlone) {
  Bytes broken = OneKey("b", SeedNumber(1));
  broken[4] = 0x07;
  std::vector<Bytes> keys = {OneKey("a", SeedNumber(2)),
                             broken,
                             OneKey("p", SeedNumber(3), "1.2.840.113549.1.9.16.12.24"),
                             OneKey("t", SeedNumber(4), "1.2.840.113549.1.9.16.12.2"),
                             OneKey("z", SeedNumber(5), "1.2.840.113549.1.9.16.12.3"),
                             Bytes{0x30, 0x00}};
  Outcome got = ReadOctets(PlainFile(PackageWith(keys)), {.allow_unprotected = true});
  ASSERT_TRUE(got.summary) << got.summary.error().ToString();
  EXPECT_EQ(got.seeds, (Pairs{{"a", SeedNumber(2)}, {"z", SeedNumber(5)}}));
  EXPECT_EQ(got.refused.size(), 4u);
}

TEST(Cms, PackagesThatLieAreRefusedWhole) {
  auto code = [](ByteView package) {
    return ReadOctets(PlainFile(package), {.allow_unprotected = true}).code();
  };
  std::vector<Bytes> one = {OneKey("a", SeedNumber(2))};
  EXPECT_EQ(code(PackageWith(one)), "");
  EXPECT_EQ(code(PackageWith(one, Bytes{2, 1, 1})), "");
  EXPECT_EQ(code(PackageWith(one, Bytes{2, 1, 2})), "seed.format");
  EXPECT_EQ(code(PackageWith({})), "seed.empty");
  EXPECT_EQ(code(PackageWith({Bytes{0x30, 0x82, 0xff, 0xff}})), "seed.malformed");
  EXPECT_EQ(code(PackageWith({OneKey("a", Bytes(5000, 1))})), "seed.malformed");
  Bytes after = PackageWith(one);
  after[1] += 2;
  after.insert(after.end(), {0x05, 0x00});
  EXPECT_EQ(code(after), "seed.malformed");
  // A key whose length reaches beyond the list it stands in.
  Bytes reach = PackageWith(one);
  reach[5] += 1;
  EXPECT_NE(code(reach), "");
}

}  // namespace
}  // namespace birthmark::seed
