// SPDX-License-Identifier: Apache-2.0
#include "ceremony/script.h"

#include <gtest/gtest.h>

#include "ceremony/binding.h"
#include "ceremony/numbers.h"
#include "ceremony/test_room.h"

namespace birthmark::ceremony {
namespace {

Script Example() {
  ScriptKey root = TestKey("identity-1.1", Custody::kThreshold);
  ScriptKey sub = TestKey("identity-2.1", Custody::kSplit, crypto::Algorithm::kEcdsaP384);
  sub.level = 2;
  sub.parent = root.id;
  sub.path_length = 0;
  ScriptKey hsm = TestKey("update-1.1", Custody::kPkcs11, crypto::Algorithm::kEcdsaP256);
  hsm.lifetime.never = true;
  return TestScript({root, sub, hsm});
}

std::string With(std::string text, std::string_view from, std::string_view to) {
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

TEST(Script, WrittenAndReadItIsTheSame) {
  Script s = Example();
  s.requests = {{.name = "identity-3.1", .digest = {1, 2}, .issuer = "identity-2.1"}};
  s.title = "with \"quotes\" and \\";
  s = Usual(std::move(s));
  ParsedScript again = ParseScript(FormatScript(s));
  ASSERT_TRUE(again.script);
  EXPECT_EQ(FormatScript(*again.script), FormatScript(s));
  EXPECT_EQ(again.script->title, s.title);
  ASSERT_EQ(again.script->keys.size(), 3u);
  EXPECT_EQ(again.script->keys[1].custody, Custody::kSplit);
  EXPECT_EQ(again.script->keys[1].algorithm, crypto::Algorithm::kEcdsaP384);
  EXPECT_TRUE(again.script->keys[2].lifetime.never);
  EXPECT_EQ(again.script->requests.at(0).digest, s.requests[0].digest);
}

TEST(Script, WhatIsWrongIsFoundByName) {
  const std::string good = FormatScript(Example());
  auto finds = [](const std::string& text, std::string_view code) {
    ParsedScript p = ParseScript(text);
    EXPECT_TRUE(p.findings.Has(code)) << code << " is not among:\n" << p.findings.ToString();
  };
  finds("x = ", "ceremony.syntax");
  finds(std::string(kMaxScriptBytes + 1, '#'), "ceremony.too-large");
  finds(good + "k = 3\n", "ceremony.numbers");
  finds(With(good, "custody = \"threshold\"", "custody = \"threshold\"\nthreshold = 3"),
        "ceremony.numbers");
  finds(With(good, "kind = \"make\"", "kind = \"makes\""), "ceremony.word-unknown");
  finds(With(good, "kind = \"make\"", "kinds = 1"), "ceremony.key-unknown");
  finds(With(good, "title = \"Acme: test\"\n", ""), "ceremony.key-missing");
  finds(With(good, "algorithm = \"ed25519\"", "algorithm = \"ecdsa-p256\""),
        "ceremony.threshold-algorithm");
  finds(With(good, "id = \"identity-2.1\"", "id = \"identity-1.1\""), "ceremony.key-twice");
  finds(With(good, "parent = \"identity-1.1\"", "parent = \"update-1.1\""), "ceremony.parent");
  finds(With(good, "parent = \"identity-1.1\"\n", ""), "ceremony.parent");
  finds(With(good, "path-length = 0", "path-length = 1"), "ceremony.path-length");
  finds(With(good, "lifetime = \"P3650D\"\ncustody = \"split\"",
             "lifetime = \"never\"\ncustody = \"split\""),
        "ceremony.outlives");
  finds(With(good, "custody = \"pkcs11\"", "custody = \"software\""), "ceremony.software-custody");
  finds(With(good, "do = \"hardware\"", "do = \"confirm\""), "ceremony.step-missing");
  finds(With(good, "do = \"executives\"", "do = \"confirm\""), "ceremony.step-order");
  finds(With(good, "key = \"identity-1.1\"", "key = \"nobody\""), "ceremony.step-key");
  finds(With(good, ", \"internal-witness\"", ""), "ceremony.role");
  finds(With(good, "rehearsal = true", "rehearsal = true\nlog = \"x\""), "ceremony.log");
  finds(With(good, "rehearsal = true", "rehearsal = \"yes\""), "ceremony.type");
  finds(With(good, "title = \"Acme: test\"", "title = \"\""), "ceremony.value");
  finds(With(good, "Acme: test", "Acme\xff"), "ceremony.not-text");
  finds("# " + std::string(5000, 'x') + "\n" + good, "ceremony.line-too-long");
  finds(With(good, "lifetime = \"never\"", "lifetime = \"ten years\""), "ceremony.duration-bad");
  finds(With(good, "id = \"update-1.1\"", "id = \"Update 1\""), "ceremony.id-bad");
  finds(With(good, "id = \"script\"", "id = \"people\""), "ceremony.id-duplicate");
  finds(With(good, "lifetime = \"never\"",
             "lifetime = \"never\"\nspki = \"" + std::string(64, 'a') + "\""),
        "ceremony.key-spki");
  finds(With(good, "kind = \"make\"", "kind = \"sign\""), "ceremony.key-spki");
  finds(With(good, "lifetime = \"never\"", "lifetime = \"never\"\ncrl-url = \"ftp://x\""),
        "ceremony.url-bad");
  finds(With(good, "rehearsal = true", "rehearsal = true\nplan = \"abc\""), "ceremony.digest");
  const size_t key = good.rfind("[[key]]"), step = good.find("[[step]]");
  std::string keys = good;
  for (int i = 0; i < 64; ++i) keys.insert(step, good.substr(key, step - key));
  finds(keys, "ceremony.keys");
  const std::string request = "\n[[request]]\nname = \"a\"\nsha256 = \"" + std::string(64, 'a') +
                              "\"\nissuer = \"identity-1.1\"\n";
  finds(good + request + request, "ceremony.request-twice");
  finds(good + With(request, "identity-1.1", "identity-9.9"), "ceremony.request-issuer");
  std::string many = good;
  for (int i = 0; i < 1100; ++i) many += With(request, "\"a\"", fmt::format("\"a{}\"", i));
  finds(many, "ceremony.too-many");
  finds(With(good, "rehearsal = true",
             "rehearsal = true\nchallenge = \"" + std::string(64, 'a') + "\""),
        "ceremony.challenge");
}

TEST(Script, StepsHaveAnOrder) {
  Script s = Example();
  std::swap(s.steps[0], s.steps[1]);
  EXPECT_TRUE(ParseScript(FormatScript(s)).findings.Has("ceremony.step-missing"));
  s = Example();
  // The subordinate before its parent.
  auto root = std::ranges::find(s.steps, "identity-1.1", &ScriptStep::key);
  auto sub = std::ranges::find(s.steps, "identity-2.1", &ScriptStep::key);
  std::swap(*root, *sub);
  EXPECT_TRUE(ParseScript(FormatScript(s)).findings.Has("ceremony.step-order"));
  s = Example();
  std::swap(s.steps.back(), s.steps[s.steps.size() - 2]);
  EXPECT_TRUE(ParseScript(FormatScript(s)).findings.Has("ceremony.step-order"));
}

TEST(Binding, IsComparedWithItsScript) {
  Script s = Example();
  auto codes = [&](std::string_view text) {
    ParsedBinding b = ParseBinding(text, s);
    std::string out;
    for (const Finding& f : b.findings.all()) out += f.code + " ";
    return out;
  };
  EXPECT_EQ(codes("[[store]]\nkey = \"update-1.1\"\nuri = \"pkcs11:token=a\"\n"), "");
  EXPECT_EQ(codes(FormatBinding(s)), "");
  EXPECT_EQ(codes(""), "ceremony.binding-missing ");
  EXPECT_EQ(codes("[[store]]\nkey = \"update-1.1\"\nuri = \"tpm2:x\"\n"), "ceremony.binding-uri ");
  EXPECT_EQ(codes("[[store]]\nkey = \"identity-1.1\"\nuri = \"pkcs11:x\"\n"),
            "ceremony.binding-key ceremony.binding-missing ");
  EXPECT_EQ(codes("pin = \"1\"\n"), "ceremony.key-unknown ceremony.binding-missing ");
}

TEST(Numbers, DrawnOnesFollowNoRule) {
  SystemRng rng;
  std::set<std::pair<int, int>> seen;
  for (int i = 0; i < 500; ++i) {
    Numbers x = DrawNumbers(rng);
    EXPECT_FALSE(FollowsRule(x)) << x.threshold << " of " << x.count;
    EXPECT_GE(x.threshold, 3);
    EXPECT_GE(x.count, x.threshold + 2);
    seen.insert({x.threshold, x.count});
  }
  EXPECT_GT(seen.size(), 8u);
  EXPECT_TRUE(FollowsRule({.threshold = 3, .count = 5}));
  EXPECT_TRUE(FollowsRule({.threshold = 3, .count = 6}));
  EXPECT_FALSE(FollowsRule({.threshold = 3, .count = 7}));
}

TEST(Numbers, ContinentsThatReachKAlone) {
  std::vector<Seat> seats = {
      {"a", 1, "EU"}, {"b", 2, "EU"}, {"c", 3, "NA"}, {"d", 4, "NA"}, {"e", 5, "AS"}};
  EXPECT_EQ(ContinentsAlone(seats, {1, 2, 3, 4, 5}, 2), 2u);
  EXPECT_EQ(ContinentsAlone(seats, {1, 2, 3}, 2), 1u);
  EXPECT_EQ(ContinentsAlone(seats, {1, 2, 3, 4, 5}, 3), 0u);
}

}  // namespace
}  // namespace birthmark::ceremony
