// SPDX-License-Identifier: Apache-2.0
// The answers as a whole: which there are, their evidence, and the states they take.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "answer/json.h"
#include "answer/recompute.h"
#include "answer/test_log.h"
#include "answer/text.h"
#include "answer/value.h"
#include "ledger/merkle.h"

namespace birthmark::answer {
namespace {

using test::TestLog;

std::string Declare(const std::string& question, const std::string& rest) {
  return "[[declared]]\nquestion = \"" + question + "\"\nrole = \"tester\"\ndate = 2026-11-01\n" +
         rest + "\n";
}

TEST(Answers, EveryQuestionIsAskedOfEverySubject) {
  TestLog log;
  std::map<std::string, std::set<std::string>> subjects;
  for (const Answer& a : log.Answers()) {
    EXPECT_TRUE(subjects[a.question].insert(a.subject).second)
        << a.question << " twice about " << a.subject;
  }
  EXPECT_EQ(subjects.size(), 22u);  // 18 questions, 4 aspects
  for (const auto& [question, about] : subjects) {
    const bool anchor = question.starts_with("pki-") || question.find("-") == std::string::npos;
    EXPECT_EQ(about.size(), anchor ? 3u : 1u) << question;
  }
}

TEST(Answers, AnEmptyLineMeasuresNothing) {
  TestLog log;
  for (const Answer& a : log.Answers()) {
    EXPECT_FALSE(a.measured) << a.question << " " << a.subject;
    EXPECT_FALSE(a.differs);
  }
}

TEST(Answers, WhatThePlanImpliesIsDeclaredNeverMeasured) {
  TestLog log;
  Answer a = log.Get("identity-pki-level", "identity-pki:identity");
  EXPECT_EQ(a.state, "answered");
  ASSERT_TRUE(a.declared);
  EXPECT_EQ(a.declared->role, "plan");
  EXPECT_EQ(a.declared->value, cbor::Value(3));
  EXPECT_FALSE(a.measured);
}

TEST(Answers, AWithheldAnswerTellsItsClauseAndNoValue) {
  TestLog log(test::PlanText(Declare("pki-anchor-storage",
                                     "subject = \"anchor:boot\"\nstate = \"withheld\"\nreason = "
                                     "\"under review\"\nclause = \"5.3.1\"")));
  log.MakeRoot("boot-root", "boot-pki");
  Answer a = log.Get("pki-anchor-storage", "anchor:boot");
  EXPECT_EQ(a.state, "withheld");
  EXPECT_EQ(a.why, "under review (5.3.1)");
  EXPECT_FALSE(a.measured);
  EXPECT_FALSE(a.declared);
}

TEST(Answers, ADeclaredNotApplicableGivesItsReason) {
  TestLog log(test::PlanText(Declare(
      "pki-anchor-storage",
      "subject = \"anchor:webpki\"\nstate = \"not-applicable\"\nreason = \"run by others\"")));
  Answer a = log.Get("pki-anchor-storage", "anchor:webpki");
  EXPECT_EQ(a.state, "not-applicable");
  EXPECT_EQ(a.why, "run by others");
}

TEST(Answers, NobodyTellsHowManyPeopleRecoverAKey) {
  TestLog log;
  log.MakeRoot("boot-root", "boot-pki");
  Answer a = log.Get("pki-anchor-storage", "anchor:boot");
  ASSERT_TRUE(a.measured);
  EXPECT_EQ(*a.measured->value.Find("class")->AsText(), "software");
  EXPECT_NE(a.why->find("5.3.1"), std::string::npos);
}

TEST(Answers, ALogWithoutPlanOrGenesisIsRefused) {
  TestLog log;
  log.Hide(1);
  auto no_plan = Evaluate(log, {});
  ASSERT_FALSE(no_plan);
  EXPECT_EQ(no_plan.error().code, "answer.no-plan");
  log.Hide(0);
  auto no_genesis = Evaluate(log, {});
  ASSERT_FALSE(no_genesis);
  EXPECT_EQ(no_genesis.error().code, "answer.no-genesis");
}

TEST(Answers, APlanThatIsNotItsDigestIsRefused) {
  TestLog log;
  log.Add(ledger::PlanAdopted{
      .text = ToBytes(test::PlanText()), .digest = {}, .product = "bulb", .version = 2});
  auto r = Evaluate(log, {});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "answer.plan-digest");
}

TEST(Answers, AnUnreadablePlanIsRefused) {
  TestLog log("schema = 1\n");
  auto r = Evaluate(log, {});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "answer.plan-unreadable");
}

