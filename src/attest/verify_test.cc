// SPDX-License-Identifier: Apache-2.0
#include "attest/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attest/challenges.h"
#include "attest/facts.h"
#include "attest/test_tpm.h"

namespace birthmark::attest {
namespace {

using test::Scene;

Time Today() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

struct Look {
  explicit Look(const Scene& s) : roots{s.maker.root} {
    options.roots = roots;
    options.at = Today();
    options.nonce = s.nonce;
  }
  std::vector<crypto::Certificate> roots;
  VerifyOptions options;
  Result<Verdict> operator()(const Scene& s) const {
    return VerifyBundle(s.Der(), s.key.Spki(), options);
  }
  std::string Code(const Scene& s) const {
    auto v = (*this)(s);
    return v ? "" : v.error().code;
  }
};

TEST(Verify, EvidenceThatHolds) {
  Scene s;
  auto v = Look(s)(s);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->kind, "tpm2-certify");
  EXPECT_EQ(v->key, s.key.signer->public_key().spki_digest());
  EXPECT_EQ(v->binding, AkBinding::kCertificate);
  EXPECT_EQ(v->root, s.maker.root.digest());
  EXPECT_EQ(ValueOf(v->facts, "fixedTPM"), true);
  EXPECT_EQ(ValueOf(v->facts, "fresh"), true);
  EXPECT_EQ(ValueOf(v->facts, "primaryKey"), std::nullopt);
  EXPECT_EQ(v->nonce, s.nonce);
  EXPECT_EQ(v->covers.size(), 2u);
  EXPECT_EQ(v->policies, (std::vector<std::string>{"2.23.133.11.1.1", "2.23.133.11.1.2"}));
}

TEST(Verify, WithoutANonceItIsNotCalledFresh) {
  Scene s;
  Look look(s);
  look.options.nonce.reset();
  auto v = look(s);
  ASSERT_TRUE(v);
  EXPECT_EQ(ValueOf(v->facts, "fresh"), false);
}

TEST(Verify, RefusesATamperedAttest) {
  Scene s;
  Look look(s);
  for (size_t at = 0; at < s.statement.attest.size(); ++at) {
    Scene t;
    t.statement.attest[at] ^= 1;
    EXPECT_EQ(Look(t).Code(t), "attest.tampered") << at;
  }
  s.statement.signature.back() ^= 1;
  EXPECT_EQ(look.Code(s), "attest.tampered");
}

TEST(Verify, RefusesAnotherAttestationKeysSignature) {
  Scene s;
  auto other = test::MakeFakeKey(test::kAkAttributes);
  s.statement.signature = test::SignAttest(*other.signer, s.statement.attest);
  EXPECT_EQ(Look(s).Code(s), "attest.tampered");
}

TEST(Verify, RefusesAWrongName) {
  Scene s;
  s.Again(test::MakeAttest(test::MakeFakeKey().parsed().Name(), s.nonce));
  EXPECT_EQ(Look(s).Code(s), "attest.name");
}

TEST(Verify, NamesTheAttributeThatWasAltered) {
  for (const ObjectAttribute& a : ObjectAttributes()) {
    Scene s;
    for (int i = 0; i < 4; ++i)
      s.statement.public_area[4 + static_cast<size_t>(i)] ^=
          static_cast<uint8_t>(a.bit >> (24 - 8 * i));
    auto v = Look(s)(s);
    ASSERT_FALSE(v);
    EXPECT_EQ(v.error().code, "attest.attributes");
    EXPECT_NE(v.error().message.find(a.name), std::string::npos) << v.error().message;
  }
}

TEST(Verify, RefusesAKeyThatCanLeave) {
  Scene s;
  s.key = test::MakeFakeKey(0x00060040);  // as TPM2_Import leaves it
  s.statement.public_area = s.key.area;
  s.Again(test::MakeAttest(s.key.parsed().Name(), s.nonce));
  auto v = Look(s)(s);
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().code, "attest.attributes");
  EXPECT_NE(v.error().message.find("fixedTPM"), std::string::npos);
  // Taken as it is where the facts alone are asked for, and without the TCG's word for fixed.
  Look look(s);
  look.options.needed = 0;
  v = look(s);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(LabelsOf(v->facts).source, Source::kLoaded);
  EXPECT_EQ(LabelsOf(v->facts).protection, Protection::kExtractableByUser);
  EXPECT_EQ(v->policies, (std::vector<std::string>{"2.23.133.11.1.1"}));
}

TEST(Verify, RefusesAStaleNonce) {
  Scene s;
  Look look(s);
  look.options.nonce = Bytes{4, 3, 2, 1};
  EXPECT_EQ(look.Code(s), "attest.nonce");
  look.options.nonce = Bytes{};
  EXPECT_EQ(look.Code(s), "attest.nonce");
}

