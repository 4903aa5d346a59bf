// SPDX-License-Identifier: Apache-2.0
// The offline side with its own folder alone: what it signs, what it refuses, what it remembers.
#include <gtest/gtest.h>

#include <fstream>

#include "artifact/cms_attributes.h"
#include "artifact/mcuboot.h"
#include "base/ids.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "offline/artifact_octets.h"
#include "offline/askers.h"
#include "offline/side.h"
#include "pki/crl_request.h"
#include "pki/request.h"
#include "tests/support/temp_dir.h"

namespace birthmark::offline {
namespace {

using crypto::Certificate;
using crypto::SoftwareSigner;

const Time kNow = TimeFromMillis(1'800'000'000'000);

std::string CodeOf(const auto& r) { return r ? "accepted" : r.error().code; }

class SideTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirs(side_, 0700));
    root_ = MakeRoot("identity", *root_key_);
    ASSERT_TRUE(KeepAuthority(side_, {.id = "identity-1.1",
                                      .pki = "identity",
                                      .level = 1,
                                      .chain = {root_},
                                      .urls = {.crl = {"http://pki.example/r.crl"}, .ocsp = {}}}));
  }

  Certificate MakeRoot(const std::string& name, crypto::Signer& key) {
    pki::Name subject = pki::Name::Make({{"O", "Acme"}, {"CN", name}}).value();
    return pki::SelfSign(key, pki::RootProfile(), pki::RehearsalMarks(), serials_.Next().value(),
                         {.subject = subject, .key = key.public_key(), .path_len = 1})
        .value();
  }

  std::string Ask(const std::string& pki = "identity", const std::string& profile = "") {
    pki::RequestTerms terms{.workspace = "ws",
                            .name = "Acme Site CA 2",
                            .level = 2,
                            .lifetime_days = 100,
                            .path_len = 0,
                            .profile = profile,
                            .pki = pki,
                            .rehearsal = true,
                            .created = kNow};
    pki::Name subject = pki::Name::Make({{"O", "Acme"}, {"CN", "Site"}}).value();
    return pki::MakeRequest(terms, subject, *site_key_).value();
  }

  std::string AskCrl(uint64_t number, Time first, uint32_t reserve = 0,
                     crypto::Signer* asker = nullptr) {
    pki::CrlRequest r{.workspace = "ws",
                      .ca = "identity-1.1",
                      .issuer = root_key_->public_key().spki_digest(),
                      .rehearsal = true,
                      .number = number,
                      .reserve = reserve,
                      .first = first,
                      .lifetime = std::chrono::days(7),
                      .upto = 10,
                      .distribution_point = "",
                      .entries = {{Bytes{0x17}, kNow, pki::CrlReason::kKeyCompromise}},
                      .asker = std::nullopt};
    return pki::WriteCrlRequest(r, asker).value();
  }

  Result<Answered> Try(const std::string& request, const std::string& ca = "",
                       const std::string& name = "r") {
    return Answer(
        {.side = side_, .ca = ca, .name = name}, request,
        [this](const std::string& id) -> Result<std::unique_ptr<crypto::Signer>> {
          ++opened_;
          EXPECT_EQ(id, "identity-1.1");
          BM_TRY(auto key, SoftwareSigner::FromEvp(root_key_->evp()));
          return key;
        },
        clock_);
  }

  test::TempDir dir_;
  fs::path side_ = dir_ / "side";
  ManualClock clock_{kNow};
  SystemRng rng_;
  pki::SerialSource serials_{clock_, rng_, kNow};
  std::unique_ptr<SoftwareSigner> root_key_ =
      SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  std::unique_ptr<SoftwareSigner> site_key_ =
      SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  Certificate root_;
  int opened_ = 0;
};

