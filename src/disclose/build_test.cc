// SPDX-License-Identifier: Apache-2.0
#include "disclose/build.h"

#include <gtest/gtest.h>

#include "disclose/test_factory.h"

namespace birthmark::disclose {
namespace {

using test::Factory;

const Anchor& AnchorOf(const Disclosure& d, std::string_view id) {
  for (const Anchor& a : d.anchors) {
    if (a.id == id) return a;
  }
  std::abort();
}
const Pki& PkiOf(const Disclosure& d, std::string_view id) {
  for (const Pki& p : d.pkis) {
    if (p.id == id) return p;
  }
  std::abort();
}

TEST(Build, DrawsWhatTheLogShows) {
  Factory f;
  const Built b = f.Build(f.Bundle());
  EXPECT_FALSE(b.findings.HasErrors()) << b.findings.ToString();
  const Disclosure& d = b.disclosure;
  EXPECT_EQ(d.product.id, "bulb");
  EXPECT_EQ(d.product.firmware_digest, Digest{8});
  EXPECT_EQ(d.sites.size(), 2u);
  EXPECT_EQ(d.stages.size(), 3u);
  EXPECT_EQ(d.stages[1].kind, "first-stage");
  EXPECT_FALSE(d.answers.empty());
  EXPECT_FALSE(d.checkpoint.empty());

  const Pki& identity = PkiOf(d, "identity");
  ASSERT_EQ(identity.levels.size(), 3u);
  EXPECT_TRUE(identity.anchor_digest);
  EXPECT_EQ(identity.levels[0].storage, "file");
  EXPECT_EQ(identity.levels[0].siblings, 1u);
  EXPECT_TRUE(identity.levels[2].ee);
  EXPECT_EQ(PkiOf(d, "anchor:boot").levels.size(), 2u);
}

TEST(Build, MarksARehearsal) {
  Factory f;
  const Disclosure d = f.Build(f.Bundle()).disclosure;
  EXPECT_TRUE(d.rehearsal);
  EXPECT_EQ(d.marks, (std::vector<std::string>{std::string(kMarkDevices), std::string(kMarkKeys)}));
}

TEST(Build, AKeyMadeInTheDeviceWasNowhereElse) {
  Factory f;
  const Disclosure d = f.Build(f.Bundle()).disclosure;
  ASSERT_EQ(d.identities.size(), 1u);
  ASSERT_EQ(d.identities[0].places.size(), 1u);
  EXPECT_EQ(d.identities[0].places[0].how, "born");
  EXPECT_FALSE(d.identities[0].places[0].outside);
}

TEST(Build, AKeyMadeOutsideIsFollowedToItsEnd) {
  Factory f;
  for (const char* unit : {"bulb/B-0001", "bulb/B-0002"}) {
    f.log.Add(ledger::KeyOutside{
        .slot = "idevid",
        .unit = unit,
        .places = {{2, 1, "plain memory", "bench process"}, {3, 2, "image on tmpfs", "bench"}},
        .destroyed = "wiped"});
  }
  const Disclosure d = f.Build(f.Bundle()).disclosure;
  std::vector<std::string> hows;
  for (const Place& p : d.identities[0].places) hows.push_back(p.how);
  EXPECT_EQ(hows, (std::vector<std::string>{"born", "kept", "installed", "destroyed"}));
}

TEST(Build, AnchorsCarryTheDigestTheDeviceHolds) {
  Factory f;
  const Disclosure d = f.Build(f.Bundle()).disclosure;
  EXPECT_EQ(AnchorOf(d, "boot").entries, 1u);
  EXPECT_NE(AnchorOf(d, "boot").digest,
            AnchorOf(d, "update").digest);  // a key's digest, a certificate's
  EXPECT_EQ(AnchorOf(d, "update").digest, *PkiOf(d, "anchor:update").anchor_digest);
  EXPECT_EQ(AnchorOf(d, "webpki").entries, 0u);  // nothing was read
}

TEST(Build, ManyAuthoritiesAreNotCounted) {
  Factory f;
  answer::test::Ca root = f.log.MakeRoot("root-2", "identity");
  for (uint64_t i = 0; i < kMaxToldSiblings; ++i)
    f.log.MakeSub("site-x" + std::to_string(i), "identity", root);
  EXPECT_EQ(PkiOf(f.Build(f.Bundle()).disclosure, "identity").levels[1].siblings, 0u);
}

TEST(Build, SitesAreLeftOutWhenThePlanSaysSo) {
  Factory f("[publication]\nlist-sites = false\n");
  EXPECT_TRUE(f.Build(f.Bundle()).disclosure.sites.empty());
}

TEST(Build, SameLogSameOctets) {
  Factory f;
  const Bytes bundle = f.Bundle();
  EXPECT_EQ(cbor::ToCbor(f.Build(bundle).disclosure), cbor::ToCbor(f.Build(bundle).disclosure));
}

}  // namespace
}  // namespace birthmark::disclose
