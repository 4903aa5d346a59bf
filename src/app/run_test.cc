// SPDX-License-Identifier: Apache-2.0
// The line with emulated devices that fail, the issuing desk at its limits, and the images it
// writes, in real workspaces. (The line's own room knows no workspaces, so the test stands here.)
#include "line/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/factory.h"
#include "app/status.h"
#include "app/test_workspace.h"

namespace birthmark::line {
namespace {

using app::Bench;
using app::Factory;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Faults = std::vector<std::string>;
constexpr int kMaxCount = 10;  // of the subordinate, see PlanText

// Shop is a workspace opened for work.
class Shop {
 public:
  Shop(const Bench& bench, const fs::path& ws, const Clock& clock) : clock_(clock) {
    auto opened = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    if (!opened) {
      ADD_FAILURE() << opened.error().ToString();
      std::abort();
    }
    f = std::move(*opened);
    desk.emplace(DeskServices{.log = *f->log,
                              .log_dir = f->layout.ledger(),
                              .keys = *f->keys.online,
                              .plan = plan(),
                              .marks = f->marks,
                              .serials = *f->serials,
                              .clock = clock,
                              .context = f->context});
  }
  const plan::Plan& plan() const { return f->adopted.plan; }
  Materials MaterialsNow() {
    Materials m{plan(), *f->keys.online, {}, {}};
    auto reader = f->NewReader();
    m.signers = app::SignersOf(**reader).value();
    for (const plan::Anchor& a : plan().anchors) {
      if (fs::exists(f->layout.anchors() / a.id))
        m.files[a.id] = ReadFile(f->layout.anchors() / a.id, 1 << 20).value();
    }
    return m;
  }
  // Run brings one unit to its end; `faults` are those of the n-th placement, counted from 1.
  Result<UnitResult> Run(const std::string& serial, std::function<Faults(int)> faults,
                         std::string board = "") {
    if (!firmware) firmware = Firmware::Make(MaterialsNow()).value();
    if (board.empty()) board = plan::ToText(*plan().board);
    int placement = 0;
    LineRun run({.log = *f->log,
                 .log_dir = f->layout.ledger(),
                 .plan = plan(),
                 .firmware = *firmware,
                 .desk = *desk,
                 .clock = clock_,
                 .rng = f->rng,
                 .place =
                     [&](const std::string& s) {
                       return Fixture::PlaceEmulated(board, f->layout.devices() / s,
                                                     faults(++placement));
                     },
                 .sessions = {},
                 .tell = [&](const UnitResult& r) { told.push_back(r); },
                 .context = f->context});
    return run.RunUnit(serial);
  }
  std::string StateOf(const std::string& unit) {
    return f->log->registry().Unit(unit).value()->state;
  }
  std::vector<std::string> Identities(const std::string& unit) {
    std::vector<std::string> out;
    std::vector<ledger::IdentityRow> rows = f->log->registry().IdentitiesOf(unit).value();
    for (const ledger::IdentityRow& row : rows) out.push_back(row.state);
    return out;
  }
  Result<method::Certified> Issue(const std::string& serial, const crypto::PublicKey& key) {
    method::Job job{.unit = plan().product.id + "/" + serial,
                    .serial = serial,
                    .slot = "idevid",
                    .subject = ""};
    return desk->Issue({.job = job, .key = key, .method = "avocado", .proof = "csr-signature"});
  }

  std::unique_ptr<Factory> f;
  std::optional<IssuingDesk> desk;
  std::optional<Firmware> firmware;
  std::vector<UnitResult> told;

 private:
  const Clock& clock_;
};

std::vector<UnitResult::Lamp> Lamps(const Shop& s) {
  std::vector<UnitResult::Lamp> out;
  for (const UnitResult& r : s.told) out.push_back(r.lamp);
  return out;
}
constexpr auto kGood = UnitResult::Lamp::kGood;
constexpr auto kRetry = UnitResult::Lamp::kRetry;
constexpr auto kScrap = UnitResult::Lamp::kScrap;

struct Run : testing::Test {
  Bench bench;
  SystemClock clock;
};

TEST_F(Run, ABoardOfAnotherProductIsScrapAndSaysSo) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  auto r = shop.Run("BMC-0001", [](int) { return Faults{}; }, "bulb");
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->lamp, kScrap);
  EXPECT_THAT(r->why, testing::AllOf(HasSubstr("bulb"), HasSubstr("bmc")));
  EXPECT_THAT(Lamps(shop), ElementsAre(kScrap));
  EXPECT_EQ(shop.StateOf("ridgeback-s1/BMC-0001"), "scrapped");
}