TEST(Verify, RefusesAnUnknownRoot) {
  Scene s;
  Look look(s);
  look.roots = {test::FakeMaker().root};
  look.options.roots = look.roots;
  EXPECT_EQ(look.Code(s), "attest.unknown-root");
  look.options.roots = {};
  EXPECT_EQ(look.Code(s), "attest.unknown-root");
}

TEST(Verify, RefusesAnExpiredChain) {
  Scene s;
  Look look(s);
  look.options.at = Today() + std::chrono::days(5000);
  EXPECT_EQ(look.Code(s), "attest.chain");
}

TEST(Verify, RefusesAnAttestationKeyThatCouldSignAnything) {
  for (uint32_t attributes : {0x00040072u, 0x00050032u, 0x00070072u, 0x00050052u, 0x00010072u}) {
    Scene s;
    s.ak = test::MakeFakeKey(attributes == 0x00050032u ? 0x00050070u : attributes);
    s.statement.ak_public_area = s.ak.area;
    s.Again(s.statement.attest);
    EXPECT_EQ(Look(s).Code(s), "attest.not-restricted") << std::hex << attributes;
  }
  // A certificate that does not call it an attestation key says nothing about it either.
  Scene s;
  s.ak_certificate = s.maker.Certify(s.ak.signer->public_key(), "1.3.6.1.5.5.7.3.2");
  EXPECT_EQ(Look(s).Code(s), "attest.not-restricted");
}

TEST(Verify, RefusesEvidenceForAnotherKey) {
  Scene s;
  auto v = VerifyBundle(s.Der(), test::MakeFakeKey().Spki(), Look(s).options);
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().code, "attest.key-differs");
}

TEST(Verify, CreationDataTellsWhereTheKeyCameFrom) {
  Scene s({1, 2}, true);
  auto v = Look(s)(s);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->kind, "tpm2-certify-creation");
  EXPECT_EQ(ValueOf(v->facts, "primaryKey"), false);
  s.statement.creation_data = test::MakeCreationData(true);
  EXPECT_EQ(Look(s).Code(s), "attest.creation");
  // With an attest that says nothing about creation, the data is anybody's word.
  Scene t;
  t.statement.creation_data = test::MakeCreationData(false);
  EXPECT_EQ(Look(t).Code(t), "attest.creation");
}

TEST(Verify, AnEndorsementKeyAloneBindsNothing) {
  Scene s;
  s.statement.ak_public_area = s.ak.area;
  Look look(s);
  EXPECT_EQ(look.Code(s), "attest.not-bound");
  look.options.need_binding = false;
  auto v = look(s);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->binding, AkBinding::kNone);
  EXPECT_EQ(ValueOf(v->facts, "akBound"), false);
  EXPECT_TRUE(v->policies.empty());
  look.options.need_binding = true;
  look.options.activated = {{EkDigestOf(s.ek_certificate), s.ak.parsed().Name()}};
  v = look(s);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->binding, AkBinding::kActivated);
  // A credential that another TPM opened does not count.
  look.options.activated = {{EkDigestOf(s.ak_certificate), s.ak.parsed().Name()}};
  EXPECT_EQ(look.Code(s), "attest.not-bound");
}

TEST(Verify, TcgCsr) {
  Scene s;
  TcgCsr c = s.Tcg();
  Look look(s);
  look.options.activated = {{EkDigestOf(s.ek_certificate), s.ak.parsed().Name()}};
  auto v = Verify(*EvidenceFrom(*DecodeTcgCsr(*EncodeTcgCsr(c))), s.key.Spki(), look.options);
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->kind, "tcg-csr-idevid");
  EXPECT_EQ(v->product_serial, "S0001");
  // The same inside a bundle.
  Bundle b;
  b.statements.push_back(EncodeTcgStatement(*EncodeTcgCsr(c)));
  EXPECT_TRUE(VerifyBundle(EncodeBundle(b), s.key.Spki(), look.options));
  // Signed by the IDevID key: allowed; by a third key: not.
  c.signature = test::SignAttest(*s.key.signer, c.signed_part);
  EXPECT_TRUE(Verify(*EvidenceFrom(c), s.key.Spki(), look.options));
  c.signature = test::SignAttest(*test::MakeFakeKey().signer, c.signed_part);
  EXPECT_EQ(Verify(*EvidenceFrom(c), s.key.Spki(), look.options).error().code, "attest.tampered");
}

TEST(Verify, RefusesEveryTruncation) {
  Scene s({1, 2}, true);
  s.statement.ak_public_area = s.ak.area;
  Look look(s);
  look.options.need_binding = false;
  ASSERT_TRUE(look(s));
  Bytes* parts[] = {&s.statement.attest, &s.statement.signature, &s.statement.public_area,
                    &s.statement.creation_data, &s.statement.ak_public_area};
  for (Bytes* part : parts) {
    const Bytes whole = *part;
    // Without an AK's area its certificate counts, which is here as well.
    for (size_t n = part == &s.statement.ak_public_area ? 1 : 0; n < whole.size(); ++n) {
      *part = Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
      EXPECT_FALSE(look(s).has_value()) << n;
    }
    *part = whole;
  }
}

