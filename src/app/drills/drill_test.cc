// SPDX-License-Identifier: Apache-2.0
#include "app/drill.h"

#include "anchors/read.h"
#include "app/drills/play.h"
#include "app/drills/warehouse_names.h"
#include "app/pool.h"
#include "app/test_workspace.h"
#include "disclose/words.h"

namespace birthmark::app {
namespace {

class Drills : public testing::Test {
 protected:
  void SetUp() override {
    ws_ = CopyOf(bench_, PlanText("bulb"));
    auto f = Factory::Open(ws_, bench_.Keys(), false, "", "", clock_);
    ASSERT_TRUE(FillPool(**f, {.station = "burner", .count = 6, .made = {}}, clock_));
  }
  DrillOptions Options(const std::string& name) {
    return {.name = name, .workspace = ws_, .scratch = bench_.path()};
  }
  DrillReport Play(const DrillOptions& o) {
    auto r = RunDrill(o, clock_);
    if (!r) {
      ADD_FAILURE() << o.name << ": " << r.error().ToString();
      return {};
    }
    for (const DrillReport::Done& c : r->checks)
      EXPECT_TRUE(c.holds) << o.name << ": " << c.what << ": " << c.found;
    for (std::string_view rest = ToText(*r); !rest.empty();) {
      std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.find("birthmark ") != line.npos) continue;
      EXPECT_LE(disclose::Columns(line), 80u) << line;
    }
    return *r;
  }
  const DrillReport::Life* LifeOf(const DrillReport& r, std::string_view what) {
    for (const DrillReport::Life& l : r.lives)
      if (l.what.find(what) != l.what.npos) return &l;
    ADD_FAILURE() << "nothing is said of " << what << " in\n" << ToText(r);
    static const DrillReport::Life none;
    return &none;
  }