TEST(Answers, TwoProductsNeedAName) {
  TestLog log;
  log.Add(ledger::PlanAdopted{.text = {}, .digest = {}, .product = "other"});
  auto r = Evaluate(log, {});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "answer.product-ambiguous");
  EXPECT_TRUE(Evaluate(log, {.product = "bulb"}));
}

TEST(Answers, UnitsOfAnotherProductDoNotCount) {
  TestLog log;
  auto v = log.Visit("B-1", "burner", {"first-stage-write"});
  v.unit = "other/B-1";
  log.Add(v);
  EXPECT_FALSE(log.Get("first-second-stage-gap").measured);
}

TEST(Answers, TheEvidenceIsTheTreeOverTheWholePrefix) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  auto all = EvaluateAll(log, {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->head.size, 4u);
  ledger::Frontier frontier;
  std::vector<Digest> leaves;
  ASSERT_TRUE(log.ForEach([&](uint64_t, const ledger::Event&, ByteView raw) -> Status {
    leaves.push_back(ledger::LeafHash(raw));
    frontier.Append(leaves.back());
    return {};
  }));
  EXPECT_EQ(all->head.root, frontier.Root());
  Answer gap = log.Get("first-second-stage-gap");
  // The two visits and the plan, in the order of the log.
  EXPECT_EQ(gap.measured->evidence.events,
            crypto::Sha256(ByteView(leaves[1]), ByteView(leaves[2]), ByteView(leaves[3])));
  EXPECT_EQ(gap.measured->evidence.origin, "acme/factory");
}

TEST(Recompute, TheSameLogGivesTheSameOctets) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  auto disclosed = EvaluateAll(log, {});
  ASSERT_TRUE(disclosed);
  log.At(test::kDay);
  log.Add(ledger::DisclosureSigned{.product = "bulb"});  // the log goes on
  log.Add(log.Visit("B-2", "burner", {"first-stage-write"}));
  auto again = Recompute(log, disclosed->answers, {.period = disclosed->period});
  ASSERT_TRUE(again);
  ASSERT_EQ(again->size(), 1u);
  EXPECT_EQ(again->front().outcome, Outcome::kSame) << again->front().what;
}

TEST(Recompute, AChangedValueIsNamed) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  auto disclosed = EvaluateAll(log, {});
  for (Answer& a : disclosed->answers) {
    if (a.measured) a.measured->value = "nicer";
  }
  auto again = Recompute(log, disclosed->answers, {.period = disclosed->period});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->front().outcome, Outcome::kDiffers);
  EXPECT_NE(again->front().what.find("disclosed nicer"), std::string::npos);
}

TEST(Recompute, ARedactedEventThatWasUsedIsNotInTheBundle) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  size_t lock = log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  auto disclosed = EvaluateAll(log, {});
  log.Hide(lock);
  auto again =
      Recompute(log, disclosed->answers, {.period = disclosed->period, .head = disclosed->head});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->front().outcome, Outcome::kNotInBundle);
}

TEST(Recompute, ARedactedEventThatWasNotUsedChangesNothing) {
  TestLog log;
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  size_t other = log.Add(ledger::SessionClosed{.id = "nobody"});
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  auto disclosed = EvaluateAll(log, {});
  log.Hide(other);
  auto again =
      Recompute(log, disclosed->answers, {.period = disclosed->period, .head = disclosed->head});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->front().outcome, Outcome::kSame) << again->front().what;
}

TEST(Recompute, AttestedAnswersAreLeftToTheirSeal) {
  TestLog log;
  Answer a;
  a.question = "identity-shared-split-extra";
  a.measured.emplace();
  a.measured->basis = "attested";
  auto r = Recompute(log, {a}, {});
  ASSERT_TRUE(r);
  EXPECT_EQ(r->front().outcome, Outcome::kAttested);
}

TEST(Recompute, ADisclosureOfManyPrefixesIsRefused) {
  TestLog log;
  std::vector<Answer> answers(5);
  for (size_t i = 0; i < answers.size(); ++i) {
    answers[i].measured.emplace();
    answers[i].measured->evidence.size = 2 + i;
  }
  auto r = Recompute(log, answers, {});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "answer.too-many-prefixes");
}

