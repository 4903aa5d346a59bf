// SPDX-License-Identifier: Apache-2.0
// Revocation lists, with OpenSSL as the oracle of both directions.
#include "pki/crl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/digest.h"
#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using namespace test;
using X509CrlPtr = crypto::Owned<X509_CRL, X509_CRL_free>;

struct Entry {
  Bytes serial;
  Time at;
  CrlReason reason;
};

CrlSource SourceOf(const std::vector<Entry>& entries) {
  return [&entries](const auto& fn) -> Status {
    for (const Entry& e : entries) BM_CHECK(fn(CrlEntry{e.serial, e.at, e.reason}));
    return {};
  };
}

X509CrlPtr Parse(ByteView der) {
  const uint8_t* p = der.data();
  X509CrlPtr crl(d2i_X509_CRL(nullptr, &p, static_cast<long>(der.size())));
  if (crl && p != der.data() + der.size()) crl.reset();
  return crl;
}

struct CrlTest : testing::Test {
  TestPki pki;
  CrlTerms terms{.issuer = pki.sub_issuer->identity(),
                 .number = 7,
                 .this_update = kNow,
                 .next_update = kNow + std::chrono::hours(24),
                 .distribution_point = ""};
  std::vector<Entry> entries{
      {Bytes{0x81, 2, 3}, kNow - std::chrono::hours(2), CrlReason::kKeyCompromise},
      {Bytes(20, 0x11), kNow, CrlReason::kUnspecified},
      {Bytes{5}, *ParseTime("2051-01-02T03:04:05Z"), CrlReason::kCertificateHold}};

  Status Check(ByteView der, size_t count) {
    auto crl = Parse(der);
    if (!crl) return Refused("test", "OpenSSL does not read it");
    if (X509_CRL_verify(crl.get(), pki.sub_key.evp()) != 1)
      return Refused("test", "OpenSSL does not verify it");
    auto* list = X509_CRL_get_REVOKED(crl.get());
    if (static_cast<size_t>(std::max(sk_X509_REVOKED_num(list), 0)) != count)
      return Refused("test", "another number of entries");
    return {};
  }
};

TEST_F(CrlTest, OpenSslReadsVerifiesAndWritesTheSame) {
  for (Algorithm a :
       {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}) {
    TestPki other(RehearsalMarks(), a);
    CrlTerms t = terms;
    t.issuer = other.sub_issuer->identity();
    auto der = SignCrl(t, SourceOf(entries), other.sub_key);
    ASSERT_TRUE(der) << der.error().ToString();
    auto crl = Parse(*der);
    ASSERT_TRUE(crl);
    EXPECT_EQ(X509_CRL_verify(crl.get(), other.sub_key.evp()), 1);
    EXPECT_EQ(X509_CRL_get_version(crl.get()), 1);
    // Encoded anew from its parts it is the same.
    X509CrlPtr copy(X509_CRL_dup(crl.get()));
    uint8_t* out = nullptr;
    const int n = i2d_re_X509_CRL_tbs(copy.get(), &out);
    ASSERT_GT(n, 0);
    auto read = ReadCrl(*der);
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_EQ(Bytes(out, out + n), Bytes(read->tbs.begin(), read->tbs.end()));
    OPENSSL_free(out);
    auto* list = X509_CRL_get_REVOKED(crl.get());
    ASSERT_EQ(sk_X509_REVOKED_num(list), 3);
    int critical = 0;
    using Enumerated = crypto::Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
    Enumerated reason(static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(
        sk_X509_REVOKED_value(list, 0), NID_crl_reason, &critical, nullptr)));
    ASSERT_TRUE(reason);
    EXPECT_EQ(ASN1_ENUMERATED_get(reason.get()), 1);
    EXPECT_EQ(X509_REVOKED_get_ext_count(sk_X509_REVOKED_value(list, 1)), 0);
    EXPECT_TRUE(read->IsSignedBy(other.sub_key.public_key()));
    EXPECT_FALSE(read->IsSignedBy(pki.root_key.public_key()));
  }
}

TEST_F(CrlTest, ReadsBackWhatWasWritten) {
  terms.distribution_point = "http://crl.acme.example/site.crl";
  auto der = SignCrl(terms, SourceOf(entries), pki.sub_key);
  ASSERT_TRUE(der);
  std::vector<Entry> back;
  auto crl = ReadCrl(*der, [&](const CrlEntry& e) -> Status {
    back.push_back({Bytes(e.serial.begin(), e.serial.end()), e.at, e.reason});
    return {};
  });
  ASSERT_TRUE(crl) << crl.error().ToString();
  EXPECT_EQ(crl->number, 7u);
  EXPECT_EQ(crl->count, 3u);
  EXPECT_EQ(crl->this_update, terms.this_update);
  EXPECT_EQ(crl->next_update, terms.next_update);
  EXPECT_EQ(crl->key_id, *pki.sub.ski());
  EXPECT_EQ(crl->distribution_point, terms.distribution_point);
  EXPECT_EQ(crl->issuer, terms.issuer.name);
  ASSERT_EQ(back.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back[i].serial, entries[i].serial);
    EXPECT_EQ(back[i].at, entries[i].at);
    EXPECT_EQ(back[i].reason, entries[i].reason);
  }
  EXPECT_TRUE(Check(*der, 3));
  auto theirs = ReadCrl(*der, [](const CrlEntry&) { return Refused("test.stop", "enough"); });
  EXPECT_EQ(theirs.error().code, "test.stop");
}

