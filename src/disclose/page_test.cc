// SPDX-License-Identifier: Apache-2.0
#include "disclose/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "disclose/test_disclosure.h"

namespace birthmark::disclose {
namespace {

OpenedDisclosure Opened(Disclosure d) {
  return {std::move(d), "acme.birthmark", "CN=signer,O=Acme", false};
}

std::string Page(const Disclosure& d) {
  const OpenedDisclosure one[] = {Opened(d)};
  return RenderPage(one);
}

bool Has(std::string_view page, std::string_view what) {
  return page.find(what) != std::string_view::npos;
}

TEST(Page, EscapesEveryTextOfTheFile) {
  Disclosure d = test::Sample();
  const std::string evil = "<script>alert(1)</script>\" onload='x'";
  d.product.name = d.product.id = d.product.firmware = d.program = evil;
  d.sites[0].id = d.identities[0].slot = d.identities[0].places[0].where = evil;
  d.pkis[0].levels[0].name = d.stores[0].id = d.stages[0].id = d.anchors[0].id = evil;
  d.anchors[1].kind = d.identities[0].method = evil;
  d.answers[1].measured->method = d.answers[3].subject = evil;
  d.answers[0].measured->value = cbor::Value(evil);
  d.answers[4].state = d.answers[5].question = evil;
  const std::string page = Page(d);
  EXPECT_FALSE(Has(page, "<script"));
  EXPECT_FALSE(Has(page, "\" onload"));
  EXPECT_TRUE(Has(page, "&lt;script&gt;"));
  EXPECT_TRUE(Has(page, "default-src 'none'"));
  EXPECT_FALSE(Has(page, "http:"));
  EXPECT_FALSE(Has(page, "https:"));
}

TEST(Page, SaysRehearsalOnTopAndOverEveryPart) {
  const std::string page = Page(test::Sample());
  const size_t banner = page.find("REHEARSAL: devices are emulated");
  ASSERT_NE(banner, std::string::npos);
  EXPECT_LT(banner, page.find("<h1>"));
  EXPECT_TRUE(Has(page, "REHEARSAL</small>"));
  Disclosure production = test::Sample();
  production.rehearsal = false;
  production.marks.clear();
  EXPECT_FALSE(Has(Page(production), "REHEARSAL"));
}

TEST(Page, JudgesNothing) {
  std::string page = Page(test::Sample());
  std::transform(page.begin(), page.end(), page.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const char* word : {"score", "rank", "total", "grade", "recommend", "<meter", "<progress"}) {
    EXPECT_FALSE(Has(page, word)) << word;
  }
}

TEST(Page, SetsBothBasesSideBySideWhereTheyDiffer) {
  const std::string page = Page(test::Sample());
  EXPECT_TRUE(Has(page, "≠"));
  EXPECT_TRUE(Has(page, "first-stage-exposure/1"));
  EXPECT_TRUE(Has(page, "withheld: customer contract"));
  EXPECT_TRUE(Has(page, ToHex(Digest{9})));
}

TEST(Page, HoldsFiveProductsAndLeavesOutTheSixth) {
  std::vector<OpenedDisclosure> all(6, Opened(test::Sample()));
  for (size_t i = 0; i < all.size(); ++i)
    all[i].disclosure.product.name = "Product " + std::to_string(i + 1);
  const std::string page = RenderPage(all);
  EXPECT_TRUE(Has(page, "row c5"));
  EXPECT_TRUE(Has(page, "Product 5"));
  EXPECT_FALSE(Has(page, "Product 6"));
  EXPECT_TRUE(Has(page, "1 more were given"));
  EXPECT_EQ(page, RenderPage(all));
}

TEST(Page, DrawsWhatIsThereAndLeavesGaps) {
  Disclosure bare;
  bare.product.name = "Bare";
  EXPECT_TRUE(Has(Page(bare), "Bare"));
  EXPECT_TRUE(Has(RenderPage({}), "No disclosure was given"));
  const OpenedDisclosure both[] = {Opened(test::Sample()), Opened(bare)};
  EXPECT_TRUE(Has(RenderPage(both), "not in this disclosure"));
}

TEST(Page, EveryPartSurvivesValuesOfWrongShapes) {
  Disclosure d = test::Sample();
  for (const char* question :
       {"first-second-stage-gap", "first-stage-exposure", "identity-shared-split-extra",
        "identity-shared-split-continents", "identity-number-per-subordinate", "replace"}) {
    for (const cbor::Value& v :
         {cbor::Value(-5), cbor::Value(UINT64_MAX), cbor::Value("P99999999999999Y"),
          cbor::Value(cbor::Array{1, 2}), cbor::Value(),
          cbor::Value(cbor::Map{{"time-max", 7}, {"km-max", "far"}, {"handovers", UINT64_MAX}})}) {
      d.answers.push_back(test::Declared(question, "device", v));
    }
  }
  d.pkis[0].levels[1].not_after = INT64_MAX;
  d.pkis[0].levels[1].not_before = INT64_MIN;
  d.period_to = INT64_MIN;
  d.pkis[0].levels[0].level = UINT32_MAX;
  const std::string page = Page(d);
  EXPECT_FALSE(Has(page, "\"nan"));
  EXPECT_FALSE(Has(page, "\"inf"));
}

}  // namespace
}  // namespace birthmark::disclose
