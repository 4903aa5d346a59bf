// SPDX-License-Identifier: Apache-2.0
#include "vocab/vocab.h"

#include <gtest/gtest.h>

#include "vocab/rules.h"

namespace birthmark::vocab {
namespace {

template <class E>
void RoundTrip() {
  for (E e : All<E>()) {
    E back{};
    ASSERT_TRUE(FromText(ToText(e), back)) << ToText(e);
    EXPECT_EQ(back, e);
    EXPECT_EQ(FindById(RowOf(e).id), &RowOf(e));
    EXPECT_FALSE(RowOf(e).summary.empty()) << ToText(e);
    EXPECT_FALSE(RowOf(e).section.empty()) << ToText(e);
  }
}

TEST(Vocab, EveryWordReadsBack) {
  RoundTrip<Term>();
  RoundTrip<Birth>();
  RoundTrip<Method>();
  RoundTrip<Transfer>();
  RoundTrip<AnchorKind>();
  RoundTrip<Aspect>();
  RoundTrip<Identity>();
  RoundTrip<Question>();
  RoundTrip<KeySource>();
  RoundTrip<KeyProtection>();
  RoundTrip<KeyFact>();
  RoundTrip<StepKind>();
  RoundTrip<StageKind>();
  RoundTrip<StoreKind>();
  RoundTrip<AnswerState>();
  RoundTrip<Basis>();
  RoundTrip<Algorithm>();
}

// Ids are in signed records. This golden list only ever grows at the ends of its groups.
TEST(Vocab, IdsAreWhatTheyWere) {
  EXPECT_EQ(RowOf(Method::kAvocado).id, 111);
  EXPECT_EQ(RowOf(Method::kSapodilla).id, 115);
  EXPECT_EQ(RowOf(Transfer::kNetworkTransferred).id, 123);
  EXPECT_EQ(RowOf(AnchorKind::kOther).id, 209);
  EXPECT_EQ(RowOf(Aspect::kKeep).id, 224);
  EXPECT_EQ(RowOf(Question::kInitialEnclaveLocation).id, 601);
  EXPECT_EQ(RowOf(Question::kPkiAnchorStorage).id, 618);
  EXPECT_EQ(RowOf(StepKind::kShip).id, 823);
}

TEST(Vocab, StoredNamesAreThoseOf02AndNoOthers) {
  Method m{};
  EXPECT_TRUE(FromText("bamboo", m));
  EXPECT_FALSE(FromText("broccoli", m));
  EXPECT_FALSE(FromText("Bamboo", m));
  EXPECT_FALSE(FromText("", m));
}

TEST(Vocab, AnyRevisionsNameIsUnderstoodWhenTyped) {
  EXPECT_EQ(FromAnyName<Method>("broccoli"), Method::kBamboo);
  EXPECT_EQ(FromAnyName<Method>("Squash"), Method::kSalak);
  EXPECT_EQ(FromAnyName<Question>("initial-enclave-confidentiality-key"),
            Question::kInitialEnclavePrivacyKey);
  EXPECT_EQ(FromAnyName<Term>("TrAnc"), Term::kTrustAnchor);
  EXPECT_FALSE(FromAnyName<Method>("durian"));
  EXPECT_FALSE(FromAnyName<Method>(""));
}

TEST(Vocab, NamesFollowTheRevision) {
  EXPECT_EQ(NameIn(Method::kBamboo, Revision::k02), "bamboo");
  EXPECT_EQ(NameIn(Method::kBamboo, Revision::k15), "broccoli");
  EXPECT_EQ(NameIn(Method::kSalak, Revision::k15), "squash");
  EXPECT_EQ(NameIn(Method::kSapodilla, Revision::k15), "spinach");
  EXPECT_EQ(NameIn(Method::kAvocado, Revision::k15), "avocado");
  EXPECT_EQ(NameIn(AnchorKind::kFirstBoot, Revision::k15), "First-Stage Bootloader Trust Anchor");
  EXPECT_EQ(NameIn(AnchorKind::kOther, Revision::k15), "other")
      << "-15 drops 3.9; the stored name stays";
}

TEST(Vocab, OneQuestionWasRenamedBy15) {
  int renamed = 0;
  for (const Row& r : Rows(Group::kQuestion)) renamed += r.in02 != r.in15;
  EXPECT_EQ(renamed, 1);
}

TEST(Vocab, QuestionsOfASectionShareTheirSubjects) {
  for (const Row& r : Rows(Group::kQuestion)) {
    bool split = r.name.find("-split-") != r.name.npos;
    Subject want = r.section == "6.1"   ? Subject::kDevice
                   : r.section == "6.3" ? Subject::kAnchor
                   : split              ? Subject::kShareSet
                                        : Subject::kIdentityPki;
    EXPECT_EQ(r.subject, want) << r.name;
  }
}

TEST(Vocab, NamesOfANewerRevisionAreKept) {
  Open<Method> known{"avocado"}, unknown{"durian"};
  EXPECT_EQ(known.known(), Method::kAvocado);
  EXPECT_EQ(unknown.known(), std::nullopt);
  EXPECT_EQ(unknown.text, "durian");
}

TEST(Vocab, RevisionsReadAsPeopleWriteThem) {
  Revision r{};
  EXPECT_TRUE(FromText("-02", r));
  EXPECT_EQ(r, Revision::k02);
  EXPECT_TRUE(FromText("15", r));
  EXPECT_EQ(r, Revision::k15);
  EXPECT_FALSE(FromText("16", r));
}

TEST(Vocab, UnknownIdsFindNothing) { EXPECT_EQ(FindById(9999), nullptr); }

}  // namespace
}  // namespace birthmark::vocab