TEST_F(SideTest, TakesRequestsForListsOnlyFromRegisteredFactories) {
  auto factory = SoftwareSigner::Generate(crypto::Algorithm::kEd25519).value();
  auto stranger = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  // A side of an earlier release knows nobody, and takes both.
  ASSERT_TRUE(Try(AskCrl(1, kNow), "", "a"));
  EXPECT_EQ(Try(AskCrl(2, kNow, 0, stranger.get()), "", "b")->asked_by, "");
  ASSERT_TRUE(KeepAsker(side_, "ws", factory->public_key()));
  EXPECT_EQ(CodeOf(Try(AskCrl(3, kNow), "", "c")), "request.unsigned");
  EXPECT_EQ(CodeOf(Try(AskCrl(3, kNow, 0, stranger.get()), "", "c")), "request.asker");
  const std::string good = AskCrl(3, kNow, 0, factory.get());
  EXPECT_EQ(Try(good, "", "c")->asked_by, "ws");
  const std::string shown = Show(good)->text;
  EXPECT_NE(shown.find("asked by    the holder of the key SHA-256 " +
                       ToHex(factory->public_key().spki_digest())),
            std::string::npos)
      << shown;
  EXPECT_NE(Show(AskCrl(3, kNow))->text.find("nobody says so"), std::string::npos);
  // Another request's signature, a changed one, and blocks that do not belong there.
  const std::string other = AskCrl(4, kNow, 0, factory.get());
  const std::string_view label = "-----BEGIN BIRTHMARK REQUEST SIGNATURE";
  const std::string swapped = good.substr(0, good.find(label)) + other.substr(other.find(label));
  EXPECT_EQ(CodeOf(Show(swapped)), "crl.request-signature");
  EXPECT_EQ(CodeOf(Show(good + other.substr(other.find(label)))), "crl.request");
  EXPECT_EQ(CodeOf(Show(good.substr(0, good.find(label)) + root_.ToPem())), "crl.request");
  // The request's name is that of what is asked for, whoever signs it.
  EXPECT_EQ(Show(good)->digest, Show(AskCrl(3, kNow))->digest);
  ASSERT_TRUE(WriteFileAtomic(side_ / "askers/0.pem", "no key"));
  EXPECT_EQ(CodeOf(Try(other, "", "d")), "offline.askers");
}

TEST_F(SideTest, SignsARequestAndItsAnswerIsAccepted) {
  std::string text = Ask();
  Answered r = Try(text).value();
  EXPECT_EQ(r.authority, "identity-1.1");
  EXPECT_EQ(r.kind, "authority");
  EXPECT_EQ(ReadTextFile(r.file, 1 << 20).value(), r.response);
  pki::Request request = pki::CheckRequest(text).value();
  std::vector<Certificate> anchors{root_};
  pki::Response back = pki::CheckResponse(r.response, request, anchors, kNow).value();
  EXPECT_EQ(back.certificate.public_key()->spki_digest(), site_key_->public_key().spki_digest());
  // What the authority says of revocation is in what it signs, without a plan.
  EXPECT_NE(AsText(back.certificate.der()).find("http://pki.example/r.crl"), std::string::npos);
  // A response for another request is refused by name.
  pki::Request other = pki::CheckRequest(Ask()).value();
  EXPECT_EQ(CodeOf(pki::CheckResponse(r.response, other, anchors, kNow)), "response.other-request");
}

TEST_F(SideTest, EndEntitiesAndRespondersAreSignedAsTheirProfilesSay) {
  for (const char* profile : {"disclosure", "ocsp-responder"}) {
    std::string text = Ask("identity", profile);
    Answered r = Try(text, "", profile).value();
    EXPECT_EQ(r.kind, profile);
    std::vector<Certificate> anchors{root_};
    pki::Response back =
        pki::CheckResponse(r.response, pki::CheckRequest(text).value(), anchors, kNow).value();
    EXPECT_FALSE(back.certificate.is_ca());
  }
}

