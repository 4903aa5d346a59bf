// SPDX-License-Identifier: Apache-2.0
#include "pki/validate.h"

#include <fmt/format.h>

#include "pki/chain_command.h"
#include "pki/crl.h"
#include "pki/ocsp.h"
#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Certificate;
using test::DeviceContents;
using test::kNow;
using test::TestName;
using test::TestPki;

constexpr auto kHour = std::chrono::hours(1);

// Chain is a device under a subordinate under a root, and what a relying party is told.
class ValidateTest : public testing::Test {
 protected:
  ValidateTest() : leaf_(*pki_.Leaf(IDevIdProfile(), DeviceContents())) {
    anchors_ = {pki_.root};
    untrusted_ = {pki_.sub};
    ask_.at = kNow + kHour;
  }
  Validated Judge(const Certificate& end) {
    ask_.anchors = anchors_;
    ask_.untrusted = untrusted_;
    ask_.crls = crls_;
    ask_.ocsp = ocsp_;
    auto r = Validate(end, ask_);
    EXPECT_TRUE(r) << r.error().ToString();
    return r ? *r : Validated{};
  }
  // Errors are the codes of what is wrong, with the place.
  static std::string Errors(const Validated& v) {
    std::string out;
    for (const RuleFinding& f : v.findings) {
      if (f.severity != Severity::kError) continue;
      out += fmt::format("{}{}@{}", out.empty() ? "" : " ", f.code,
                         f.place ? std::to_string(*f.place) : "-");
      EXPECT_FALSE(f.rule.empty() || f.section.empty()) << f.code;
    }
    EXPECT_EQ(out.empty(), v.holds);
    return out;
  }
  std::string ErrorsOf(const Certificate& end) { return Errors(Judge(end)); }

  void AddCrl(const Certificate& issuer, crypto::Signer& key, const std::vector<Bytes>& revoked,
              Time from = kNow, Time until = kNow + 24 * kHour) {
    auto identity = Issuer::Make(issuer, &key == &pki_.root_key ? pki_.root_key : pki_.sub_key);
    ASSERT_TRUE(identity) << identity.error().ToString();
    auto source = [&](const std::function<Status(const CrlEntry&)>& take) -> Status {
      for (const Bytes& serial : revoked) BM_CHECK(take({.serial = serial, .at = from}));
      return {};
    };
    auto der = SignCrl({.issuer = identity->identity(),
                        .number = 1,
                        .this_update = from,
                        .next_update = until,
                        .distribution_point = ""},
                       source, key);
    ASSERT_TRUE(der) << der.error().ToString();
    crls_.push_back(std::move(*der));
  }

  TestPki pki_;
  Certificate leaf_;
  std::vector<Certificate> anchors_, untrusted_;
  std::vector<Bytes> crls_, ocsp_;
  Validation ask_;
};

TEST_F(ValidateTest, ADeviceVerifies) {
  ask_.use = Wanted::kDevice;
  const Validated v = Judge(leaf_);
  EXPECT_EQ(Errors(v), "");
  ASSERT_EQ(v.path.size(), 3u);
  EXPECT_EQ(v.path.back().digest(), pki_.root.digest());
}

TEST_F(ValidateTest, EverythingWrongIsTold) {
  ask_.at = kNow - std::chrono::hours(24 * 365);
  ask_.use = Wanted::kCodeSigning;
  EXPECT_EQ(ErrorsOf(leaf_), "chain.not-yet@0 chain.use@0 chain.not-yet@1 chain.not-yet@2");
}

TEST_F(ValidateTest, NoAnchorNoTrust) {
  TestPki other;
  anchors_ = {other.root};
  EXPECT_NE(ErrorsOf(leaf_).find("chain.no-anchor"), std::string::npos);
  // A subordinate is an anchor only for who says so.
  anchors_ = {pki_.sub};
  untrusted_.clear();
  EXPECT_NE(ErrorsOf(leaf_).find("chain.no-anchor"), std::string::npos);
  ask_.partial = true;
  EXPECT_EQ(ErrorsOf(leaf_), "");
}

TEST_F(ValidateTest, AForgedSignatureIsNamed) {
  Bytes der(leaf_.der().begin(), leaf_.der().end());
  der.back() ^= 1;
  auto forged = Certificate::FromDer(der);
  ASSERT_TRUE(forged);
  EXPECT_EQ(ErrorsOf(*forged), "chain.signature@0");
}

TEST_F(ValidateTest, ListsMustCoverThePath) {
  AddCrl(pki_.sub, pki_.sub_key, {});
  EXPECT_EQ(ErrorsOf(leaf_), "chain.crl-missing@1");
  AddCrl(pki_.root, pki_.root_key, {});
  EXPECT_EQ(ErrorsOf(leaf_), "");
}

TEST_F(ValidateTest, ARevokedCertificateIsNamed) {
  AddCrl(pki_.root, pki_.root_key, {});
  AddCrl(pki_.sub, pki_.sub_key, {leaf_.serial()});
  EXPECT_EQ(ErrorsOf(leaf_), "chain.revoked@0");
}

TEST_F(ValidateTest, AnOldListTellsNothing) {
  AddCrl(pki_.root, pki_.root_key, {});
  AddCrl(pki_.sub, pki_.sub_key, {});
  ask_.at = kNow + 25 * kHour;
  EXPECT_EQ(ErrorsOf(leaf_), "chain.crl-old@0 chain.crl-old@1");
}

