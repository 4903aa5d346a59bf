// SPDX-License-Identifier: Apache-2.0
#include "audit/document.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "audit/facts.h"
#include "audit/intake.h"
#include "audit/test_keys.h"
#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "pki/csr.h"
#include "pki/pki_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wycheproof.h"

namespace birthmark::audit {
namespace {

using crypto::WritePem;
using test::Prime;
using test::Request;
using test::Spki;

TEST(Document, ReadsACertificateOfTheWorkshop) {
  pki::test::TestPki pki;
  auto d = ReadDocument(pki.sub.der());
  ASSERT_TRUE(d) << d.error().ToString();
  EXPECT_EQ(d->name, "Acme Site CA 1");
  const ByteView spki = pki.sub_key.public_key().spki();
  EXPECT_TRUE(std::ranges::equal(d->spki, spki));
  ASSERT_TRUE(d->signature);
  auto root = ReadDocument(pki.root.der());
  ASSERT_TRUE(root && root->signature);
  EXPECT_NE(root->signature->r, d->signature->r);
  // A self-signed certificate's signer is its own key, as a request's is.
  EXPECT_EQ(root->signature->signer, pki.root_key.public_key().spki_digest());
  EXPECT_NE(d->signature->signer, root->signature->signer);
}

TEST(Document, ReadsARequest) {
  auto& signer = pki::test::NewKey();
  Bytes csr = *pki::BuildCsr(*pki::Name::Make({{"CN", "x"}, {"serialNumber", "B-7"}}), signer);
  auto d = ReadDocument(csr);
  ASSERT_TRUE(d) << d.error().ToString();
  EXPECT_EQ(d->name, "B-7");
  ASSERT_TRUE(d->signature);
  EXPECT_EQ(d->signature->signer, signer.public_key().spki_digest());
}

TEST(Document, EverythingCutShortIsRefused) {
  const Bytes csr = Request("B-7", Spki(Prime(1, 256) * Prime(2, 256)));
  ASSERT_TRUE(ReadDocument(csr));
  for (size_t i = 0; i < csr.size(); ++i) {
    auto d = ReadDocument(ByteView(csr).first(i));
    ASSERT_FALSE(d) << i;
    EXPECT_EQ(d.error().code, "audit.unreadable");
  }
}

TEST(Document, AnRsaPublicKeyIsWrapped) {
  const mpz_class n = Prime(1) * Prime(2);
  Bytes bare;
  crypto::DerWriter(bare).Sequence([&](crypto::DerWriter& w) {
    w.Unsigned(ToOctets(n));
    w.Unsigned(uint64_t{3});
  });
  auto d = ReadDocument(bare);
  ASSERT_TRUE(d);
  EXPECT_EQ(d->spki, Spki(n, 3));
  // An ECDSA signature looks alike and is none.
  Bytes signature;
  crypto::DerWriter(signature).Sequence([&](crypto::DerWriter& w) {
    w.Unsigned(ToOctets(Prime(3, 256)));
    w.Unsigned(ToOctets(Prime(4, 256)));
  });
  EXPECT_EQ(LooksLike(signature), DocumentKind::kNone);
}

TEST(KeyFacts, OfRsaKeysThatNobodyShouldUse) {
  auto f = Examine(Spki(Prime(1, 512) * Prime(2, 512), 3));
  ASSERT_TRUE(f && f->rsa);
  EXPECT_EQ(f->kind, "rsa-1024");
  EXPECT_EQ(f->rsa->exponent, 3);
  EXPECT_NE(f->weak, "");
  EXPECT_EQ(f->invalid, "");
  f = Examine(Spki(0));
  ASSERT_TRUE(f);
  EXPECT_NE(f->invalid, "");
  f = Examine(RsaSpki(Bytes(5000, 0xff), Bytes{3}));
  ASSERT_TRUE(f && !f->rsa);
  EXPECT_NE(f->invalid, "");
}

TEST(KeyFacts, OneModulusIsOneKeyWhateverTheExponent) {
  const mpz_class n = Prime(1, 512) * Prime(2, 512);
  EXPECT_EQ(Examine(Spki(n, 3))->key, Examine(Spki(n))->key);
  EXPECT_NE(Examine(Spki(n, 3))->spki, Examine(Spki(n))->spki);
  EXPECT_NE(Examine(Spki(n))->key, Examine(Spki(n + 2))->key);
}

TEST(KeyFacts, OnePointAndItsNegativeAreOneKey) {
  const Bytes spki = test::NewEcSpki();
  auto f = Examine(spki);
  ASSERT_TRUE(f);
  EXPECT_EQ(f->kind, "ecdsa-p256");
  EXPECT_EQ(f->invalid + f->weak, "");
  Bytes beside = spki;
  beside.back() ^= 1;
  auto g = Examine(beside);
  ASSERT_TRUE(g);
  EXPECT_EQ(g->key, f->key);
  EXPECT_NE(g->invalid, "");
  EXPECT_NE(Examine(test::NewEcSpki())->key, f->key);
}

TEST(KeyFacts, AnUnknownAlgorithmIsNotJudged) {
  Bytes spki;
  crypto::DerWriter(spki).Sequence([](crypto::DerWriter& w) {
    w.Sequence([](crypto::DerWriter& a) { a.Oid("2.16.840.1.101.3.4.3.18"); });
    w.BitString(Bytes(32, 1));
  });
  auto f = Examine(spki);
  ASSERT_TRUE(f);
  EXPECT_TRUE(f->unexamined);
  EXPECT_EQ(f->invalid + f->weak, "");
}

// Public keys of the ECDH tests: those marked as no point of their curve are no keys here either.
TEST(KeyFacts, AgreeWithWycheproofOnPoints) {
  size_t invalid = 0;
  birthmark::test::ForEachWycheproof(
      "ecdh_secp256r1_test.json", [&](const auto&, const nlohmann::json& t) {
        auto f = Examine(birthmark::test::Hex(t["public"]));
        const std::string flags = t["flags"].dump();
        if (t["result"] == "valid") {
          ASSERT_TRUE(f) << t["tcId"];
          EXPECT_EQ(f->invalid, "") << t["tcId"];
        } else if (f && flags.find("InvalidCurveAttack") != std::string::npos) {
          EXPECT_NE(f->invalid, "") << t["tcId"] << t["comment"];
          ++invalid;
        }
      });
  if (!birthmark::test::VectorsPresent("wycheproof")) return;
  EXPECT_GT(invalid, 10u);
}

struct Files {
  birthmark::test::TempDir dir;
  void Put(const char* name, std::string_view text) {
    fs::create_directories((dir / name).parent_path());
    ASSERT_TRUE(WriteFileAtomic(dir / name, text));
  }
  Result<Intake> Read() { return ReadPaths(std::vector<fs::path>{dir.path()}); }
};

TEST(Intake, ReadsAFolderOfEverything) {
  Files f;
  const Bytes a = test::NewEcSpki(), b = test::NewEcSpki(), c = test::NewEcSpki();
  const mpz_class n = Prime(1, 512) * Prime(2, 512);
  f.Put("units/a.csr", "words before\n" + WritePem("CERTIFICATE REQUEST", Request("A-1", a)));
  f.Put("units/b.der", AsText(Request("B-1", b)));
  f.Put("both.pem", WritePem("PUBLIC KEY", a) + WritePem("CERTIFICATE REQUEST", Request("C", c)));
  f.Put("moduli.txt", "# of lot 7\n\nModulus=" + n.get_str(16) + "\n0x" + n.get_str(16) + "\r\n");
  f.Put("lot.ndjson", "{\"SerialNumber\": \"N-1\", \"CSR\": \"" + ToBase64(Request("other", b)) +
                          "\"}\n{\"id\": 5, \"chain\": {\"x5c\": [\"" +
                          ToBase64(Request("N-2", c)) + "\"]}}\n");
  f.Put("README", "to whom it may concern\n");
  f.Put("key.pem", WritePem("PRIVATE KEY", Bytes(40, 1)));
  fs::create_symlink("README", f.dir / "link");
  ASSERT_EQ(mkfifo((f.dir / "pipe").c_str(), 0600), 0);
  auto in = f.Read();
  ASSERT_TRUE(in) << in.error().ToString();
  EXPECT_TRUE(in->unreadable.empty());
  std::vector<std::string> who;
  const std::string base = f.dir.path().generic_string() + "/";
  for (const Subject& s : in->subjects) {
    ASSERT_TRUE(s.place.starts_with(base));
    who.push_back(s.place.substr(base.size()) + "=" + s.name);
  }
  EXPECT_EQ(who, (std::vector<std::string>{
                     "both.pem#1=", "both.pem#2=C", "lot.ndjson:1=N-1", "lot.ndjson:2=N-2",
                     "moduli.txt:3=", "moduli.txt:4=", "units/a.csr=A-1", "units/b.der=B-1"}));
  EXPECT_EQ(in->passed_over_count, 4u);
  EXPECT_EQ(in->files, 7u);
}

TEST(Intake, WhatSaysItIsAKeyAndIsNoneIsUnreadable) {
  Files f;
  f.Put("a.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  f.Put("b.der", "\x30\x05half");
  f.Put("c.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
  f.Put("d.ndjson", "{\"SerialNumber\": \"N-1\"}\n{broken\n");
  f.Put("e.txt", std::string(512, 'a') + "\nnot a modulus\n");
  auto in = f.Read();
  ASSERT_TRUE(in);
  EXPECT_EQ(in->subjects.size(), 1u);
  EXPECT_EQ(in->unreadable.size(), 6u);
}

TEST(Intake, AFileNamedInTwoWaysIsReadOnce) {
  Files f;
  f.Put("a.csr", AsText(Request("A-1", test::NewEcSpki())));
  const std::vector<fs::path> twice = {f.dir / "a.csr", f.dir.path(), f.dir / "a.csr"};
  EXPECT_EQ(ReadPaths(twice)->subjects.size(), 1u);
}

TEST(Intake, ANamedFileWithoutKeysIsUnreadable) {
  Files f;
  f.Put("README", "hello\n");
  EXPECT_EQ(ReadPaths(std::vector<fs::path>{f.dir / "README"})->unreadable.size(), 1u);
  auto missing = ReadPaths(std::vector<fs::path>{f.dir / "missing"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "file.missing");
}

TEST(Intake, AnEmptyFolderIsAMistake) {
  birthmark::test::TempDir dir;
  auto in = ReadPaths(std::vector<fs::path>{dir.path()});
  ASSERT_FALSE(in);
  EXPECT_EQ(in.error().code, "audit.no-input");
}

TEST(Intake, DeepJsonIsHarmless) {
  Intake in;
  std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  ASSERT_TRUE(AddFile(in, AsBytes(deep), "deep.ndjson"));
  EXPECT_EQ(in.unreadable.size(), 1u);
}

}  // namespace
}  // namespace birthmark::audit