// Placements of the bmc line: 1 smt-jtag, 2 smt-nails, 3 bench, 4 lock, 5 final, a retry counts.
TEST_F(Run, APowerCutOnTheBenchIsRetriedToOneLiveIdentity) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  int unit = 0;
  for (const char* cut : {"2", "7", "14"}) {
    SCOPED_TRACE(cut);
    shop.told.clear();
    std::string serial = "BMC-000" + std::to_string(++unit);
    auto r = shop.Run(serial,
                      [&](int n) { return n == 3 ? Faults{"--power-cut-after", cut} : Faults{}; });
    ASSERT_TRUE(r) << r.error().ToString();
    EXPECT_EQ(r->lamp, kGood) << r->why;
    EXPECT_THAT(Lamps(shop), ElementsAre(kRetry, kGood));
    EXPECT_THAT(shop.Identities("ridgeback-s1/" + serial), ElementsAre("confirmed-locked"));
    EXPECT_EQ(shop.StateOf("ridgeback-s1/" + serial), "packed");
  }
}

TEST_F(Run, AUnitThatAlwaysFailsIsScrapAndItsIdentityGoesInTheSameCommit) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  auto r = shop.Run("BMC-0001",
                    [](int n) { return n >= 4 ? Faults{"--power-cut-after", "1"} : Faults{}; });
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->lamp, kScrap);
  EXPECT_THAT(r->why, HasSubstr("identity-lock"));
  EXPECT_THAT(Lamps(shop), ElementsAre(kRetry, kRetry, kScrap));
  EXPECT_THAT(shop.Identities("ridgeback-s1/BMC-0001"), ElementsAre("revoked"));
  EXPECT_EQ(shop.StateOf("ridgeback-s1/BMC-0001"), "scrapped");
  auto reader = shop.f->NewReader();
  auto state = ledger::BodyOf<ledger::UnitState>((*reader)->EventAt((*reader)->size() - 1).value());
  auto identity =
      ledger::BodyOf<ledger::IdentityState>((*reader)->EventAt((*reader)->size() - 2).value());
  ASSERT_TRUE(state && identity);
  EXPECT_EQ(state->state, "scrapped");
  EXPECT_EQ(identity->state, "revoked");
}

TEST_F(Run, ABurnerThatLosesPowerVoidsTheKeyItHad) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bulb")), clock);
  auto r = shop.Run("LUMO-000001",
                    [](int n) { return n == 2 ? Faults{"--power-cut-after", "3"} : Faults{}; });
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->lamp, kGood) << r->why;
  EXPECT_THAT(Lamps(shop), ElementsAre(kRetry, kGood));
  EXPECT_THAT(shop.Identities("lumo-a19/LUMO-000001"), ElementsAre("void", "confirmed-locked"));
}

TEST_F(Run, CutAndLostFramesAreNoReasonForARetry) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bulb")), clock);
  auto r = shop.Run("LUMO-000001", [](int n) {
    return n == 2 ? Faults{"--drop-frame", "4", "--cut-frame", "2"} : Faults{};
  });
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_THAT(Lamps(shop), ElementsAre(kGood)) << shop.told[0].why;
  EXPECT_THAT(shop.Identities("lumo-a19/LUMO-000001"), ElementsAre("confirmed-locked"));
}

TEST_F(Run, AFullDeskStopsTheLineAndScrapsNothing) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  for (int i = 0; i < kMaxCount; ++i) {
    ASSERT_TRUE(shop.Issue("X" + std::to_string(i), device::NewKey()->public_key()));
  }
  auto r = shop.Run("BMC-0001", [](int) { return Faults{}; });
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "desk.retired");
  EXPECT_EQ(shop.StateOf("ridgeback-s1/BMC-0001"), "started");
}

struct Desk : Run {};

TEST_F(Desk, ACountNearItsEndAlarmsAndAFullOneRefusesAlsoAfterARestart) {
  fs::path ws = app::CopyOf(bench, app::PlanText("bmc"));
  {
    Shop shop(bench, ws, clock);
    for (int i = 1; i < kMaxCount; ++i) {
      ASSERT_TRUE(shop.Issue("X" + std::to_string(i), device::NewKey()->public_key()));
    }
    app::StatusReport near = app::LookAt(ws, clock).value();
    EXPECT_TRUE(near.alarms.Has("status.retiring"));
    EXPECT_FALSE(near.alarms.Has("status.retired"));
    ASSERT_TRUE(shop.Issue("LAST", device::NewKey()->public_key()));
    auto more = shop.Issue("MORE", device::NewKey()->public_key());
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, "desk.retired");
  }
  EXPECT_TRUE(app::LookAt(ws, clock)->alarms.Has("status.retired"));
  Shop again(bench, ws, clock);
  EXPECT_EQ(again.Issue("MORE", device::NewKey()->public_key()).error().code, "desk.retired");
}

TEST_F(Desk, AWindowThatIsOverRefuses) {
  ManualClock later(clock.Now() + std::chrono::hours(24 * 365 * 2 + 24));
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), later);
  auto r = shop.Issue("BMC-0001", device::NewKey()->public_key());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "desk.retired");
}