  Bench bench_;
  SystemClock clock_;
  fs::path ws_;
};

TEST_F(Drills, TheLiveWorkspaceIsAsBeforeButForOneEvent) {
  uint64_t before = (*OpenReader(ws_))->size();
  DrillOptions o = Options("lose");
  o.key = "identity-1.1";
  o.dry_run = true;
  Play(o);
  EXPECT_EQ((*OpenReader(ws_))->size(), before);
  o.dry_run = false;
  Play(o);
  auto reader = *OpenReader(ws_);
  EXPECT_EQ(reader->size(), before + 1);
  EXPECT_EQ(reader->EventAt(before)->clock, "system");
  auto rows = *RehearsedDrills(*reader);
  EXPECT_EQ(rows.front().name, "lose");
  EXPECT_EQ(rows.front().times, 1u);
  EXPECT_EQ(rows.front().failed, 0u);
  // The copy is gone.
  for (const auto& e : fs::directory_iterator(bench_.path()))
    EXPECT_EQ(e.path().string().find("birthmark-drill"), std::string::npos);
}

TEST_F(Drills, NoLiveKeyIsInTheCopy) {
  auto copy = *DrillCopy::Make(ws_, "", bench_.path(), clock_);
  ASSERT_TRUE(copy->MakeTwins(true));
  for (const Twin& t : copy->twins())
    EXPECT_NE(t.certificate.public_key()->spki_digest(), t.original.public_key()->spki_digest());
  for (const auto& entry : fs::recursive_directory_iterator(copy->folder())) {
    std::string name = entry.path().filename().string();
    if (entry.path().string().find("/keys/") != std::string::npos && entry.is_regular_file()) {
      EXPECT_FALSE(fs::exists(ws_ / "keys" / name) && name.find("drill") == std::string::npos &&
                   *ReadFile(entry.path(), 1 << 20) == *ReadFile(ws_ / "keys" / name, 1 << 20))
          << name;
    }
  }
  EXPECT_EQ(copy->keys().Open("identity-2.1").error().code, "keystore.missing");
}

TEST_F(Drills, ALostRootStopsSuccessorsAtOnceAndTheLineLater) {
  DrillOptions o = Options("lose");
  o.key = "identity-1.1";
  DrillReport r = Play(o);
  const DrillReport::Life* successor = LifeOf(r, "a successor of");
  ASSERT_TRUE(successor->until);
  EXPECT_EQ(*successor->until, r.at);
  const DrillReport::Life* line = LifeOf(r, "issuing under");
  ASSERT_TRUE(line->until);
  EXPECT_GT(*line->until, r.at + std::chrono::hours(24));
  EXPECT_TRUE(line->tried);
  EXPECT_FALSE(LifeOf(r, "certificates that units have")->until.has_value() &&
               *LifeOf(r, "certificates that units have")->until <= r.at);
  o.key = "log";
  DrillReport log = Play(o);
  EXPECT_EQ(LifeOf(log, "checkpoints, bundles")->until, log.at);
  o.key = "nobody";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.key");
}

TEST_F(Drills, ADisclosedAuthorityIsFoundOutByTheLog) {
  DrillOptions o = Options("disclose");
  o.ca = "identity-2.1";
  DrillReport r = Play(o);
  EXPECT_GE(r.checks.size(), 3u);
  uint64_t n = 0;
  for (const DrillReport::Affected& a : r.affected) n += a.identities;
  EXPECT_EQ(n, 6u);
  o.ca = "nobody";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.ca");
}

TEST_F(Drills, ARogueStationIsUndoneWithoutARoot) {
  DrillOptions o = Options("rogue-station");
  o.station = "burner";
  DrillReport r = Play(o);
  EXPECT_EQ(r.checks.size(), 4u);
  o.station = "nowhere";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.station");
}

TEST_F(Drills, AnOutageOfListsHasAnHour) {
  DrillReport none = Play(Options("crl-outage"));
  std::string text = PlanText("bulb");
  Replace(text, "issuing-window = ", "crl-lifetime = \"P30D\"\nissuing-window = ");
  Bench other;
  fs::path ws = CopyOf(other, text);
  DrillOptions o = Options("crl-outage");
  o.workspace = ws;
  DrillReport r = Play(o);
  const DrillReport::Life* hard = LifeOf(r, "for who insists");
  ASSERT_TRUE(hard->until);
  EXPECT_NEAR(static_cast<double>((*hard->until - r.at).count()), 30 * 86400e3, 120e3);
  EXPECT_FALSE(LifeOf(r, "for who does without")->until);
}

TEST_F(Drills, PlacesPoolsAndLinks) {
  DrillOptions o = Options("lose-site");
  o.site = "da-nang";
  DrillReport site = Play(o);
  EXPECT_EQ(LifeOf(site, "making")->until, site.at);
  o = Options("lose-continent");
  o.continent = "EU";
  DrillReport continent = Play(o);
  EXPECT_FALSE(LifeOf(continent, "making")->until);
  o.continent = "XX";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.continent");
  o.continent = "EU";
  bench_.Write("holders", "EU,yes\nAS,yes\nNA,no\nk,2\n");
  o.holders = bench_ / "holders";
  EXPECT_EQ(RunDrill(o, clock_)->failed(), 1u);
  bench_.Write("holders", "EU,yes\nAS,yes\nNA,yes\nk,2\n");
  EXPECT_EQ(RunDrill(o, clock_)->failed(), 0u);
  bench_.Write("holders", "Atlantis,yes\n");
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.holders");

  o = Options("steal-pool");
  DrillReport pool = Play(o);
  EXPECT_EQ(pool.list.size(), 6u);
  o = Options("factory-link");
  o.hours = 30;
  o.per_hour = 1;
  DrillReport link = Play(o);
  EXPECT_EQ(link.counts[0].second, 30u);
  EXPECT_EQ(link.counts[1].second, 6u);  // from the pool
  EXPECT_EQ(link.counts[2].second, 6u);  // known more than a day late
}

TEST_F(Drills, WhatIsNotThereIsRefusedByName) {
  DrillOptions o = Options("stolen-reel");
  o.reel = "R1";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "reel.unknown");
  o = Options("seed-leak");
  o.batch = "B1";
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.batch");
  o = Options("warehouse");
  EXPECT_EQ(RunDrill(o, clock_).error().code, "drill.dates");
  EXPECT_EQ(RunDrill(Options("meteor"), clock_).error().code, "drill.name");
}

