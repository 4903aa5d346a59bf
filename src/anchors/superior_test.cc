// SPDX-License-Identifier: Apache-2.0
#include "anchors/superior.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace birthmark::anchors {
namespace {

using plan::Change;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using vocab::StageKind;
using vocab::StoreKind;

plan::Store MakeStore(std::string id, StoreKind kind, std::optional<std::string> protected_by = {},
                      bool writable = false) {
  plan::Store s;
  s.id = std::move(id);
  s.kind = kind;
  s.protected_by = std::move(protected_by);
  s.writable_after_lock = writable;
  return s;
}

plan::Stage MakeStage(std::string id, StageKind kind, std::string store,
                      std::optional<std::string> verified_by = {},
                      plan::Lock lock = plan::Lock::kNone) {
  plan::Stage s;
  s.id = std::move(id);
  s.kind = kind;
  s.store = std::move(store);
  s.verified_by = std::move(verified_by);
  s.lock = lock;
  return s;
}

plan::Anchor MakeAnchor(std::string id, std::string store) {
  plan::Anchor a;
  a.id = std::move(id);
  a.store = std::move(store);
  return a;
}

// Bmc is the draft's reference device: a fuse digest verifies the first stage, the first stage's
// anchor the second stage, the second stage's anchor the application.
plan::Plan Bmc(plan::Lock first_stage_lock = plan::Lock::kNone) {
  plan::Plan p;
  p.stores = {MakeStore("fuses", StoreKind::kOtpFuse), MakeStore("fs", StoreKind::kSpiNor),
              MakeStore("ss", StoreKind::kSpiNor), MakeStore("app", StoreKind::kEmmc),
              MakeStore("rom", StoreKind::kMaskRom)};
  p.stages = {MakeStage("rom", StageKind::kRom, "rom"),
              MakeStage("first-stage", StageKind::kFirstStage, "fs", "fuse-key", first_stage_lock),
              MakeStage("second-stage", StageKind::kSecondStage, "ss", "boot"),
              MakeStage("application", StageKind::kApplication, "app", "update")};
  p.anchors = {MakeAnchor("fuse-key", "fuses"), MakeAnchor("boot", "fs"),
               MakeAnchor("update", "ss"), MakeAnchor("cloud", "app"), MakeAnchor("vendor", "rom")};
  return p;
}

TEST(SuperiorGraph, NobodyChangesFusesAndRom) {
  const SuperiorGraph g = SuperiorGraph::Build(Bmc());
  for (const char* id : {"fuse-key", "vendor"}) {
    const DerivedAspects a = g.AspectsOf(id);
    EXPECT_EQ(a.replace.by, Change::By::kNobody) << id;
    EXPECT_EQ(a.add.by, Change::By::kNobody);
    EXPECT_EQ(a.remove.by, Change::By::kNobody);
    EXPECT_EQ(g.NearestProtector(id), std::nullopt);
  }
  EXPECT_THAT(g.AspectsOf("fuse-key").replace.path, ElementsAre("anchor:fuse-key", "store:fuses"));
  EXPECT_TRUE(g.findings().empty()) << g.findings().ToString();
}

TEST(SuperiorGraph, FusesThatStayWritableAreOpen) {
  plan::Plan p = Bmc();
  p.stores[0].writable_after_lock = true;
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_EQ(g.AspectsOf("fuse-key").replace.by, Change::By::kUnprotected);
  EXPECT_THAT(g.LooseAnchors(), ElementsAre("fuse-key"));
}

TEST(SuperiorGraph, AnchorInFirstStageIsReplacedByTheFuseKeysHolder) {
  const SuperiorGraph g = SuperiorGraph::Build(Bmc());
  const Derived d = g.AspectsOf("boot").replace;
  EXPECT_EQ(d.by, Change::By::kArtifact);
  EXPECT_EQ(d.who, "fuse-key");
  EXPECT_EQ(d.channel, "signed first-stage");
  EXPECT_THAT(d.path,
              ElementsAre("anchor:boot", "store:fs", "stage:first-stage", "anchor:fuse-key"));
  EXPECT_EQ(g.NearestProtector("boot"), "fuse-key");
}

TEST(SuperiorGraph, FirstStageLockLeavesItsAnchorToNobody) {
  const SuperiorGraph fuse = SuperiorGraph::Build(Bmc(plan::Lock::kFuse));
  EXPECT_EQ(fuse.AspectsOf("boot").replace.by, Change::By::kNobody);
  EXPECT_FALSE(fuse.AspectsOf("boot").replace.software_lock);
  EXPECT_EQ(fuse.NearestProtector("boot"), std::nullopt);
  const SuperiorGraph software = SuperiorGraph::Build(Bmc(plan::Lock::kSoftware));
  EXPECT_EQ(software.AspectsOf("boot").replace.by, Change::By::kNobody);
  EXPECT_TRUE(software.AspectsOf("boot").replace.software_lock);
  // The lock closes the first stage alone.
  EXPECT_EQ(fuse.AspectsOf("update").replace.who, "boot");
}

TEST(SuperiorGraph, EachFurtherStageAnswersToTheAnchorBefore) {
  const SuperiorGraph g = SuperiorGraph::Build(Bmc());
  EXPECT_EQ(g.NearestProtector("update"), "boot");
  EXPECT_EQ(g.NearestProtector("cloud"), "update");
  EXPECT_THAT(g.PathToRoot("cloud"),
              ElementsAre("anchor:cloud", "store:app", "stage:application", "anchor:update",
                          "store:ss", "stage:second-stage", "anchor:boot", "store:fs",
                          "stage:first-stage", "anchor:fuse-key", "store:fuses"));
}

TEST(SuperiorGraph, EdgesRunFromTheSuperiorArtifact) {
  const SuperiorGraph g = SuperiorGraph::Build(Bmc());
  EXPECT_EQ(g.nodes().size(), 5u + 4u + 5u);
  EXPECT_THAT(g.edges(), Contains(Edge{"anchor:boot", "stage:second-stage", EdgeType::kVerifies}));
  EXPECT_THAT(g.edges(), Contains(Edge{"store:fs", "anchor:boot", EdgeType::kHolds}));
}

TEST(SuperiorGraph, WritableStoreBelongsToARoleWhenAStageGuardsIt) {
  plan::Plan p = Bmc();
  p.stores.push_back(MakeStore("data", StoreKind::kEmmc, "application", true));
  plan::Anchor local = MakeAnchor("local", "data");
  local.aspects.add = Change{Change::By::kRole, "owner", "EST cacerts"};
  p.anchors.push_back(local);
  const SuperiorGraph g = SuperiorGraph::Build(p);
  const DerivedAspects a = g.AspectsOf("local");
  EXPECT_EQ(a.add.by, Change::By::kRole);
  EXPECT_EQ(a.add.who, "owner");
  EXPECT_EQ(a.add.channel, "EST cacerts");
  EXPECT_TRUE(a.add.leans_on_declared);
  // Nobody said that a role may replace it: that takes the stage, and so its anchor.
  EXPECT_EQ(a.replace.by, Change::By::kArtifact);
  EXPECT_EQ(a.replace.who, "update");
  EXPECT_FALSE(a.replace.leans_on_declared);
}

TEST(SuperiorGraph, WritableStoreThatNothingGuardsIsOpenWhateverIsDeclared) {
  plan::Plan p = Bmc();
  p.stores.push_back(MakeStore("data", StoreKind::kSpiNor, {}, true));
  plan::Anchor local = MakeAnchor("local", "data");
  local.aspects.replace = Change{Change::By::kRole, "owner", ""};
  p.anchors.push_back(local);
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_EQ(g.AspectsOf("local").replace.by, Change::By::kUnprotected);
  EXPECT_EQ(g.AspectsOf("local").replace.channel, "access to data");
  EXPECT_THAT(g.LooseAnchors(), ElementsAre("local"));
  EXPECT_TRUE(g.findings().Has("anchors.loose"));
}

TEST(SuperiorGraph, StoreSignedByAnAnchorAnswersToIt) {
  plan::Plan p = Bmc();
  p.stores.push_back(MakeStore("bundle", StoreKind::kEmmc, "update", true));
  p.anchors.push_back(MakeAnchor("webpki", "bundle"));
  const Derived d = SuperiorGraph::Build(p).AspectsOf("webpki").replace;
  EXPECT_EQ(d.who, "update");
  EXPECT_EQ(d.channel, "signed content of bundle");
}

TEST(SuperiorGraph, EncryptedStoreAnswersToTheStoreOfItsKey) {
  plan::Plan p = Bmc();
  p.stores.push_back(MakeStore("sealed", StoreKind::kSpiNor, "fuses"));
  p.anchors.push_back(MakeAnchor("licence", "sealed"));
  const Derived d = SuperiorGraph::Build(p).AspectsOf("licence").replace;
  EXPECT_EQ(d.by, Change::By::kNobody);
  EXPECT_THAT(d.path, ElementsAre("anchor:licence", "store:sealed", "store:fuses"));
}

TEST(SuperiorGraph, UnverifiedApplicationIsOpenOutsideTheChipAndClosedInside) {
  plan::Plan p = Bmc();
  p.stages[3].verified_by.reset();
  EXPECT_EQ(SuperiorGraph::Build(p).AspectsOf("cloud").replace.by, Change::By::kUnprotected);
  p.stores[3].kind = StoreKind::kOnDieFlash;
  EXPECT_EQ(SuperiorGraph::Build(p).AspectsOf("cloud").replace.by, Change::By::kNobody);
  p.stores[3].writable_after_lock = true;
  EXPECT_EQ(SuperiorGraph::Build(p).AspectsOf("cloud").replace.by, Change::By::kUnprotected);
}

TEST(SuperiorGraph, ApplicationThatChecksItsOwnUpdatesIsACycle) {
  plan::Plan p = Bmc();
  p.anchors[2].store = "app";  // the update anchor sits in the application that it verifies
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_EQ(g.AspectsOf("update").replace.who, "update");
  EXPECT_TRUE(g.findings().Has("anchors.graph-cycle"));
  EXPECT_FALSE(g.findings().HasErrors()) << "the draft's third placement is allowed";
  const auto path = g.PathToRoot("update");
  EXPECT_THAT(path,
              ElementsAre("anchor:update", "store:app", "stage:application", "anchor:update"));
}

TEST(SuperiorGraph, StoresThatProtectOneAnotherEnd) {
  plan::Plan p;
  p.stores = {MakeStore("a", StoreKind::kSpiNor, "b"), MakeStore("b", StoreKind::kSpiNor, "c"),
              MakeStore("c", StoreKind::kSpiNor, "a")};
  p.anchors = {MakeAnchor("x", "a")};
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_EQ(g.AspectsOf("x").replace.by, Change::By::kUnprotected);
  EXPECT_TRUE(g.findings().Has("anchors.graph-cycle"));
}

TEST(SuperiorGraph, StageThatVouchesForItsOwnStoreEnds) {
  plan::Plan p;
  p.stores = {MakeStore("a", StoreKind::kSpiNor, "s")};
  p.stages = {MakeStage("s", StageKind::kApplication, "a")};
  p.anchors = {MakeAnchor("x", "a")};
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_EQ(g.AspectsOf("x").replace.by, Change::By::kUnprotected);
  EXPECT_TRUE(g.findings().Has("anchors.graph-cycle"));
}

TEST(SuperiorGraph, DanglingReferencesAreNamedAndTheRestAnswers) {
  plan::Plan p = Bmc();
  p.stores.push_back(MakeStore("data", StoreKind::kEmmc, "ghost", true));
  p.stages[2].verified_by = "nobody-here";
  p.anchors.push_back(MakeAnchor("lost", "nowhere"));
  const SuperiorGraph g = SuperiorGraph::Build(p);
  size_t dangling = 0;
  for (const Finding& f : g.findings().all()) dangling += f.code == "anchors.graph-dangling";
  EXPECT_EQ(dangling, 3u);
  EXPECT_THAT(g.AspectsOf("lost").replace.path, IsEmpty());
  EXPECT_EQ(g.AspectsOf("boot").replace.who, "fuse-key");
}

TEST(SuperiorGraph, TwoStagesInOneStoreDoNotSayWhichHoldsTheAnchor) {
  plan::Plan p = Bmc();
  p.stages[2].store = "fs";
  const SuperiorGraph g = SuperiorGraph::Build(p);
  EXPECT_TRUE(g.findings().Has("anchors.container-ambiguous"));
  EXPECT_EQ(g.AspectsOf("boot").replace.by, Change::By::kUnprotected);
  p.stores[1].protected_by = "first-stage";
  EXPECT_EQ(SuperiorGraph::Build(p).AspectsOf("boot").replace.who, "fuse-key");
  // A test image is erased before shipping and does not make the store ambiguous.
  plan::Plan q = Bmc();
  q.stages.push_back(MakeStage("test-image", StageKind::kTestImage, "fs"));
  EXPECT_EQ(SuperiorGraph::Build(q).AspectsOf("boot").replace.who, "fuse-key");
}

TEST(SuperiorGraph, UnknownAnchorAndEmptyPlanAnswerNothing) {
  const SuperiorGraph g = SuperiorGraph::Build(plan::Plan{});
  EXPECT_THAT(g.AspectsOf("x").replace.path, IsEmpty());
  EXPECT_THAT(g.PathToRoot("x"), IsEmpty());
  EXPECT_TRUE(g.findings().empty());
}

// Composite is a host behind a BMC that writes its flash and a GPU that reaches its memory.
plan::Plan Composite() {
  plan::Plan p = Bmc(plan::Lock::kFuse);
  auto processor = [&](std::string id, std::optional<std::string> after,
                       std::vector<std::string> reaches) {
    plan::Processor x;
    x.id = std::move(id);
    x.role = x.id;
    x.boots_after = std::move(after);
    x.reaches = std::move(reaches);
    p.processors.push_back(std::move(x));
  };
  processor("bmc", std::nullopt, {"host"});
  processor("gpu", "bmc", {"host"});
  processor("host", "gpu", {});
  for (auto& s : p.stores) s.processor = "host";
  for (auto& s : p.stages) s.processor = "host";
  for (const char* id : {"bmc", "gpu"}) {
    p.stores.push_back(MakeStore(std::string(id) + "-flash", StoreKind::kSpiNor));
    p.stores.back().processor = id;
    p.anchors.push_back(MakeAnchor(std::string(id) + "-key", "fuses"));
    p.stages.push_back(MakeStage(std::string(id) + "-first", StageKind::kFirstStage,
                                 std::string(id) + "-flash", std::string(id) + "-key"));
    p.stages.back().processor = id;
  }
  return p;
}

TEST(SuperiorGraph, WhoReachesMemoryChangesWhatIsInIt) {
  const SuperiorGraph g = SuperiorGraph::Build(Composite());
  EXPECT_THAT(g.edges(), Contains(Edge{"processor:gpu", "processor:host", EdgeType::kReaches}));
  EXPECT_THAT(g.edges(), Contains(Edge{"processor:gpu", "processor:host", EdgeType::kBoots}));
  // The first stage is locked against the host alone.
  const Derived boot = g.AspectsOf("boot").replace;
  EXPECT_EQ(boot.by, Change::By::kArtifact);
  EXPECT_EQ(boot.who, "bmc-key");
  EXPECT_EQ(boot.channel, "bmc, which reaches host");
  ASSERT_EQ(boot.also.size(), 1u);
  EXPECT_EQ(boot.also[0].who, "gpu-key");
  EXPECT_THAT(boot.path, Contains("processor:bmc"));
  // The host's own way stays the first, the others stand beside it.
  const Derived update = g.AspectsOf("update").remove;
  EXPECT_EQ(update.who, "boot");
  EXPECT_EQ(update.also.size(), 2u);
  // Fuses and masks are on no bus; a processor that nobody can change changes nothing.
  EXPECT_EQ(g.AspectsOf("fuse-key").replace.by, Change::By::kNobody);
  plan::Plan p = Composite();
  for (auto& s : p.stages) s.lock = plan::Lock::kFuse;
  EXPECT_EQ(SuperiorGraph::Build(p).AspectsOf("boot").replace.by, Change::By::kNobody);
}

}  // namespace
}  // namespace birthmark::anchors