TEST_F(CrlTest, AnEmptyListHasNoListOfEntries) {
  auto der = SignCrl(terms, NoEntries, pki.sub_key);
  ASSERT_TRUE(der);
  EXPECT_TRUE(Check(*der, 0));
  EXPECT_EQ(ReadCrl(*der)->count, 0u);
}

TEST_F(CrlTest, AFileIsTheSameListHoweverLong) {
  birthmark::test::TempDir dir;
  std::vector<Entry> many;
  for (uint32_t i = 1; i <= 30'000; ++i) {
    many.push_back({Bytes{1, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                          static_cast<uint8_t>(i)},
                    kNow, CrlReason::kCessationOfOperation});
  }
  for (const auto& list : {many, entries, std::vector<Entry>{}}) {
    auto written = SignCrlFile(terms, SourceOf(list), pki.sub_key, dir / "list.crl");
    ASSERT_TRUE(written) << written.error().ToString();
    EXPECT_EQ(written->count, list.size());
    auto file = ReadFile(dir / "list.crl", kMaxCrlInMemory);
    ASSERT_TRUE(file);
    EXPECT_EQ(written->octets, file->size());
    EXPECT_EQ(written->sha256, crypto::Sha256(*file));
    EXPECT_TRUE(Check(*file, list.size()));
    auto in_memory = SignCrl(terms, SourceOf(list), pki.sub_key);
    auto a = ReadCrl(*file), b = ReadCrl(*in_memory);
    ASSERT_TRUE(a && b);
    EXPECT_TRUE(std::ranges::equal(a->tbs, b->tbs));
  }
  EXPECT_FALSE(fs::exists(dir / "list.crl.entries"));
  EXPECT_FALSE(fs::exists(dir / "list.crl.tbs"));
  auto nowhere = SignCrlFile(terms, NoEntries, pki.sub_key, dir / "no" / "list.crl");
  EXPECT_EQ(nowhere.error().code, "file.write");
}

TEST_F(CrlTest, RefusesWhatCannotStandInAList) {
  auto code = [&](const CrlTerms& t, const std::vector<Entry>& e) {
    auto der = SignCrl(t, SourceOf(e), pki.sub_key);
    return der ? "signed" : der.error().code;
  };
  CrlTerms t = terms;
  t.next_update = t.this_update;
  EXPECT_EQ(code(t, {}), "crl.terms");
  t = terms;
  t.issuer.key_id.clear();
  EXPECT_EQ(code(t, {}), "crl.terms");
  t = terms;
  t.distribution_point = "http://a b";
  EXPECT_EQ(code(t, {}), "crl.terms");
  EXPECT_EQ(code(terms, {{Bytes{1}, kNow, CrlReason::kRemoveFromCrl}}), "crl.terms");
  EXPECT_EQ(code(terms, {{Bytes{}, kNow, CrlReason::kUnspecified}}), "crl.terms");
  EXPECT_EQ(code(terms, {{Bytes(21, 1), kNow, CrlReason::kUnspecified}}), "crl.terms");
  t = terms;
  t.issuer.algorithm = Algorithm::kEd25519;
  EXPECT_EQ(code(t, {}), "pki.issuer-key");
}

TEST_F(CrlTest, RefusesBadListsByName) {
  auto good = SignCrl(terms, SourceOf(entries), pki.sub_key);
  for (size_t n = 0; n < good->size(); ++n)
    EXPECT_EQ(ReadCrl(ByteView(*good).first(n)).error().code, "crl.malformed") << n;
  Bytes more = *good;
  more.push_back(0);
  EXPECT_EQ(ReadCrl(more).error().code, "crl.malformed");
  // Any octet changed: refused, or no longer signed.
  for (size_t i = 0; i < good->size(); ++i) {
    Bytes bad = *good;
    bad[i] ^= 0x01;
    auto crl = ReadCrl(bad);
    if (crl) EXPECT_FALSE(crl->IsSignedBy(pki.sub_key.public_key())) << i;
  }
  // Lists of others, by OpenSSL: a delta, an unknown critical extension, another's certificate.
  auto other = [&](auto change) {
    X509CrlPtr crl(X509_CRL_new());
    X509_CRL_set_version(crl.get(), 1);
    X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(pki.sub.x509()));
    crypto::Owned<ASN1_TIME, ASN1_TIME_free> now(ASN1_TIME_set(nullptr, 1'790'000'000));
    X509_CRL_set1_lastUpdate(crl.get(), now.get());
    change(crl.get());
    X509_CRL_sign(crl.get(), pki.sub_key.evp(), EVP_sha256());
    uint8_t* out = nullptr;
    const int n = i2d_X509_CRL(crl.get(), &out);
    Bytes der(out, out + n);
    OPENSSL_free(out);
    auto read = ReadCrl(der);
    return read ? "read" : read.error().code;
  };
  EXPECT_EQ(other([](X509_CRL*) {}), "read");
  auto extension = [](int nid, const char* value) {
    return [=](X509_CRL* crl) {
      crypto::Owned<X509_EXTENSION, X509_EXTENSION_free> e(
          X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
      ASSERT_TRUE(e);
      X509_CRL_add_ext(crl, e.get(), -1);
    };
  };
  EXPECT_EQ(other([](X509_CRL* crl) {
              crypto::Owned<ASN1_INTEGER, ASN1_INTEGER_free> base(ASN1_INTEGER_new());
              ASN1_INTEGER_set(base.get(), 3);
              X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base.get(), 1, 0);
            }),
            "crl.delta");
  EXPECT_EQ(other(extension(NID_basic_constraints, "critical,CA:TRUE")), "crl.critical");
  EXPECT_EQ(other(extension(NID_basic_constraints, "CA:TRUE")), "read");
}

}  // namespace
}  // namespace birthmark::pki
