// SPDX-License-Identifier: Apache-2.0
#include "pki/path.h"

#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Certificate;
using test::ContentsFor;
using test::DeviceContents;
using test::kNow;
using test::NewKey;
using test::TestName;
using test::TestPki;
using test::TestStamp;

std::string Code(const Result<Path>& r) { return r ? "found" : r.error().code; }

TEST(Path, RootSubordinateDeviceIsLevelThree) {
  TestPki pki;
  const auto leaf = *pki.Leaf(IDevIdProfile(), DeviceContents());
  const Certificate mid[] = {pki.sub}, anchors[] = {pki.root};
  const auto path = BuildPath(leaf, mid, anchors, kNow, Purpose::kDevice);
  ASSERT_TRUE(path) << path.error().ToString();
  ASSERT_EQ(path->size(), 3u);
  EXPECT_EQ(path->at(0).digest(), leaf.digest());
  EXPECT_EQ(path->at(1).digest(), pki.sub.digest());
  EXPECT_EQ(path->at(2).digest(), pki.root.digest());
  EXPECT_EQ(LevelOf(*path), PkiLevel(3));
}

TEST(PkiLevel, CountsTheAnchorAsOne) {
  TestPki pki;
  const Certificate anchors[] = {pki.root};
  EXPECT_EQ(LevelOf(*BuildPath(pki.root, {}, anchors, kNow, Purpose::kAuthority)), PkiLevel(1));
  EXPECT_EQ(LevelOf(*BuildPath(pki.sub, {}, anchors, kNow, Purpose::kAuthority)), PkiLevel(2));
  const auto under_root =
      *pki::Issue(*pki.root_issuer, IDevIdProfile(), pki.marks, TestStamp(), DeviceContents());
  EXPECT_EQ(LevelOf(*BuildPath(under_root, {}, anchors, kNow, Purpose::kDevice)), PkiLevel(2));
}

TEST(PkiLevel, APinnedSubordinateIsAnAnchorOfLevelOne) {
  TestPki pki;
  const auto leaf = *pki.Leaf(IDevIdProfile(), DeviceContents());
  const Certificate anchors[] = {pki.sub};
  EXPECT_EQ(LevelOf(*BuildPath(leaf, {}, anchors, kNow, Purpose::kDevice)), PkiLevel(2));
}

TEST(PkiLevel, ASelfSignedEndEntityThatIsPinnedIsLevelOne) {
  auto& key = NewKey();
  test::RawCert raw{.extensions = {{"2.5.29.15", true, *FromHex("03020780")}}};
  raw.issuer = raw.subject;
  const auto cert = *Certificate::FromDer(raw.Build(key));
  const Certificate anchors[] = {cert};
  const auto path = BuildPath(cert, {}, anchors, kNow, Purpose::kDevice);
  ASSERT_TRUE(path) << path.error().ToString();
  EXPECT_EQ(LevelOf(*path), PkiLevel(1));
}

TEST(Path, FiveLevelsWork) {
  Marks marks = RehearsalMarks();
  auto& root_key = NewKey();
  const auto root =
      *SelfSign(root_key, RootProfile(), marks, TestStamp(),
                {.subject = TestName("Root"), .path_len = PathLenFor(PkiLevel(1), PkiLevel(5))});
  std::vector<Certificate> mid;
  Issuer issuer = *Issuer::Make(root, root_key);
  for (int level = 2; level < 5; ++level) {
    auto& key = NewKey();
    const auto ca = *pki::Issue(issuer, SubordinateProfile(), marks, TestStamp(),
                                {.subject = TestName("Level " + std::to_string(level)),
                                 .key = key.public_key(),
                                 .path_len = PathLenFor(PkiLevel(level), PkiLevel(5))});
    mid.push_back(ca);
    issuer = *Issuer::Make(ca, key);
  }
  const auto leaf = *pki::Issue(issuer, IDevIdProfile(), marks, TestStamp(), DeviceContents());
  const Certificate anchors[] = {root};
  EXPECT_EQ(LevelOf(*BuildPath(leaf, mid, anchors, kNow, Purpose::kDevice)), PkiLevel(5));
}

TEST(Path, EachPurposeTakesItsOwnUse) {
  TestPki pki;
  const Certificate mid[] = {pki.sub}, anchors[] = {pki.root};
  const std::pair<const Profile*, Purpose> kPairs[] = {
      {&IDevIdProfile(), Purpose::kDevice},
      {&CodeSigningProfile(), Purpose::kCodeSigning},
      {&UpdateSigningProfile(), Purpose::kUpdateSigning},
      {&DisclosureProfile(), Purpose::kDisclosure},
      {&PersonProfile(), Purpose::kClient},
      {&TlsServerProfile(), Purpose::kServer}};
  for (const auto& [profile, own] : kPairs) {
    const auto cert = *pki.Leaf(*profile, ContentsFor(*profile));
    for (const auto& [other, purpose] : kPairs) {
      const bool client_as_device = profile == &PersonProfile() && purpose == Purpose::kDevice;
      EXPECT_EQ(Code(BuildPath(cert, mid, anchors, kNow, purpose)),
                purpose == own || client_as_device ? "found" : "path.usage")
          << profile->id << " as " << other->id;
    }
    EXPECT_EQ(Code(BuildPath(cert, mid, anchors, kNow, Purpose::kAuthority)), "path.usage");
  }
  EXPECT_EQ(Code(BuildPath(pki.sub, {}, anchors, kNow, Purpose::kDevice)), "path.usage");
}

