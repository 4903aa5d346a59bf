// SPDX-License-Identifier: Apache-2.0
#include "disclose/check.h"

#include <gtest/gtest.h>

#include "disclose/explain.h"
#include "disclose/test_disclosure.h"

namespace birthmark::disclose {
namespace {

using test::Sample;

answer::Answer& Find(Disclosure& d, std::string_view question) {
  for (auto& a : d.answers) {
    if (a.question == question) return a;
  }
  std::abort();
}

TEST(Check, HasNothingToSayAboutASoundDisclosure) {
  EXPECT_TRUE(Check(Sample()).empty()) << Check(Sample()).ToString();
}

TEST(Check, DeclaredAndMeasuredMayDiffer) {
  Disclosure d = Sample();
  EXPECT_TRUE(Find(d, "first-stage-exposure").differs);
  EXPECT_TRUE(Check(d).empty());
}

struct Fault {
  const char* code;
  void (*make)(Disclosure&);
};

class CheckFault : public testing::TestWithParam<Fault> {};

TEST_P(CheckFault, IsFoundAndFails) {
  Disclosure d = Sample();
  GetParam().make(d);
  const Findings found = Check(d);
  EXPECT_TRUE(found.Has(GetParam().code)) << found.ToString();
  EXPECT_TRUE(found.HasErrors());
  EXPECT_FALSE(ExplainCode(GetParam().code).empty());
}

TEST(ExplainCode, KnowsThisRoomAlone) {
  EXPECT_NE(ExplainCode("leak.narrow").find("three"), std::string_view::npos);
  EXPECT_TRUE(ExplainCode("plan.store-unknown").empty());
  EXPECT_TRUE(ExplainCode("").empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, CheckFault,
    testing::Values(
        Fault{"disclosure.answer-twice", [](Disclosure& d) { d.answers.push_back(d.answers[0]); }},
        Fault{"disclosure.question", [](Disclosure& d) { d.answers[0].question = "how-nice"; }},
        Fault{"disclosure.state", [](Disclosure& d) { d.answers[0].state = "maybe"; }},
        Fault{"disclosure.value-missing", [](Disclosure& d) { d.answers[0].measured.reset(); }},
        Fault{"disclosure.value-unasked",
              [](Disclosure& d) { d.answers[0].state = "not-answered"; }},
        Fault{"disclosure.why-missing",
              [](Disclosure& d) { Find(d, "identity-anchor-storage").why.reset(); }},
        Fault{"disclosure.why-missing",
              [](Disclosure& d) { Find(d, "identity-shared-split-extra").why = ""; }},
        Fault{"disclosure.differs", [](Disclosure& d) { d.answers[0].differs = true; }},
        Fault{"disclosure.differs",
              [](Disclosure& d) { Find(d, "first-stage-exposure").differs = false; }},
        Fault{"disclosure.basis", [](Disclosure& d) { d.answers[0].measured->basis = "guessed"; }},
        Fault{"disclosure.method-missing",
              [](Disclosure& d) { d.answers[0].measured->method = ""; }},
        Fault{"disclosure.evidence-missing",
              [](Disclosure& d) { d.answers[0].measured->evidence = {}; }},
        Fault{"disclosure.evidence-missing", [](Disclosure& d) { d.checkpoint = ""; }},
        Fault{"disclosure.evidence",
              [](Disclosure& d) { d.answers[0].measured->evidence.size = 5; }},
        Fault{"disclosure.evidence",
              [](Disclosure& d) { d.answers[0].measured->evidence.root = {}; }},
        Fault{"disclosure.checkpoint", [](Disclosure& d) { d.checkpoint = "hello"; }},
        Fault{"disclosure.period", [](Disclosure& d) { d.period_from = d.period_to + 1; }},
        Fault{"disclosure.period", [](Disclosure& d) { d.issued = d.period_to - 1; }},
        Fault{"disclosure.period", [](Disclosure& d) { d.answers[0].measured->to = 0; }},
        Fault{"disclosure.rehearsal-unmarked", [](Disclosure& d) { d.marks.clear(); }},
        Fault{"disclosure.mark", [](Disclosure& d) { d.rehearsal = false; }},
        Fault{"disclosure.product", [](Disclosure& d) { d.product.id = ""; }},
        Fault{"disclosure.continent", [](Disclosure& d) { d.sites[0].continent = "XX"; }},
        Fault{"disclosure.id-twice", [](Disclosure& d) { d.stores[1].id = "fuses"; }},
        Fault{"disclosure.id-twice",
              [](Disclosure& d) { d.identities.push_back(d.identities[0]); }},
        Fault{"disclosure.reference", [](Disclosure& d) { d.stages[0].store = "none"; }},
        Fault{"disclosure.reference", [](Disclosure& d) { d.stages[0].verified_by = "none"; }},
        Fault{"disclosure.reference", [](Disclosure& d) { d.anchors[0].store = "none"; }},
        Fault{"disclosure.reference", [](Disclosure& d) { d.stores[1].protected_by = "none"; }},
        Fault{"disclosure.reference", [](Disclosure& d) { d.identities[0].pki = "none"; }},
        Fault{"disclosure.reference",
              [](Disclosure& d) { Find(d, "replace").subject = "anchor:none"; }},
        Fault{"disclosure.store-internal", [](Disclosure& d) { d.stores[1].internal = true; }},
        Fault{"disclosure.pki-levels", [](Disclosure& d) { d.pkis[0].levels[1].level = 3; }},
        Fault{"disclosure.method", [](Disclosure& d) { d.identities[0].method = "turnip"; }},
        Fault{"disclosure.method",
              [](Disclosure& d) { d.identities[0].transfer = "mechanically-installed"; }},
        Fault{"disclosure.method",
              [](Disclosure& d) { d.identities[0].birth = "infrastructure-generated"; }},
        Fault{"disclosure.split-model", [](Disclosure& d) { d.split_model = "none"; }},
        Fault{
            "disclosure.drawing",
            [](Disclosure& d) { Find(d, "identity-pki-level").measured->value = cbor::Value(4); }},
        Fault{"disclosure.drawing",
              [](Disclosure& d) {
                d.answers[0] =
                    test::Declared("initial-enclave-location", "device", "external(spi-nor)");
              }},
        Fault{"disclosure.drawing",
              [](Disclosure& d) {
                d.answers.push_back(
                    test::Declared("initial-enclave-privacy-key", "device", "yes-shared-key"));
              }}),
    [](const testing::TestParamInfo<Fault>& info) {
      std::string name = fmt::format("{}_{}", info.param.code, info.index);
      for (char& c : name) {
        if (c == '.' || c == '-') c = '_';
      }
      return name;
    });

TEST(Check, AWordOfALaterRevisionIsNoContradiction) {
  Disclosure d = Sample();
  d.revision = "33";
  d.answers[0].question = "a-later-question";
  EXPECT_TRUE(Check(d).empty()) << Check(d).ToString();
}

TEST(Check, AttestedEvidenceIsASealedLogOfItsOwn) {
  Disclosure d = Sample();
  d.answers[0].measured->basis = "attested";
  d.answers[0].measured->evidence.origin = "acme/ceremony-1";
  EXPECT_TRUE(Check(d).empty()) << Check(d).ToString();
}

TEST(Check, HostileWordsAreMadeHarmless) {
  Disclosure d = Sample();
  d.answers[0].question = "\x1b[2J";
  EXPECT_EQ(Check(d).ToString().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace birthmark::disclose