TEST_F(Desk, AClockThatWentBackRefuses) {
  ManualClock back(clock.Now() - std::chrono::hours(24));
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), back);
  auto r = shop.Issue("BMC-0001", device::NewKey()->public_key());
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "pki.clock-behind");
  EXPECT_THAT(shop.Identities("ridgeback-s1/BMC-0001"), IsEmpty());
}

TEST_F(Desk, AKeyOfAnotherUnitIsRefusedAndARetryGetsTheSameCertificate) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  crypto::PublicKey key = device::NewKey()->public_key();
  auto first = shop.Issue("BMC-0001", key);
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_FALSE(first->existed);
  EXPECT_EQ(first->chain.size(), 2u);
  auto slot = shop.Issue("BMC-0001", device::NewKey()->public_key());
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, "ledger.slot-live");
  auto other = shop.Issue("BMC-0002", key);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, "ledger.key-seen");
  // Two units with one key stop the lot; what was certified before is still given to a retry.
  auto third = shop.Issue("BMC-0003", device::NewKey()->public_key());
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, "desk.lot-stopped");
  auto retry = shop.Issue("BMC-0001", key);
  ASSERT_TRUE(retry);
  EXPECT_TRUE(retry->existed);
  EXPECT_EQ(retry->chain, first->chain);
  EXPECT_EQ(shop.Identities("ridgeback-s1/BMC-0001").size(), 1u);
}

struct Images : Run {};

TEST_F(Images, TheRootTravelsWhereTheDeviceHasOnlyItsDigest) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  auto firmware = Firmware::Make(shop.MaterialsNow());
  ASSERT_TRUE(firmware) << firmware.error().ToString();
  auto image = link::DecodeImage(firmware->Find("first-stage")->bytes);
  ASSERT_TRUE(image) << image.error().ToString();
  ASSERT_EQ(image->x5chain.size(), 2u);
  auto root = crypto::Certificate::FromDer(image->x5chain.back());
  ASSERT_TRUE(root);
  EXPECT_EQ(root->public_key()->spki_digest(), firmware->boot_anchor());
  EXPECT_TRUE(image->manifest.kind == "first-stage" && !image->manifest.factory_commands);
  EXPECT_TRUE(link::DecodeImage(firmware->Find("test-image")->bytes)->manifest.factory_commands);
}

TEST_F(Images, EachAnchorIsInTheImageThatThePlanPutsItIn) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  auto firmware = Firmware::Make(shop.MaterialsNow());
  ASSERT_TRUE(firmware);
  EXPECT_THAT(firmware->Find("first-stage")->anchors, ElementsAre("second"));
  EXPECT_THAT(firmware->Find("second-stage")->anchors, ElementsAre("update"));
  EXPECT_THAT(firmware->Find("application")->anchors,
              testing::UnorderedElementsAre("bundle", "licence", "masa"));
  EXPECT_THAT(firmware->Find("store")->anchors, ElementsAre("webpki"));
  EXPECT_EQ(firmware->Find("nowhere"), nullptr);
}

TEST_F(Images, AStageThatNobodyOfOursCanSignIsRefused) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  Materials m = shop.MaterialsNow();
  m.signers.erase("update-pki");
  auto r = Firmware::Make(m);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "firmware.signer");
}

TEST_F(Images, ABareKeyAsACertificateIsRefused) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bulb")), clock);
  Materials m = shop.MaterialsNow();
  plan::Plan changed = shop.plan();
  for (plan::Anchor& a : changed.anchors) {
    if (a.id == "update") a.form = plan::Form::kCertificate;
  }
  auto r = Firmware::Make({changed, m.keys, m.signers, m.files});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "firmware.container");
  EXPECT_THAT(r.error().message, HasSubstr("update"));
}

TEST_F(Images, AnAnchorWhoseFileIsGoneIsNotLeftOut) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bmc")), clock);
  Materials m = shop.MaterialsNow();
  m.files.erase("webpki");
  auto r = Firmware::Make(m);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "firmware.container");
  EXPECT_THAT(r.error().message, HasSubstr("webpki"));
}

TEST_F(Images, AnAnchorThatIsInNoImageIsReported) {
  Shop shop(bench, app::CopyOf(bench, app::PlanText("bulb")), clock);
  Materials m = shop.MaterialsNow();
  plan::Plan changed = shop.plan();
  std::erase_if(changed.stages,
                [](const plan::Stage& s) { return s.kind == vocab::StageKind::kFirstStage; });
  auto r = Firmware::Make({changed, m.keys, m.signers, m.files});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "firmware.container");
  EXPECT_THAT(r.error().message, HasSubstr("update"));
}

}  // namespace
}  // namespace birthmark::line