TEST(AnswerText, TheTableSaysWhatDiffersWithin80Columns) {
  TestLog log(test::PlanText(Declare(
      "first-second-stage-gap", "value = { km-max = 0, time-max = \"PT1S\", handovers = 0 }")));
  log.Add(log.Visit("B-1", "burner", {"first-stage-write"}));
  log.At(test::kDay);
  log.Add(log.Visit("B-1", "bench", {"first-stage-lock"}));
  const std::string table = ToTable(log.Answers(), vocab::Revision::k02);
  size_t start = 0;
  while (start < table.size()) {
    size_t end = table.find('\n', start);
    size_t columns = 0;
    for (size_t i = start; i < end; ++i) columns += (table[i] & 0xc0) != 0x80;
    EXPECT_LE(columns, 80u) << table.substr(start, end - start);
    start = end + 1;
  }
  EXPECT_NE(table.find("identity-pki-level"), std::string::npos);
  size_t gap = table.find("first-second-stage-gap");
  // Long values stand one below the other; the word is never cut off.
  EXPECT_NE(table.substr(gap, table.find('[', gap) - gap).find("differs\n"), std::string::npos)
      << table;
}

TEST(AnswerText, ALaterRevisionHasItsOwnNames) {
  EXPECT_EQ(ShownName("initial-enclave-privacy-key", vocab::Revision::k02),
            "initial-enclave-privacy-key");
  EXPECT_EQ(ShownName("initial-enclave-privacy-key", vocab::Revision::k15),
            "initial-enclave-confidentiality-key");
  TestLog log;
  EXPECT_NE(ToJson(log.Answers(), vocab::Revision::k15).find("confidentiality"), std::string::npos);
}

TEST(AnswerText, ControlCharactersOfAFileDoNotReachTheTerminal) {
  Answer a;
  a.question = "pki-level";
  a.subject = "anchor:\x1b[2J";
  a.state = "withheld";
  a.why = "\x1b]0;x\x07";
  for (const std::string& s :
       {ToTable({a}, vocab::Revision::k02), ToParagraphs({a}, vocab::Revision::k02)}) {
    EXPECT_EQ(s.find('\x1b'), std::string::npos);
  }
}

TEST(AnswerValue, BucketsAreNeverSmallerThanTheNumber) {
  EXPECT_EQ(Bucket(0), "0");
  EXPECT_EQ(Bucket(1), "<= 10");
  EXPECT_EQ(Bucket(10), "<= 10");
  EXPECT_EQ(Bucket(11), "<= 100");
  EXPECT_EQ(Bucket(1'204'518), "<= 10000000");
  EXPECT_EQ(RoundDistance(0.4), 0);
  EXPECT_EQ(RoundDistance(8949), 9000);
  EXPECT_EQ(RoundDistance(9600), 10000);
  EXPECT_EQ(BucketDuration(0), "PT0S");
  EXPECT_EQ(BucketDuration(41'000), "PT1M");
  EXPECT_EQ(BucketDuration(400 * test::kDay), "P730D");
}

TEST(AnswerValue, EachTypeHasItsRuleForDiffering) {
  EXPECT_TRUE(Differ("first-stage-exposure", 0, 1));
  EXPECT_FALSE(Differ("first-stage-exposure", 1, 1));
  EXPECT_FALSE(Differ("pki-breadth", 3, "<= 1000"));
  EXPECT_FALSE(Differ("identity-number-per-subordinate", 50000, "<= 100000"));
  EXPECT_TRUE(Differ("identity-number-per-subordinate", 5000, "<= 100000"));
  EXPECT_FALSE(Differ("identity-number-per-subordinate", "none", "<= 100000"));
  EXPECT_TRUE(Differ("identity-time-limits-per-subordinate", "P30D", "P31D"));
  EXPECT_FALSE(Differ("identity-time-limits-per-subordinate", "P30D", "P29D"));
  EXPECT_FALSE(Differ("identity-time-limits-per-subordinate", "none", "P29D"));
  EXPECT_FALSE(Differ("replace", "by:update via signed update", "by:update"));
  EXPECT_TRUE(Differ("replace", "no", "by:update"));
  EXPECT_FALSE(Differ("pki-algorithms", Set({"b", "a"}), Set({"a", "b", "a"})));
}

}  // namespace
}  // namespace birthmark::answer