TEST(Path, WithoutTheSubordinateOrTheRightAnchorThereIsNone) {
  TestPki pki, other;
  const auto leaf = *pki.Leaf(IDevIdProfile(), DeviceContents());
  const Certificate mid[] = {pki.sub}, anchors[] = {pki.root}, foreign[] = {other.root};
  EXPECT_EQ(Code(BuildPath(leaf, {}, anchors, kNow, Purpose::kDevice)), "path.none");
  EXPECT_EQ(Code(BuildPath(leaf, mid, {}, kNow, Purpose::kDevice)), "path.none");
  EXPECT_FALSE(BuildPath(leaf, mid, foreign, kNow, Purpose::kDevice));
  // An anchor offered as an intermediate is no anchor.
  const Certificate both[] = {pki.sub, pki.root};
  EXPECT_EQ(Code(BuildPath(leaf, both, foreign, kNow, Purpose::kDevice)), "path.none");
}

TEST(Path, DatesCountAtTheMomentAsked) {
  TestPki pki;
  Contents c = DeviceContents();
  c.not_after = kNow + std::chrono::days(10);
  const auto leaf = *pki.Leaf(IDevIdProfile(), c);
  const Certificate mid[] = {pki.sub}, anchors[] = {pki.root};
  auto at = [&](Time t) { return Code(BuildPath(leaf, mid, anchors, t, Purpose::kDevice)); };
  EXPECT_EQ(at(kNow + std::chrono::days(9)), "found");
  EXPECT_EQ(at(kNow + std::chrono::days(11)), "path.date");
  EXPECT_EQ(at(kNow - std::chrono::days(1)), "path.date");
}

TEST(Path, AForgedMemberIsInvalid) {
  TestPki pki;
  const auto leaf = *pki.Leaf(IDevIdProfile(), DeviceContents());
  Bytes bad(leaf.der().begin(), leaf.der().end());
  bad[bad.size() - 5] ^= 1;
  const Certificate mid[] = {pki.sub}, anchors[] = {pki.root};
  EXPECT_EQ(Code(BuildPath(*Certificate::FromDer(bad), mid, anchors, kNow, Purpose::kDevice)),
            "path.invalid");
}

TEST(Path, AnEndEntityCannotIssue) {
  TestPki pki;
  auto& key = NewKey();
  const auto person =
      *pki.Leaf(PersonProfile(), {.subject = TestName("p"), .key = key.public_key()});
  test::RawCert raw{
      .extensions = {{"2.5.29.15", true, *FromHex("03020780")},
                     {"2.5.29.35", false, *FromHex("30168014" + ToHex(*person.ski()))}}};
  raw.issuer = Bytes(person.subject_der().begin(), person.subject_der().end());
  const auto leaf = *Certificate::FromDer(raw.Build(key));
  const Certificate mid[] = {person, pki.sub}, anchors[] = {pki.root};
  EXPECT_FALSE(BuildPath(leaf, mid, anchors, kNow, Purpose::kDevice));
}

TEST(Path, MoreLevelsThanThePathLengthAllowsAreInvalid) {
  TestPki pki;
  // The subordinate has path length 0 and issues an authority all the same.
  auto& key = NewKey();
  test::RawCert raw{
      .extensions = {{"2.5.29.35", false, *FromHex("30168014" + ToHex(*pki.sub.ski()))},
                     {"2.5.29.14", false, *FromHex("0414" + std::string(40, '1'))},
                     {"2.5.29.15", true, *FromHex("03020106")},
                     {"2.5.29.19", true, *FromHex("30030101ff")}}};
  raw.issuer = Bytes(pki.sub.subject_der().begin(), pki.sub.subject_der().end());
  raw.spki = Bytes(key.public_key().spki().begin(), key.public_key().spki().end());
  const auto deeper = *Certificate::FromDer(raw.Build(pki.sub_key));
  const Issuer issuer = *Issuer::Make(deeper, key);
  const auto leaf = *pki::Issue(issuer, IDevIdProfile(), pki.marks, TestStamp(), DeviceContents());
  const Certificate mid[] = {deeper, pki.sub}, anchors[] = {pki.root};
  const auto path = BuildPath(leaf, mid, anchors, kNow, Purpose::kDevice);
  EXPECT_EQ(Code(path), "path.invalid");
  EXPECT_NE(path.error().message.find("path length"), std::string::npos);
}

TEST(Path, AKeyNobodyHereCanUseIsRefused) {
  TestPki pki;
  crypto::EvpKeyPtr p521(EVP_EC_gen("P-521"));
  uint8_t* spki = nullptr;
  const int n = i2d_PUBKEY(p521.get(), &spki);
  test::RawCert raw{
      .spki = Bytes(spki, spki + n),
      .extensions = {{"2.5.29.15", true, *FromHex("03020780")},
                     {"2.5.29.35", false, *FromHex("30168014" + ToHex(*pki.root.ski()))}}};
  OPENSSL_free(spki);
  raw.issuer = Bytes(pki.root.subject_der().begin(), pki.root.subject_der().end());
  const Certificate anchors[] = {pki.root};
  const auto leaf = *Certificate::FromDer(raw.Build(pki.root_key));
  EXPECT_EQ(Code(BuildPath(leaf, {}, anchors, kNow, Purpose::kDevice)), "path.key");
}

TEST(Path, FloodsAreRefused) {
  TestPki pki;
  const std::vector<Certificate> many(kMaxOffered + 1, pki.sub);
  const Certificate anchors[] = {pki.root};
  EXPECT_EQ(Code(BuildPath(pki.sub, many, anchors, kNow, Purpose::kAuthority)), "path.too-many");
}

}  // namespace
}  // namespace birthmark::pki
