// SPDX-License-Identifier: Apache-2.0
#include "app/horizon.h"

#include "app/horizon_show.h"
#include "app/test_workspace.h"
#include "pki/validity.h"

namespace birthmark::app {
namespace {

int64_t At(std::string_view date) { return Millis(*ParseTime(date)); }

// Facts of a small workspace: a root, two subordinates, a year of units under the first.
HorizonFacts SmallFacts() {
  HorizonFacts f;
  f.name = "Acme";
  f.now = At("2026-11-22");
  CaLife root;
  root.id = root.issuer = "identity-1.1";
  root.pki = "identity";
  root.name = "Acme Root R1";
  root.state = "active";
  root.from = At("2026-11-22");
  root.to = root.chain_to = At("2046-11-22");
  CaLife sub = root;
  sub.id = "identity-2.1";
  sub.name = "Acme Site CA 1";
  sub.level = 2;
  sub.to = At("2056-01-01");  // longer than the root
  sub.issues_until = At("2028-11-22");
  sub.max_count = 1000;
  sub.issued = sub.live = sub.recent = 90;
  f.cas = {root, sub};
  f.identities = {{"identity-2.1", 90, At("2026-11-22"), pki::kNoEnd, pki::kNoEnd}};
  ProductLife p;
  p.plan = MustParse(PlanText("bmc"));
  p.plan.product.support = std::chrono::hours(24 * 3653);
  p.plan.product.warehouse = std::chrono::hours(24 * 730);
  p.plan.product.clock = false;
  p.plan.publication.exact_counts = false;
  p.first_unit = At("2026-11-22");
  p.units = 90;
  f.products = {p};
  f.anchors = {{p.plan.product.id,
                "webpki",
                "bundle",
                {{At("2020-01-01"), At("2027-03-01")},
                 {At("2020-01-01"), At("2027-09-01")},
                 {At("2020-01-01"), At("2041-01-01")}}}};
  return f;
}

Horizon See(const HorizonFacts& f) {
  return ForeseeFrom(f, *ParseTime("2026-11-22"), *ParseTime("2056-11-22"));
}

HorizonRow RowOf(const Horizon& h, std::string_view kind, std::string_view date) {
  for (const HorizonRow& r : h.rows) {
    if (r.kind == kind && FormatDate(TimeFromMillis(r.at)) == date) return r;
  }
  ADD_FAILURE() << "no " << kind << " on " << date << " in\n" << HorizonText(h);
  return {};
}

bool Remarks(const Horizon& h, std::string_view code) {
  return std::ranges::any_of(h.remarks, [&](const HorizonRemark& m) { return m.code == code; });
}

TEST(Horizon, AKeyOfTheDnsRootEndsForWhoLiesInABox) {
  HorizonFacts f = SmallFacts();
  f.anchors = {{.product = f.products[0].plan.product.id,
                .id = "dnssec",
                .verifies = "dns",
                .entries = {{At("2024-11-01"), At("2030-10-11")}, {At("2028-01-01"), 0}},
                .dns_root = true}};
  const HorizonRow row = RowOf(See(f), "anchor", "2030-10-11");
  EXPECT_NE(row.consequence.find("RFC 5011"), std::string::npos) << row.consequence;
}

TEST(Horizon, ALeafEndsWithItsChain) {
  const Horizon h = See(SmallFacts());
  const HorizonRow* leaf = nullptr;
  for (const HorizonRow& r : h.rows) {
    if (r.kind == "overhang" && r.what.starts_with("identities")) leaf = &r;
  }
  ASSERT_NE(leaf, nullptr) << HorizonText(h);
  // The root's end, not the subordinate's own, and not 9999.
  EXPECT_EQ(FormatDate(TimeFromMillis(leaf->at)), "2046-11-22");
  EXPECT_EQ(leaf->units, 90u);
  EXPECT_TRUE(Remarks(h, "horizon.no-end"));
}

TEST(Horizon, AWindowWithoutASuccessorStopsTheLine) {
  HorizonFacts f = SmallFacts();
  EXPECT_NE(RowOf(See(f), "window", "2028-11-22").consequence.find("the line stops"),
            std::string::npos);
  CaLife next = f.cas[1];
  next.id = "identity-2.2";
  next.state = "waiting";
  next.issues_until.reset();
  f.cas.push_back(next);
  EXPECT_EQ(RowOf(See(f), "window", "2028-11-22").consequence.find("the line stops"),
            std::string::npos);
}

TEST(Horizon, ACountIsForeseenAtThePaceOfLate) {
  HorizonFacts f = SmallFacts();
  f.cas[1].max_count = 190;  // 90 in 90 days: one a day, a hundred are left
  EXPECT_TRUE(RowOf(See(f), "window", "2027-03-02").estimate);
  // Where the window closes before, the count is not foreseen.
  f.cas[1].max_count = 100'000;
  for (const HorizonRow& row : See(f).rows) EXPECT_FALSE(row.estimate);
}

TEST(Horizon, CountsAreBucketsUnlessThePlanSaysExact) {
  HorizonFacts f = SmallFacts();
  EXPECT_NE(HorizonText(See(f)).find("<= 100"), std::string::npos);
  EXPECT_EQ(HorizonText(See(f)).find("touched: 90"), std::string::npos);
  f.products[0].plan.publication.exact_counts = true;
  EXPECT_NE(HorizonText(See(f)).find("touched: 90"), std::string::npos);
}

TEST(Horizon, BundlesAreToldByTheYear) {
  const Horizon h = See(SmallFacts());
  EXPECT_EQ(RowOf(h, "anchor", "2027-03-01").things, 2u);
  EXPECT_EQ(RowOf(h, "anchor", "2041-01-01").things, 1u);
  EXPECT_TRUE(Remarks(h, "horizon.before-support"));
  EXPECT_TRUE(Remarks(h, "horizon.before-opening"));
}

TEST(Horizon, PitfallsOfNumbers) {
  const Horizon h = See(SmallFacts());
  EXPECT_EQ(RowOf(h, "time32", "2038-01-19").units, 90u);
  EXPECT_EQ(RowOf(h, "encoding", "2050-01-01").units, 90u);
  EXPECT_TRUE(Remarks(h, "horizon.no-clock"));
}

TEST(Horizon, ThousandsOfAuthoritiesAreFewLines) {
  HorizonFacts f = SmallFacts();
  for (int i = 0; i < 10'000; ++i) {
    CaLife ca = f.cas[1];
    ca.id = "identity-2." + std::to_string(i + 2);
    ca.name = ca.id;
    ca.to = ca.chain_to = f.now + int64_t{i} * 86'400'000;
    ca.issues_until = ca.to;
    f.cas.push_back(ca);
  }
  const Horizon h = See(f);
  EXPECT_LT(h.rows.size(), 400u);
  EXPECT_LE(h.bars.size(), 60u);
  EXPECT_TRUE(Remarks(h, "horizon.by-year"));
  uint64_t ending = 0;
  for (const HorizonRow& r : h.rows) ending += r.kind == "authority" ? r.things : 0;
  EXPECT_EQ(ending, 10'002u);  // all but the one that ends before the horizon begins
}

TEST(Horizon, TextFitsEightyColumns) {
  std::string text = HorizonText(See(SmallFacts()));
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 80u) << text.substr(at, end - at);
    at = end + 1;
  }
}

TEST(Horizon, TheDrawingEscapesWhatStrangersWrote) {
  HorizonFacts f = SmallFacts();
  f.cas[0].name = "<script>alert(1)</script>";
  f.name = "\"Acme\" & <Sons>";
  const std::string svg = HorizonSvg(See(f));
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  EXPECT_EQ(svg.find("<Sons"), std::string::npos);
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
  EXPECT_EQ(svg.find("href"), std::string::npos) << "it needs no other file";
}

}  // namespace
}  // namespace birthmark::app