TEST_F(ValidateTest, AListOfAnotherKeyTellsNothing) {
  AddCrl(pki_.root, pki_.root_key, {});
  AddCrl(pki_.sub, test::NewKey(), {});
  EXPECT_EQ(ErrorsOf(leaf_), "chain.crl-signature@0");
}

TEST_F(ValidateTest, PoliciesMustBeThere) {
  ask_.policies = {"1.3.6.1.4.1.32473.9.9"};
  EXPECT_EQ(ErrorsOf(leaf_), "chain.policy@-");
  ask_.policies = {"nonsense"};
  ask_.anchors = anchors_;
  EXPECT_EQ(Validate(leaf_, ask_).error().code, "chain.input");
}

TEST_F(ValidateTest, WhatDoesNotReadIsRefused) {
  crls_ = {Bytes{1, 2, 3}};
  ask_.crls = crls_;
  EXPECT_EQ(Validate(leaf_, ask_).error().code, "chain.input");
  crls_.clear();
  ask_.crls = {};
  ocsp_ = {Bytes{0x30, 0}};
  ask_.ocsp = ocsp_;
  EXPECT_EQ(Validate(leaf_, ask_).error().code, "chain.input");
}

TEST_F(ValidateTest, HostNamesAreOfSubjectAltName) {
  auto server = pki_.Leaf(TlsServerProfile(), {.subject = TestName("est.factory.example"),
                                               .key = test::NewKey().public_key(),
                                               .dns_names = {"est.factory.example"}});
  ASSERT_TRUE(server) << server.error().ToString();
  ask_.use = Wanted::kServer;
  ask_.host = "est.factory.example";
  EXPECT_EQ(ErrorsOf(*server), "");
  ask_.host = "other.factory.example";
  EXPECT_EQ(ErrorsOf(*server), "chain.host@0");
}

TEST_F(ValidateTest, OcspAnswersForTheEnd) {
  auto& key = test::NewKey();
  auto certificate =
      pki_.Leaf(OcspResponderProfile(), {.subject = TestName("OCSP"), .key = key.public_key()});
  ASSERT_TRUE(certificate) << certificate.error().ToString();
  const Bytes id = OcspIssuer(pki_.sub).CertId(leaf_.serial());
  auto answer_by = [&](const Certificate& who, bool revoked, Time from) {
    auto responder = OcspResponder::Make(who, key);
    EXPECT_TRUE(responder) << responder.error().ToString();
    const OcspAnswer said[] = {{.cert_id = id,
                                .state = revoked ? OcspState::kRevoked : OcspState::kGood,
                                .revoked_at = kNow}};
    return *responder->Sign(said, from, from + 24 * kHour, {});
  };
  auto answer = [&](bool revoked, Time from) { return answer_by(*certificate, revoked, from); };
  ocsp_ = {answer(false, kNow)};
  EXPECT_EQ(ErrorsOf(leaf_), "");
  ocsp_ = {answer(true, kNow)};
  EXPECT_EQ(ErrorsOf(leaf_), "chain.revoked@0");
  ocsp_ = {answer(false, kNow - 48 * kHour)};
  EXPECT_EQ(ErrorsOf(leaf_), "chain.ocsp-old@0");
  // A good answer stands for the list that is missing.
  ocsp_ = {answer(false, kNow)};
  AddCrl(pki_.root, pki_.root_key, {});
  EXPECT_EQ(ErrorsOf(leaf_), "");
  // A responder of another authority may not answer for this one.
  TestPki other;
  auto stranger =
      other.Leaf(OcspResponderProfile(), {.subject = TestName("OCSP"), .key = key.public_key()});
  ASSERT_TRUE(stranger);
  ocsp_ = {answer_by(*stranger, false, kNow)};
  crls_.clear();
  EXPECT_EQ(ErrorsOf(leaf_), "chain.ocsp-missing@0 chain.ocsp-signature@-");
}

TEST_F(ValidateTest, TheCommandReadsFiles) {
  birthmark::test::TempDir dir;
  auto write = [&](std::string_view name, std::string_view text) {
    EXPECT_TRUE(WriteFileAtomic(dir / name, text));
    return (dir / name).string();
  };
  ChainArgs args{.certificate = write("leaf.pem", leaf_.ToPem() + pki_.sub.ToPem()),
                 .anchors = write("root.pem", pki_.root.ToPem()),
                 .untrusted = "",
                 .crls = "",
                 .ocsp = "",
                 .at = "2026-11-22",
                 .purpose = "device",
                 .policies = "",
                 .host = "",
                 .depth = "",
                 .json = true};
  auto good = RunChainVerify(args);
  ASSERT_TRUE(good) << good.error().ToString();
  EXPECT_TRUE(good->holds) << good->text;
  EXPECT_NE(good->text.find("\"verifies\": true"), std::string::npos);
  args.depth = "0";
  args.json = false;
  auto deep = RunChainVerify(args);
  ASSERT_TRUE(deep);
  EXPECT_FALSE(deep->holds);
  EXPECT_NE(deep->text.find("RFC 5280 section"), std::string::npos) << deep->text;
  args.purpose = "frying";
  EXPECT_EQ(RunChainVerify(args).error().code, "chain.usage");
}

}  // namespace
}  // namespace birthmark::pki
