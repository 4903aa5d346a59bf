// SPDX-License-Identifier: Apache-2.0
#include "anchors/inspect.h"

#include <gtest/gtest.h>

#include "anchors/read.h"
#include "anchors/test_tools.h"
#include "tests/support/vectors.h"

namespace birthmark::anchors {
namespace {

using plan::Anchor;
using plan::Form;
using test::Present;
using vocab::AnchorKind;

const Time kToday = *ParseTime("2026-11-21");

Anchor MakeAnchor(AnchorKind kind, Form form) {
  Anchor a;
  a.id = "a";
  a.kinds = {kind};
  a.form = form;
  return a;
}

// Facts is one entry of a given algorithm, valid today.
AnchorFacts Facts(FileKind kind, std::string algorithm, EntryForm form = EntryForm::kCertificate) {
  AnchorFacts f;
  f.kind = kind;
  AnchorEntry e;
  e.form = form;
  e.label = "CN=x";
  e.algorithm = std::move(algorithm);
  e.key_bits = 2048;
  e.not_before = 0;
  e.not_after = Millis(kToday) / 1000 + 1;
  f.entries = {e};
  return f;
}

std::string Codes(const Findings& f) {
  std::string s;
  for (const Finding& x : f.all()) s += x.code + " ";
  return s;
}

TEST(InspectFacts, ACleanAnchorHasNoFindings) {
  EXPECT_EQ(Codes(InspectFacts(MakeAnchor(AnchorKind::kFirstBoot, Form::kKeyDigest),
                               Facts(FileKind::kCertificate, "ecdsa-p256"), kToday)),
            "");
}

TEST(InspectFacts, WrongKindAndWrongForm) {
  EXPECT_EQ(Codes(InspectFacts(MakeAnchor(AnchorKind::kDnssec, Form::kDnskey),
                               Facts(FileKind::kCertificate, "rsa-2048"), kToday)),
            "anchors.not-its-kind ");
  EXPECT_EQ(Codes(InspectFacts(MakeAnchor(AnchorKind::kWebPki, Form::kPemBundle),
                               Facts(FileKind::kOpenpgpKeyring, "rsa-2048"), kToday)),
            "anchors.not-its-kind ");
  EXPECT_EQ(Codes(InspectFacts(MakeAnchor(AnchorKind::kFirstBoot, Form::kCertificate),
                               Facts(FileKind::kPublicKey, "rsa-2048"), kToday)),
            "anchors.not-its-form ");
  // One of two kinds is enough to be wrong.
  Anchor both = MakeAnchor(AnchorKind::kSoftwareUpdate, Form::kPgpKeyring);
  both.kinds.push_back(AnchorKind::kPrivateCloud);
  EXPECT_TRUE(InspectFacts(both, Facts(FileKind::kOpenpgpKeyring, "rsa-4096"), kToday)
                  .Has("anchors.not-its-kind"));
}

TEST(InspectFacts, BootVerifierDecidesAboutAlgorithms) {
  for (const char* good : {"ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"})
    EXPECT_TRUE(BootVerifierCan(good)) << good;
  for (const char* bad : {"ed25519", "ecdsa-p521", "ecdsa-secp256k1", "rsa-1024", "rsa-8192",
                          "rsa-", "rsa-pss-2048", "dsa-2048", ""}) {
    EXPECT_FALSE(BootVerifierCan(bad)) << bad;
  }
  const AnchorFacts ed = Facts(FileKind::kCertificate, "ed25519");
  EXPECT_TRUE(
      InspectFacts(MakeAnchor(AnchorKind::kFirstBoot, Form::kCertificate), ed, kToday).HasErrors());
  EXPECT_TRUE(InspectFacts(MakeAnchor(AnchorKind::kSoftwareUpdate, Form::kCertificate), ed, kToday)
                  .Has("anchors.algorithm-not-verifiable"));
  // A cloud anchor is the TLS stack's business, unless a stage hangs on it.
  Anchor cloud = MakeAnchor(AnchorKind::kPrivateCloud, Form::kCertificate);
  EXPECT_EQ(Codes(InspectFacts(cloud, ed, kToday)), "");
  cloud.verifies = "application";
  EXPECT_TRUE(InspectFacts(cloud, ed, kToday).Has("anchors.algorithm-not-verifiable"));
}

TEST(InspectFacts, TimesAreJudgedAtTheGivenMoment) {
  const Anchor a = MakeAnchor(AnchorKind::kPrivateCloud, Form::kPemBundle);
  AnchorFacts f = Facts(FileKind::kCertificateBundle, "rsa-2048");
  f.entries.push_back(f.entries[0]);
  f.entries[1].not_after = 1;
  EXPECT_EQ(Codes(InspectFacts(a, f, kToday)), "anchors.expired ");
  EXPECT_EQ(Codes(InspectFacts(a, f, TimeFromMillis(500))), "");
  f.entries[1].not_before = Millis(kToday) / 1000 + 9;
  f.entries[1].not_after = Millis(kToday) / 1000 + 99;
  EXPECT_EQ(Codes(InspectFacts(a, f, kToday)), "anchors.not-yet-valid ");
}

TEST(InspectFacts, Sha1SelfSignatureIsANoteOnly) {
  AnchorFacts f = Facts(FileKind::kCertificate, "rsa-2048");
  f.entries[0].signature = "rsa-pkcs1-sha1";
  f.entries[0].self_signed = true;
  const Findings out =
      InspectFacts(MakeAnchor(AnchorKind::kFirstBoot, Form::kCertificate), f, kToday);
  ASSERT_EQ(Codes(out), "anchors.sha1-signature ");
  EXPECT_EQ(out.all()[0].severity, Severity::kNote);
}

TEST(InspectFacts, LevelsMustFitThePathLength) {
  Anchor a = MakeAnchor(AnchorKind::kSoftwareUpdate, Form::kCertificate);
  a.levels = {2, 3};
  AnchorFacts f = Facts(FileKind::kCertificate, "rsa-2048");
  f.entries[0].ca = true;
  f.entries[0].path_length = 0;
  EXPECT_EQ(Codes(InspectFacts(a, f, kToday)), "anchors.path-length ");
  f.entries[0].path_length = 1;
  EXPECT_EQ(Codes(InspectFacts(a, f, kToday)), "");
  f.entries[0].ca = false;
  EXPECT_EQ(Codes(InspectFacts(a, f, kToday)), "anchors.not-a-ca ");
}

TEST(InspectFacts, NotesOfTheFileAndWeakKeysAreTold) {
  AnchorFacts f = Facts(FileKind::kCertificate, "rsa-1024");
  f.notes = {{"anchors.self-signature-broken", "x"}, {"anchors.entry-twice", "y"}};
  const Findings out =
      InspectFacts(MakeAnchor(AnchorKind::kPrivateCloud, Form::kCertificate), f, kToday);
  EXPECT_EQ(Codes(out), "anchors.self-signature-broken anchors.entry-twice anchors.weak-key ");
  EXPECT_FALSE(out.HasErrors());
}

TEST(InspectAnchor, UnreadableFileIsOneErrorWithItsCode) {
  const Findings out =
      InspectAnchor(MakeAnchor(AnchorKind::kWebPki, Form::kPemBundle), Bytes(8, 1), kToday);
  EXPECT_EQ(Codes(out), "anchors.unknown-format ");
  EXPECT_TRUE(out.HasErrors());
}

TEST(InspectAnchor, DnssecWithTheOldKeyAloneIsStale) {
  if (!birthmark::test::VectorsPresent("dnssec-root")) return;
  const auto file = ReadTextFile(birthmark::test::VectorsDir() / "dnssec-root" / "root.ds", 4096);
  ASSERT_TRUE(file);
  const Anchor a = MakeAnchor(AnchorKind::kDnssec, Form::kDs);
  EXPECT_EQ(Codes(InspectAnchor(a, AsBytes(*file), kToday)), "");
  const std::string old_key = file->substr(0, file->find('\n') + 1);
  EXPECT_EQ(Codes(InspectAnchor(a, AsBytes(old_key), kToday)), "anchors.dnssec-stale ");
  EXPECT_EQ(Codes(InspectAnchor(a, AsBytes(old_key), *ParseTime("2025-06-01"))), "");
  EXPECT_EQ(Codes(InspectAnchor(MakeAnchor(AnchorKind::kDnssec, Form::kDnskey), AsBytes(old_key),
                                kToday)),
            "anchors.not-its-form ");
}

TEST(InspectAnchor, PackagedFilesHaveNoErrors) {
  const std::tuple<const char*, AnchorKind, Form> files[] = {
      {"/etc/ssl/certs/ca-certificates.crt", AnchorKind::kWebPki, Form::kPemBundle},
      {"/usr/share/dns/root.key", AnchorKind::kDnssec, Form::kDnskey},
      {"/usr/share/dns/root.ds", AnchorKind::kDnssec, Form::kDs},
      {"/usr/share/keyrings/debian-archive-keyring.gpg", AnchorKind::kSoftwareUpdate,
       Form::kPgpKeyring},
  };
  for (const auto& [path, kind, form] : files) {
    if (!Present(path)) continue;
    const auto data = ReadFile(path, kMaxAnchorFile);
    ASSERT_TRUE(data);
    Inspector inspector(kToday);
    const Findings out = inspector.Inspect(MakeAnchor(kind, form), *data);
    EXPECT_FALSE(out.HasErrors()) << out.ToString(path);
    // The same file is no anchor of another kind.
    const AnchorKind other =
        kind == AnchorKind::kDnssec ? AnchorKind::kWebPki : AnchorKind::kDnssec;
    EXPECT_TRUE(InspectAnchor(MakeAnchor(other, form), *data, kToday).Has("anchors.not-its-kind"))
        << path;
  }
}

}  // namespace
}  // namespace birthmark::anchors