TEST_F(SideTest, TheSameRequestGetsTheSameResponseOnce) {
  std::string text = Ask();
  Answered first = Try(text).value();
  Answered again = Try(text).value();
  EXPECT_TRUE(again.before);
  EXPECT_EQ(again.response, first.response);
  EXPECT_EQ(opened_, 1) << "no key was opened for it";
  EXPECT_EQ(Journal::Open(side_)->entries().size(), 1u);
  // A response that was lost or changed is signed again, and that is remembered as well.
  ASSERT_TRUE(WriteFileAtomic(first.file, "changed"));
  EXPECT_FALSE(Try(text)->before);
  EXPECT_EQ(Journal::Open(side_)->entries().size(), 2u);
}

TEST_F(SideTest, ItSignsForItsOwnAuthoritiesOnly) {
  EXPECT_EQ(CodeOf(Try(Ask("disclosure"))), "offline.no-authority");
  EXPECT_EQ(CodeOf(Try(Ask("disclosure"), "identity-1.1")), "request.other-authority");
  EXPECT_EQ(CodeOf(Try(Ask(), "identity-9.9")), "offline.no-authority");
  auto other_key = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  ASSERT_TRUE(KeepAuthority(side_, {.id = "identity-1.2",
                                    .pki = "identity",
                                    .level = 1,
                                    .chain = {MakeRoot("second", *other_key)},
                                    .urls = {}}));
  EXPECT_EQ(CodeOf(Try(Ask())), "offline.which");
  EXPECT_EQ(CodeOf(Try(Ask(), "identity-1.1")), "accepted");
  EXPECT_EQ(CodeOf(Answer({.side = dir_ / "nowhere"}, Ask(), {}, clock_)), "offline.none");
}

TEST_F(SideTest, ListsNeverGoBack) {
  EXPECT_EQ(CodeOf(Try(AskCrl(5, kNow, 2), "", "a")), "accepted");  // 5, 6 and 7
  EXPECT_EQ(CodeOf(Try(AskCrl(7, kNow + std::chrono::hours(1)), "", "b")), "request.crl-number");
  EXPECT_EQ(CodeOf(Try(AskCrl(8, kNow - std::chrono::hours(1)), "", "b")), "request.crl-older");
  EXPECT_EQ(CodeOf(Try(AskCrl(8, kNow + std::chrono::hours(1)), "", "b")), "accepted");
  EXPECT_EQ(Journal::Open(side_)->LastCrl("identity-1.1")->number, 8u);
}

TEST_F(SideTest, AListsResponseIsOfThisVeryRequest) {
  std::string text = AskCrl(1, kNow, 1);
  Answered r = Try(text).value();
  pki::CrlRequest request = pki::ReadCrlRequest(text).value();
  EXPECT_EQ(pki::CheckCrlResponse(r.response, request, root_)->size(), 2u);
  for (auto change :
       {+[](pki::CrlRequest& q) { q.number = 2; },
        +[](pki::CrlRequest& q) { q.first += std::chrono::seconds(1); },
        +[](pki::CrlRequest& q) { q.reserve = 0; }, +[](pki::CrlRequest& q) { q.entries.clear(); },
        +[](pki::CrlRequest& q) { q.entries.front().serial = {0x18}; },
        +[](pki::CrlRequest& q) { q.lifetime += std::chrono::days(1); }}) {
    pki::CrlRequest other = request;
    change(other);
    EXPECT_EQ(CodeOf(pki::CheckCrlResponse(r.response, other, root_)), "crl.other-request");
  }
}

TEST_F(SideTest, AClockThatWentBackSignsNothing) {
  EXPECT_EQ(CodeOf(Try(Ask())), "accepted");
  clock_.Set(kNow - std::chrono::hours(1));
  EXPECT_EQ(CodeOf(Try(Ask())), "offline.clock");
}

