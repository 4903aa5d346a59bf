// SPDX-License-Identifier: Apache-2.0
#include "disclose/show.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "disclose/compare.h"
#include "disclose/json.h"
#include "disclose/test_disclosure.h"
#include "disclose/words.h"

namespace birthmark::disclose {
namespace {

using nlohmann::json;
using test::Sample;

constexpr std::string_view kMarks = "REHEARSAL: devices are emulated, keys are rehearsal keys";

OpenedDisclosure ShownOpened(Disclosure d) {
  return {std::move(d), "a.birthmark", "CN=signer", true};
}

// Bulb is another maker's product: other words, other anchors, a question fewer.
Disclosure Bulb() {
  Disclosure d = Sample();
  d.product.name = "Lumo A19";
  d.revision = "15";
  d.anchors[1].kind = "webpki";
  d.anchors.push_back(d.anchors[0]);
  d.anchors[2].id = "boot-2";
  d.answers[0].question = "initial-enclave-confidentiality-key";
  return d;
}

void ExpectNarrow(const std::string& text) {
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    EXPECT_LE(Columns(text.substr(start, end - start)), 80u) << text.substr(start, end - start);
  }
}

TEST(Show, BeginsWithTheMarks) {
  EXPECT_TRUE(ShowText(ShownOpened(Sample())).starts_with(kMarks));
  Disclosure production = Sample();
  production.rehearsal = false;
  production.marks.clear();
  EXPECT_EQ(ShowText(ShownOpened(production)).find("REHEARSAL"), std::string::npos);
}

TEST(Show, SaysEveryAnswerAndHowItIsKnown) {
  const std::string text = ShowText(ShownOpened(Sample()));
  for (const char* part : {"measured 1 ≠ declared 0", "withheld (customer contract)",
                           "not applicable (root is not split)", "not answered", "Ridgeback S1",
                           "level 3", "Anchor update", "avocado: device-generated"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  ExpectNarrow(text);
}

TEST(Show, ThePkisOfSeveralIdentitiesAreToldApart) {
  Disclosure d = Sample();
  auto of_pki = std::ranges::find_if(
      d.answers, [](const answer::Answer& a) { return a.subject.starts_with("identity-pki:"); });
  ASSERT_NE(of_pki, d.answers.end());
  const std::string one = ShowText(ShownOpened(d));
  EXPECT_EQ(one.find("Identity PKI "), std::string::npos);
  answer::Answer second = *of_pki, third = *of_pki;
  second.subject = "identity-pki:attestation";
  third.subject = "identity-pki:slot/password";
  d.answers.push_back(second);
  d.answers.push_back(third);
  const std::string text = ShowText(ShownOpened(d));
  for (const char* heading : {"\nIdentity PKI identity\n", "\nIdentity PKI attestation\n",
                              "\nIdentity password, which has no PKI\n"}) {
    EXPECT_NE(text.find(heading), std::string::npos) << heading << "\n" << text;
  }
  ExpectNarrow(text);
}

TEST(Show, AnEmptyDisclosureIsShownToo) { ExpectNarrow(ShowText(ShownOpened(Disclosure()))); }

TEST(Show, HostileTextCannotReachTheTerminal) {
  Disclosure d = Sample();
  const std::string evil = "\x1b]0;evil\x07\xc2\x9b\xe2\x80\xae";
  d.product = {evil, evil, evil, evil, evil, {}};
  d.marks = {evil};
  d.sites[0].id = d.anchors[0].id = d.anchors[0].kind = d.stages[0].id = d.stores[0].kind = evil;
  d.identities[0].places[0].where = d.pkis[0].levels[0].name = d.revision = d.program = evil;
  d.answers[0].question = evil;
  d.answers[0].measured->value = cbor::Value(cbor::Map{{evil, evil}});
  d.answers[0].measured->basis = evil;
  d.answers[3].why = evil;
  d.answers[4].state = evil;
  const std::vector<OpenedDisclosure> all = {ShownOpened(d), ShownOpened(Sample())};
  for (const std::string& text : {ShowText(all[0]), CompareText(all).value()}) {
    EXPECT_EQ(text.find_first_of("\x1b\x07\r"), std::string::npos);
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
    ExpectNarrow(text);
  }
}

TEST(ShowJson, HoldsEveryField) {
  test::Chain chain = test::MakeChain("Acme");
  const Bytes file = SignDisclosure(Sample(), chain.certificates, *chain.key).value();
  const json j = json::parse(ShowJson(Verify(file, {}), "a.birthmark"));
  EXPECT_EQ(j.begin().key(), "disclosure");  // this parser sorts; the order is checked below
  EXPECT_TRUE(
      ShowJson(Verify(file, {}), "a").starts_with("{\n  \"rehearsal\": true,\n  \"marks\""));
  const Disclosure d = Sample();
  EXPECT_EQ(j["disclosure"].size(), cbor::ToValue(d).AsMap()->size());
  EXPECT_EQ(j["disclosure"]["anchors"][0]["digest"], ToHex(d.anchors[0].digest));
  EXPECT_EQ(j["disclosure"]["answers"][1]["measured"]["value"], 1);
  EXPECT_EQ(j["disclosure"]["checkpoint"], d.checkpoint);
  EXPECT_EQ(j["signer"]["chain"].size(), 2u);
}

TEST(VerifyJson, TellsIntactAndBroken) {
  test::Chain chain = test::MakeChain("Acme");
  Bytes file = SignDisclosure(Sample(), chain.certificates, *chain.key).value();
  json j = json::parse(VerifyJson(Verify(file, {{chain.root()}, {}}), "a\xff"));
  EXPECT_EQ(j["intact"], true);
  EXPECT_EQ(j["signer"]["state"], "as-named");
  EXPECT_EQ(j["contradictions"], false);
  EXPECT_EQ(j["rehearsal"], true);
  file.back() ^= 1;
  j = json::parse(VerifyJson(Verify(file, {}), "a"));
  EXPECT_EQ(j["intact"], false);
  EXPECT_EQ(j["error"]["code"], "cose.signature");
}

TEST(Compare, KeepsTheReadersOrderAndTheDraftsRows) {
  const std::vector<OpenedDisclosure> all = {ShownOpened(Bulb()), ShownOpened(Sample())};
  const Comparison c = Compare(all);
  ASSERT_GE(c.rows.size(), 3u);
  EXPECT_EQ(c.rows[0].question, "initial-enclave-location");
  EXPECT_EQ(c.rows[0].cells[0], nullptr);  // the bulb was not asked
  EXPECT_NE(c.rows[0].cells[1], nullptr);
  EXPECT_EQ(c.rows[1].question, "initial-enclave-privacy-key");  // by its later name in the bulb
  for (size_t i = 1; i < c.rows.size(); ++i) {
    if (c.rows[i].group == "device" && c.rows[i - 1].group == "device") {
      EXPECT_LE(QuestionRank(c.rows[i - 1].question), QuestionRank(c.rows[i].question));
    }
  }
}

TEST(Compare, AlignsAnchorsByKindWithGaps) {
  const std::vector<OpenedDisclosure> all = {ShownOpened(Bulb()), ShownOpened(Sample())};
  const Comparison c = Compare(all);
  ASSERT_EQ(c.anchors.size(), 4u);
  EXPECT_EQ(c.anchors[0].kind, "first-boot");
  EXPECT_EQ(c.anchors[1].kind, "first-boot");
  EXPECT_EQ(c.anchors[1].number, 2u);
  EXPECT_EQ(c.anchors[1].anchors[1], nullptr);
  EXPECT_EQ(c.anchors[2].kind, "software-update");
  EXPECT_EQ(c.anchors[2].anchors[0], nullptr);
  EXPECT_EQ(c.anchors[3].kind, "webpki");
}

TEST(Compare, TextIsNarrowMarkedAndHasNoTotals) {
  std::vector<OpenedDisclosure> all;
  for (size_t n = 1; n <= kMaxCompared; ++n) {
    all.push_back(ShownOpened(n % 2 == 1 ? Sample() : Bulb()));
    const std::string text = CompareText(all).value();
    EXPECT_TRUE(text.starts_with(kMarks));
    EXPECT_NE(text.find("m 1 ≠ d 0"), std::string::npos);
    for (const char* word : {"score", "total", "rank", " of 18"}) {
      EXPECT_EQ(text.find(word), std::string::npos) << word;
    }
    ExpectNarrow(text);
  }
}

TEST(Compare, RefusesNoneAndMoreThanFive) {
  EXPECT_EQ(CompareText({}).error().code, "compare.count");
  const std::vector<OpenedDisclosure> six(6, ShownOpened(Sample()));
  EXPECT_EQ(CompareText(six).error().code, "compare.count");
}

TEST(CompareJson, HasACellForEveryProduct) {
  const std::vector<OpenedDisclosure> all = {ShownOpened(Bulb()), ShownOpened(Sample())};
  const json j = json::parse(CompareJson(all));
  EXPECT_EQ(j["products"].size(), 2u);
  EXPECT_EQ(j["products"][0]["marks"].size(), 2u);
  for (const auto& row : j["rows"]) EXPECT_EQ(row["cells"].size(), 2u);
  EXPECT_TRUE(j["anchors"][1]["cells"][1].is_null());
}

}  // namespace
}  // namespace birthmark::disclose