TEST(Challenges, AreGoodOnceForWhoAskedAndNotForLong) {
  ManualClock clock(Today());
  Challenges challenges(clock, 2);
  Bytes first = *challenges.Nonce("a"), second = *challenges.Nonce("a");
  EXPECT_NE(first, second);
  EXPECT_EQ(challenges.Nonce("b").error().code, "attest.busy");
  EXPECT_FALSE(challenges.Take("a", Bytes{1, 2, 3})->ours);
  EXPECT_TRUE(challenges.Take("a", first)->ours);
  EXPECT_EQ(challenges.Take("a", first).error().code, "attest.nonce");
  clock.Advance(Challenges::kLife);
  EXPECT_EQ(challenges.Take("a", second).error().code, "attest.nonce");
  clock.Advance(Challenges::kRemembered);
  EXPECT_TRUE(challenges.Nonce("b"));
}

TEST(Challenges, NoCredentialForAKeyThatCouldSignAnything) {
  SystemClock clock;
  Challenges challenges(clock);
  Scene s;
  EXPECT_EQ(challenges.ForTpm("a", s.ek_certificate, s.key.parsed()).error().code,
            "attest.not-restricted");
  EXPECT_TRUE(challenges.ForTpm("a", s.ek_certificate, s.ak.parsed()));
}

TEST(Labels, OfTpmKeys) {
  auto labels = [](uint32_t attributes, std::optional<bool> primary = {}) {
    auto facts = test::MakeFakeKey(attributes).parsed().Facts();
    if (primary) facts.push_back({"primaryKey", *primary});
    return LabelsOf(facts);
  };
  EXPECT_EQ(labels(0x40072).source, Source::kMadeInside);
  EXPECT_EQ(labels(0x40072, false).source, Source::kGeneratedOnDevice);
  EXPECT_EQ(labels(0x30072, true).source, Source::kDeviceDerived);
  EXPECT_EQ(labels(0x40072).protection, Protection::kNonExtractable);
  EXPECT_EQ(labels(0x60040).source, Source::kLoaded);
  EXPECT_EQ(labels(0x60840).protection, Protection::kExtractableForBackup);
  EXPECT_EQ(LabelsOf({}).source, Source::kUnknown);
  EXPECT_EQ(LabelsOf({}).protection, Protection::kUnknown);
}

TEST(Labels, OfPkcs11Keys) {
  using F = std::vector<Fact>;
  auto made = F{{"CKA_SENSITIVE", true},
                {"CKA_ALWAYS_SENSITIVE", true},
                {"CKA_EXTRACTABLE", false},
                {"CKA_NEVER_EXTRACTABLE", true},
                {"CKA_LOCAL", true}};
  EXPECT_EQ(LabelsOf(made).source, Source::kGeneratedOnDevice);
  EXPECT_EQ(LabelsOf(made).protection, Protection::kNonExtractable);
  auto imported = F{{"CKA_SENSITIVE", true},
                    {"CKA_ALWAYS_SENSITIVE", false},
                    {"CKA_EXTRACTABLE", false},
                    {"CKA_NEVER_EXTRACTABLE", false},
                    {"CKA_LOCAL", false}};
  EXPECT_EQ(LabelsOf(imported).source, Source::kLoaded);
  EXPECT_EQ(LabelsOf(imported).protection, Protection::kOnceExtractable);
  EXPECT_EQ(ToText(LabelsOf(imported).protection), "not extractable now but once was");
  auto derived = F{{"CKA_ALWAYS_SENSITIVE", true}, {"CKA_LOCAL", false}};
  EXPECT_EQ(LabelsOf(derived).source, Source::kDeviceDerived);
  EXPECT_EQ(LabelsOf(F{{"CKA_SENSITIVE", false}, {"CKA_EXTRACTABLE", true}}).protection,
            Protection::kNoneOrSoftware);
  EXPECT_EQ(LabelsOf(F{{"CKA_SENSITIVE", true}, {"CKA_EXTRACTABLE", true}}).protection,
            Protection::kExtractableByUser);
  EXPECT_EQ(LabelsOf(F{{"CKA_EXTRACTABLE", true}, {"CKA_WRAP_WITH_TRUSTED", true}}).protection,
            Protection::kExtractableForBackup);
  EXPECT_EQ(LabelsOf(F{{"CKA_LOCAL", false}, {"kdf", true}}).source, Source::kKdf);
}

}  // namespace
}  // namespace birthmark::attest