TEST_F(SideTest, ARehearsalIsNeverSignedByProduction) {
  pki::Name subject = pki::Name::Make({{"O", "Acme"}, {"CN", "P"}}).value();
  Certificate production =
      pki::SelfSign(*root_key_, pki::RootProfile(), pki::ProductionMarks(), serials_.Next().value(),
                    {.subject = subject, .key = root_key_->public_key(), .path_len = 1})
          .value();
  fs::remove(side_ / "authorities" / "identity-1.1.pem");
  ASSERT_TRUE(KeepAuthority(
      side_,
      {.id = "identity-1.1", .pki = "identity", .level = 1, .chain = {production}, .urls = {}}));
  EXPECT_EQ(CodeOf(Try(Ask())), "request.rehearsal");
  EXPECT_EQ(CodeOf(Try(AskCrl(1, kNow))), "request.rehearsal");
}

TEST_F(SideTest, AnyChangeOfTheJournalShows) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Try(Ask(), "", "r" + std::to_string(i)));
  const std::string good = ReadTextFile(side_ / "journal", 1 << 20).value();
  for (size_t i = 0; i + 1 < good.size(); i += 3) {
    std::string changed = good;
    changed[i] ^= 1;
    size_t whole = 0;
    auto r = Journal::Parse(changed, &whole);
    // The one change that reads is a torn end: the last line's newline is not touched here.
    EXPECT_FALSE(r) << "octet " << i;
  }
  const size_t second = good.find('\n') + 1;
  size_t whole = 0;
  EXPECT_EQ(CodeOf(Journal::Parse(good.substr(second), &whole)), "offline.journal");
}

TEST_F(SideTest, ALineThatAPowerCutToreNeverCounted) {
  ASSERT_TRUE(Try(Ask(), "", "a"));
  const std::string good = ReadTextFile(side_ / "journal", 1 << 20).value();
  for (size_t keep : {size_t{0}, size_t{1}, good.size() / 2, good.size() - 1}) {
    std::ofstream(side_ / "journal", std::ios::trunc) << good << good.substr(0, keep);
    Journal journal = Journal::Open(side_).value();
    EXPECT_EQ(journal.entries().size(), 1u);
    ASSERT_TRUE(journal.Append(journal.entries().front()));
    EXPECT_EQ(Journal::Parse(ReadTextFile(side_ / "journal", 1 << 20).value(), &keep)->size(), 2u);
    std::ofstream(side_ / "journal", std::ios::trunc) << good;
  }
}

TEST_F(SideTest, AuthoritiesFilesAreReadStrictly) {
  const std::string good =
      ReadTextFile(side_ / "authorities" / "identity-1.1.pem", 1 << 20).value();
  EXPECT_TRUE(ReadAuthority(good));
  EXPECT_EQ(CodeOf(ReadAuthority("")), "offline.authority");
  EXPECT_EQ(CodeOf(ReadAuthority(root_.ToPem())), "offline.authority");
  EXPECT_EQ(CodeOf(ReadAuthority(good + root_.ToPem())), "offline.authority");
  fs::rename(side_ / "authorities" / "identity-1.1.pem", side_ / "authorities" / "other.pem");
  EXPECT_EQ(CodeOf(AuthoritiesOf(side_)), "offline.authority");
}