// Box is a file of the root's keys, as DS records.
anchors::AnchorFacts Box(std::initializer_list<size_t> keys) {
  std::string text;
  for (size_t i : keys) {
    const anchors::RootKey& k = anchors::RootKeys()[i];
    text += fmt::format(". IN DS {} 8 2 {}\n", k.tag, k.sha256);
  }
  return *anchors::ReadAnchors(AsBytes(text));
}

TEST(WarehouseNames, WhatABoxOfThatDayMakesOfTheRoot) {
  struct Case {
    const char* built;
    const char* open;
    std::initializer_list<size_t> box;
    bool works, unsigned_names;
    const char *found, *note;
  };
  const Case cases[] = {
      {"2023-06-01",
       "2025-06-01",
       {1},
       true,
       false,
       "KSK-2017 (20326) signs the root that day",
       "38696 (KSK-2024) goes from AddPend to Valid"},
      {"2023-06-01", "2026-09-20", {1}, true, false, "signs the root that day", "never again"},
      {"2023-06-01", "2026-11-22", {1}, false, false, "no name validates", "their announcement"},
      {"2023-06-01",
       "2027-02-01",
       {1},
       false,
       true,
       "believes names unsigned",
       "20326 (KSK-2017) goes from Valid to Revoked"},
      // Both are in the file; nobody had the second when the unit was built.
      {"2023-06-01",
       "2026-11-22",
       {1, 2},
       false,
       false,
       "the box has 20326 (KSK-2017);",
       "KSK-2024 is in the file"},
      {"2026-06-01",
       "2027-02-01",
       {1, 2},
       true,
       false,
       "KSK-2024 (38696) signs the root that day",
       "20326 (KSK-2017) goes from Valid to Revoked"},
      {"2012-06-01", "2020-02-01", {0}, false, false, "no name validates", nullptr},
  };
  for (const Case& c : cases) {
    const NamesPlayed p = PlayNames(Box(c.box), *ParseTime(c.built), *ParseTime(c.open));
    EXPECT_EQ(p.works, c.works) << c.open;
    EXPECT_EQ(p.unsigned_names, c.unsigned_names) << c.open;
    EXPECT_NE(p.found.find(c.found), std::string::npos) << p.found;
    EXPECT_TRUE(c.note == nullptr ||
                std::ranges::any_of(p.notes,
                                    [&](const std::string& n) { return n.find(c.note) != n.npos; }))
        << c.open << ": no \"" << c.note << "\"";
  }
  EXPECT_EQ(
      FormatDate(*PlayNames(Box({1}), *ParseTime("2023-06-01"), *ParseTime("2024-01-01")).until),
      "2026-10-11");
  EXPECT_EQ(PlayNames(Box({1, 2}), *ParseTime("2026-06-01"), *ParseTime("2026-07-01")).until,
            std::nullopt);
}

TEST(DrillReportText, DrawingHasBucketsAndNoColourOfJudgement) {
  DrillReport r{.name = "x", .about = "y", .maker = "Acme <b>", .at = TimeFromMillis(0)};
  r.affected.push_back({"p", "s", "2026-11", 4711, 12});
  r.lives.push_back({"the line", r.at, r.at + std::chrono::hours(30), "stop", true});
  std::string svg = ToSvg(r);
  EXPECT_EQ(svg.find("4711"), std::string::npos);
  EXPECT_NE(svg.find("10000"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  for (const char* bad : {"red", "green", "#f00", "#0f0", "http://www.w3.org/1999/xlink"})
    EXPECT_EQ(svg.find(bad), std::string::npos) << bad;
  EXPECT_NE(ToText(r).find("4711"), std::string::npos);
  EXPECT_NE(ToJson(r).find("4711"), std::string::npos);
}

}  // namespace
}  // namespace birthmark::app