// A request for a signature over a boot image carries the file; one over a CMS the attributes.
TEST_F(SideTest, SignsArtifactsThatItMadeTheOctetsOfItself) {
  auto factory = SoftwareSigner::Generate(crypto::Algorithm::kEd25519).value();
  ASSERT_TRUE(KeepAsker(side_, "ws", factory->public_key()));
  auto octets = [](ByteView b) { return Bytes(b.begin(), b.end()); };
  const crypto::PublicKey& key = root_key_->public_key();
  ArtifactRequest boot{.ca = "identity-1.1",
                       .key = octets(key.spki()),
                       .kind = "mcuboot",
                       .name = "app",
                       .issuer = octets(key.spki_digest()),
                       .object = ToBytes("the code"),
                       .terms = BootTerms{},
                       .content = octets(crypto::Sha256(AsBytes("the code"))),
                       .message = {},
                       .version = artifact::ParseMcubootVersion("1.2.3+4")->Number(),
                       .rehearsal = true,
                       .workspace = "ws",
                       .asker = std::nullopt};
  ArtifactRequest cms = boot;
  cms.kind = "cms";
  cms.key.reset();
  cms.terms.reset();
  cms.object.clear();
  cms.version = 7;
  const Bytes attributes =
      artifact::CmsAttributes(cms.content, artifact::PackageId{"1.3.6.1.4.1.32473.1", 7});
  crypto::DerWriter(cms.message).Element(0x31, attributes);
  for (const ArtifactRequest& r : {boot, cms}) {
    SCOPED_TRACE(r.kind);
    const std::string text = WriteArtifactRequest(r, factory.get()).value();
    auto answered = Try(text, "", r.kind);
    ASSERT_TRUE(answered) << answered.error().ToString();
    EXPECT_EQ(answered->asked_by, "ws");
    const ArtifactOctets signed_octets = OctetsOf(r).value();
    EXPECT_TRUE(
        ReadArtifactResponse(answered->response, ArtifactRequestDigest(r), signed_octets, key));
    EXPECT_EQ(CodeOf(Try(WriteArtifactRequest(r, nullptr).value(), "", "x")), "request.unsigned");
    auto other = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
    EXPECT_EQ(CodeOf(Try(WriteArtifactRequest(r, other.get()).value(), "", "x")), "request.asker");
    const std::string mixed = WriteArtifactRequest(boot, nullptr).value() +
                              WriteArtifactRequest(cms, factory.get())
                                  .value()
                                  .substr(WriteArtifactRequest(cms, nullptr).value().size());
    EXPECT_EQ(CodeOf(ReadArtifactRequest(mixed)), "request.artifact-signature");
  }
  EXPECT_NE(Show(WriteArtifactRequest(boot, nullptr).value())->text.find("version 1.2.3+4"),
            std::string::npos);
  // What is not the artifact of the words is not signed.
  auto bad = [&](ArtifactRequest r, const char* what) {
    EXPECT_EQ(CodeOf(OctetsOf(r)), "request.artifact") << what;
  };
  ArtifactRequest r = boot;
  r.object.back() ^= 1;
  bad(r, "another file");
  r = boot;
  r.message = ToBytes("something else");
  bad(r, "octets of its own");
  r = boot;
  r.key = octets(factory->public_key().spki());
  bad(r, "another key");
  r = cms;
  r.version = 8;
  bad(r, "another version");
  r = cms;
  r.content.back() ^= 1;
  bad(r, "another digest");
  r = cms;
  r.kind = "tam";
  bad(r, "attributes under another name");
  r = cms;
  crypto::DerWriter(r.message = {}).Element(0x31, crypto::Sha256(AsBytes("x")));
  bad(r, "no attributes");
  r = boot;
  r.object.assign(kMaxArtifactRequest, 0);
  EXPECT_EQ(CodeOf(WriteArtifactRequest(r, nullptr)), "request.too-large");
}

TEST(Show, TellsWhatIsAskedForAndNothingThatMovesATerminal) {
  auto key = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  pki::RequestTerms terms{.workspace = "ws\x1b[2J",
                          .name = "Site\nCA",
                          .level = 2,
                          .lifetime_days = {},
                          .path_len = 0,
                          .rehearsal = true,
                          .created = kNow};
  pki::Name subject = pki::Name::Make({{"CN", "Site"}}).value();
  Shown s = Show(pki::MakeRequest(terms, subject, *key).value()).value();
  EXPECT_EQ(s.kind, "authority");
  EXPECT_NE(s.text.find("Site?CA"), std::string::npos);
  EXPECT_EQ(s.text.find('\x1b'), std::string::npos);
  EXPECT_EQ(s.json.find('\n'), std::string::npos);
  EXPECT_EQ(CodeOf(Show("nothing")), "request.malformed");
}

}  // namespace
}  // namespace birthmark::offline
