// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "crypto/digest.h"
#include "plan/cases_test.h"
#include "plan/diff.h"
#include "plan/parse.h"
#include "plan/show.h"
#include "plan/words.h"
#include "tests/support/temp_dir.h"

namespace birthmark::plan {
namespace {

Plan Good(const std::string& text) {
  Parsed p = ParsePlan(text);
  EXPECT_FALSE(p.findings.HasErrors()) << p.findings.ToString();
  return p.plan.value_or(Plan{});
}

TEST(Examples, CheckClean) {
  for (const Example& e : Examples()) {
    Parsed p = ReadPlan(e.text, "/");
    for (const Finding& f : p.findings.all()) {
      // Anchor files come from the system's packages; a machine without them says so here.
      if (f.code == "plan.anchor-file") {
        std::printf("not checked: %s\n", f.message.c_str());
        continue;
      }
      ADD_FAILURE() << e.name << ":" << f.line << " " << f.code << " " << f.message;
    }
  }
}

TEST(Examples, AreTheCommittedFiles) {
  for (const Example& e : Examples()) {
    std::ifstream in(std::string(BIRTHMARK_SOURCE_DIR "/examples/") + std::string(e.name) +
                     "/plan.toml");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(text, e.text);
  }
  EXPECT_EQ(FindExample("toaster"), nullptr);
}

TEST(Examples, ServerHasProcessorsThatReachOneAnother) {
  Plan p = Good(Text("server"));
  ASSERT_EQ(p.processors.size(), 3u);
  EXPECT_EQ(p.FindProcessor("gpu")->boots_after, "bmc");
  EXPECT_EQ(p.FindProcessor("gpu")->reaches, std::vector<std::string>{"host"});
  Plan other = Good(With(Text("server"), "reaches = [\"host\"]", "reaches = [\"host\", \"gpu\"]"));
  EXPECT_EQ(DiffText(DiffPlans(p, other)), "~ processor bmc reaches: host -> host, gpu\n");
  Parsed wrong = ParsePlan(With(Text("server"), "reaches = [\"host\"]", "reaches = [\"moon\"]"));
  EXPECT_TRUE(wrong.findings.Has("plan.processor-unknown")) << wrong.findings.ToString();
}

TEST(Examples, BmcIsAvocadoOverSerialAndCrossesABorder) {
  Plan p = Good(Text("bmc"));
  const IdentitySlot* slot = p.FindSlot(vocab::Identity::kIdevidSlot);
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->method, vocab::Method::kAvocado);
  EXPECT_EQ(slot->transfer, vocab::Transfer::kMechanicallyTransferred);
  ASSERT_NE(p.FindStep(vocab::StepKind::kShip), nullptr);
  EXPECT_EQ(p.FindStep(vocab::StepKind::kShip)->to, "brno");
  EXPECT_NE(p.sites[0].country, p.sites[1].country);
  EXPECT_EQ(p.board, Board::kBmc);
  EXPECT_EQ(p.PkiOf(*slot)->EeLevel(), 3);
  EXPECT_TRUE(p.PkiOf(*slot)->levels[0].lifetime.never);
  EXPECT_EQ(p.PkiOf(*slot)->levels[1].max_count, 50000u);
  EXPECT_TRUE(p.FindAnchor("boot")->generated);
  EXPECT_TRUE(p.FindAnchor("owner")->file.empty());
  EXPECT_EQ(p.FindAnchorKind(vocab::AnchorKind::kDnssec)->file, "/usr/share/dns/root.key");
  EXPECT_EQ(p.digest, crypto::Sha256(AsBytes(p.raw)));
}

TEST(Examples, BulbIsBambooInOneImage) {
  Plan p = Good(Text("bulb"));
  EXPECT_EQ(p.FindSlot(vocab::Identity::kIdevidSlot)->method, vocab::Method::kBamboo);
  EXPECT_NE(p.FindStep(vocab::StepKind::kSingleImageWrite), nullptr);
  EXPECT_EQ(p.FindPki("code-pki")->EeLevel(), 1) << "a bare key is a level-1 PKI";
}

TEST(Parse, FindingsComeAllAtOnceInTheOrderOfTheFile) {
  std::string text = With(Text("bmc"), "country = \"TW\"", "country = \"XX\"");
  text = With(text, "store = \"nor-second\"", "store = \"nor1\"");
  text = With(text, "method = \"avocado\"", "method = \"broccoli\"");
  Parsed p = ReadPlan(text, "/");
  EXPECT_TRUE(p.findings.Has("plan.country-unknown"));
  EXPECT_TRUE(p.findings.Has("plan.store-unknown"));
  EXPECT_TRUE(p.findings.Has("plan.word-unknown"));
  const auto& all = p.findings.all();
  EXPECT_TRUE(
      std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.line < b.line; }));
}

TEST(Parse, ADanglingStoreNamesLineSubjectAndFix) {
  std::string text = With(Text("bmc"), "id = \"update\"", "id = \"update\"\n#");
  text = With(text, "form = \"certificate\"\nstore = \"nor-second\"",
              "form = \"certificate\"\nstore = \"nor-secund\"");
  Findings f = ParsePlan(text).findings;
  ASSERT_TRUE(f.Has("plan.store-unknown"));
  for (const Finding& one : f.all()) {
    if (one.code != "plan.store-unknown") continue;
    EXPECT_EQ(one.message, "anchor \"update\" is in \"nor-secund\"");
    EXPECT_EQ(one.fix, "declare store \"nor-secund\", or use \"nor-second\"");
    auto before = static_cast<size_t>(text.find("nor-secund"));
    EXPECT_EQ(one.line,
              1 + std::count(text.begin(), text.begin() + static_cast<long>(before), '\n'));
  }
}

TEST(Parse, ALaterRevisionsNameIsPointedToTheStoredOne) {
  Findings f =
      ParsePlan(With(Text("bulb"), "method = \"bamboo\"", "method = \"broccoli\"")).findings;
  ASSERT_TRUE(f.Has("plan.word-unknown"));
  EXPECT_NE(f.ToString().find("did you mean \"bamboo\"?"), std::string::npos);
}

TEST(Parse, AMisspeltKeyIsPointedToTheRightOne) {
  Findings f = ParsePlan(With(Text("bmc"), "hardware-variant", "hardware-varaint")).findings;
  EXPECT_NE(f.ToString().find("did you mean \"hardware-variant\"?"), std::string::npos);
}

TEST(Parse, HostileTextIsRefusedInBoundedDepth) {
  EXPECT_TRUE(ParsePlan("a = " + std::string(500, '[')).findings.Has("plan.syntax"));
  std::string dotted = "a";
  for (int i = 0; i < 400; ++i) dotted += ".a";
  EXPECT_TRUE(ParsePlan(dotted + " = 1").findings.Has("plan.syntax"));
  EXPECT_FALSE(ParsePlan(std::string(1000, '\0')).plan);
  EXPECT_TRUE(ParsePlan("").findings.HasErrors());
  EXPECT_TRUE(ParsePlan("product = 1\nsite = 2\nstep = []\npki = [1]\n").findings.Has("plan.type"));
}

TEST(Parse, ControlCharactersAndLongTextsAreRefused) {
  EXPECT_TRUE(
      ParsePlan(With(Text("bmc"), "\"Acme\"", "\"Ac\\u001bme\"")).findings.Has("plan.value"));
  EXPECT_TRUE(ParsePlan(With(Text("bmc"), "\"Acme\"", "\"" + std::string(65, 'A') + "\""))
                  .findings.Has("plan.value"));
}

TEST(Parse, DeclarationsGetTheirPlainSubjects) {
  Plan p = Good(Text("bmc"));
  for (const Declared& d : p.declared) EXPECT_FALSE(d.subject.empty()) << ToText(d.question);
  auto level = std::find_if(p.declared.begin(), p.declared.end(), [](auto& d) {
    return d.question == vocab::Question::kIdentityPkiLevel;
  });
  ASSERT_NE(level, p.declared.end());
  EXPECT_EQ(level->subject, "identity-pki:identity");
}

TEST(Parse, AnOpenDescriptionOfStorageIsADescription) {
  std::string text = With(
      Text("bmc"),
      "value = { class = \"software\", online = false, description = \"encrypted key file on a "
      "machine without network\" }",
      "value = \"in a safe\"");
  Parsed p = ReadPlan(text, "/");
  EXPECT_FALSE(p.findings.Has("plan.declared-value")) << p.findings.ToString();
}

class CountingInspector : public AnchorInspector {
 public:
  int seen = 0;
  Findings Inspect(const Anchor& anchor, ByteView file) override {
    ++seen;
    Findings f;
    if (AsText(file) != "a key") f.Error("anchor.not-it", anchor.id + " is not it");
    return f;
  }
};

TEST(Check, AnchorFilesAreShownToTheInspectorWithTheirLine) {
  test::TempDir dir;
  std::ofstream(dir / "root.key") << "a key";
  std::ofstream(dir / "bundle.crt") << "a picture";
  std::string text = With(Text("bmc"), "/usr/share/dns/root.key", "root.key");
  text = With(text, "/etc/ssl/certs/ca-certificates.crt", "bundle.crt");
  text = With(text, "/usr/share/keyrings/debian-archive-keyring.gpg", "missing.gpg");
  CountingInspector inspector;
  Parsed p = ReadPlan(text, dir.path(), &inspector);
  EXPECT_EQ(inspector.seen, 2);
  ASSERT_TRUE(p.findings.Has("anchor.not-it"));
  ASSERT_TRUE(p.findings.Has("plan.anchor-file"));
  for (const Finding& f : p.findings.all()) EXPECT_GT(f.line, 0) << f.code;
}

TEST(Check, LoadPlanReadsTheFoldersFiles) {
  test::TempDir dir;
  std::ofstream(dir / "plan.toml") << Text("bulb");
  Result<Parsed> p = LoadPlan(dir / "plan.toml");
  ASSERT_TRUE(p);
  EXPECT_FALSE(p->findings.HasErrors()) << p->findings.ToString();
  EXPECT_FALSE(LoadPlan(dir / "none.toml"));
}

TEST(Check, ASubordinateMayLiveAsLongAsItsParentLessTheIssuingWindow) {
  // Root P30Y, subordinate P10Y which issues for P5Y: the root would do for 30, not for 31.
  std::string at = "lifetime = \"P10Y\"\nissuing-window = \"P5Y\"";
  EXPECT_FALSE(ReadPlan(With(Text("bmc"), at, With(at, "P10Y", "P30Y")), "/")
                   .findings.Has("plan.subordinate-outlives"));
  EXPECT_TRUE(ReadPlan(With(Text("bmc"), at, With(at, "P10Y", "P31Y")), "/")
                  .findings.Has("plan.subordinate-outlives"));
}

TEST(Serial, PatternsFillAndRefuse) {
  EXPECT_EQ(FormatSerial("BMC-{:04}", 7), "BMC-0007");
  EXPECT_EQ(FormatSerial("BMC-{:04}", 12345), "BMC-12345");
  EXPECT_EQ(FormatSerial("{}", 7), "7");
  EXPECT_EQ(FormatSerial("A{:012}B", 7), "A000000000007B");
  for (const char* zone : {"UTC", "UTC+1", "UTC-12", "UTC+14", "UTC+5:30"})
    EXPECT_TRUE(IsTimeZone(zone)) << zone;
  for (const char* other : {"", "CET", "UTC1", "UTC+", "UTC+01", "UTC+15", "UTC-13", "UTC+1:15"})
    EXPECT_FALSE(IsTimeZone(other)) << other;
  EXPECT_EQ(NumberOf("BMC-{:04}", "BMC-0007"), 7u);
  EXPECT_EQ(NumberOf("A{:03}B", "A1234B"), 1234u);
  for (const char* other : {"BMC-00007", "BMC-7", "BMC-", "XMC-0007", "BMC-0007 ", "BMC--007"})
    EXPECT_FALSE(NumberOf("BMC-{:04}", other)) << other;
  for (const char* good : {"BMC-{:04}", "{}", "x{:012}", "A.B-{:01}C"})
    EXPECT_TRUE(IsSerialPattern(good)) << good;
  for (const char* bad : {"", "BMC", "{}{}", "{:13}", "{:0}", "{:00}", "{:4}", "{:013}", "A B{}",
                          "A/{}", "A:{}", "}{", "{x}", "{:0x}", "é{}"}) {
    EXPECT_FALSE(IsSerialPattern(bad)) << bad;
  }
  EXPECT_FALSE(IsSerialPattern(std::string(40, 'A') + "{}"));
}

TEST(Words, ChangesReadAsWritten) {
  for (const char* text :
       {"no", "by:update via signed update", "role:owner via EST cacerts", "unprotected"}) {
    Change c;
    ASSERT_TRUE(FromText(text, c)) << text;
    EXPECT_EQ(ToText(c), text);
  }
  for (const char* bad : {"", "yes", "by:", "by:Up Date", "role:", "no via luck", "by:x via "}) {
    Change c;
    EXPECT_FALSE(FromText(bad, c)) << bad;
  }
}

TEST(Words, LifetimesReadAsWritten) {
  for (const char* text : {"never", "P2Y", "P18M", "P90D", "PT6H"}) {
    Lifetime l;
    ASSERT_TRUE(FromText(text, l)) << text;
    EXPECT_EQ(ToText(l), text);
  }
  Lifetime l;
  for (const char* bad : {"", "forever", "P0D", "-P1Y", "2 years"})
    EXPECT_FALSE(FromText(bad, l)) << bad;
}

TEST(Words, CountriesHaveOneContinent) {
  EXPECT_EQ(ContinentOf("CZ"), Continent::kEU);
  EXPECT_EQ(ContinentOf("TW"), Continent::kAS);
  EXPECT_EQ(ContinentOf("PA"), Continent::kNA);
  EXPECT_EQ(ContinentOf("CO"), Continent::kSA);
  EXPECT_EQ(ContinentOf("ZW"), Continent::kAF);
  EXPECT_EQ(ContinentOf("AU"), Continent::kOC);
  EXPECT_EQ(ContinentOf("AQ"), Continent::kAN);
  for (const char* bad : {"", "C", "cz", "ZZ", "CZE", "F ", " A"})
    EXPECT_FALSE(ContinentOf(bad)) << bad;
  int countries = 0;
  for (char a = 'A'; a <= 'Z'; ++a) {
    for (char b = 'A'; b <= 'Z'; ++b) countries += ContinentOf(std::string{a, b}).has_value();
  }
  EXPECT_EQ(countries, 249) << "ISO 3166-1 has 249 codes";
}

TEST(Words, OidsAndUrls) {
  for (const char* good : {"1.3.6.1.5.5.7.3.3", "2.999.1", "0.0"}) EXPECT_TRUE(IsOid(good)) << good;
  for (const char* bad :
       {"", "1", "3.1", "1.40", "1..2", "1.2.", ".1", "1.02", "1.a", "1.99999999999"}) {
    EXPECT_FALSE(IsOid(bad)) << bad;
  }
  EXPECT_TRUE(IsUrl("https://mud.acme.example/x.json", true));
  for (const char* bad :
       {"", "https://", "https:///x", "http://a", "ftp://a", "https://a b", "https://a\"b"}) {
    EXPECT_FALSE(IsUrl(bad, true)) << bad;
  }
}

// The document of the file form lists every code as the table has it.
TEST(Docs, ListEveryCode) {
  std::ifstream in(BIRTHMARK_SOURCE_DIR "/docs/formats/plan.md");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  for (const CodeExplanation& c : PlanCodes()) {
    std::string row = "| `" + std::string(c.code) + "` | " + std::string(c.text) + " |\n";
    EXPECT_NE(text.find(row), text.npos) << "docs/formats/plan.md lacks: " << row;
  }
}

TEST(Diff, NamesWhatChangedAndNothingElse) {
  Plan a = Good(Text("bmc"));
  EXPECT_TRUE(DiffPlans(a, a).empty());
  std::string text = With(Text("bmc"), "# A server's", "# Any server's");
  EXPECT_TRUE(DiffPlans(a, Good(text)).empty()) << "comments are no change";
  text = With(text, "firmware = \"1.0.0\"", "firmware = \"1.1.0\"");
  text = With(text, "max-count = 50000", "");
  text = With(text, "role = \"bmc\"", "role = \"bmc\"\nboots-after = \"gpu\"");
  text += "[[processor]]\nid = \"gpu\"\nname = \"g\"\nrole = \"gpu\"\n";
  std::string diff = DiffText(DiffPlans(a, Good(text)));
  EXPECT_EQ(diff,
            "~ product firmware: 1.0.0 -> 1.1.0\n"
            "- pki identity level 2 max-count: 50000\n"
            "+ processor soc boots-after: gpu\n"
            "+ processor gpu name: g\n"
            "+ processor gpu role: gpu\n");
}

TEST(Diff, AnotherOrderOfStepsIsAChange) {
  Plan a = Good(WithSteps(Text("bmc"), "bench",
                          {"first-stage-write", "private-memory-init", "identity-provision"}));
  Plan b = Good(WithSteps(Text("bmc"), "bench",
                          {"private-memory-init", "first-stage-write", "identity-provision"}));
  std::vector<PlanChange> changes = DiffPlans(a, b);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].where, "order of steps");
}

TEST(Adopt, ProductAndRootsNeverChange) {
  Plan a = Good(Text("bmc"));
  EXPECT_TRUE(CheckAdopt(a, a).empty());
  EXPECT_TRUE(
      CheckAdopt(a, Good(With(Text("bmc"), "firmware = \"1.0.0\"", "firmware = \"2\""))).empty());
  auto refused = [&](const std::string& from, const std::string& to) {
    return CheckAdopt(a, Good(With(Text("bmc"), from, to))).Has("plan.adopt-fixed");
  };
  EXPECT_TRUE(refused("id = \"ridgeback-s1\"", "id = \"ridgeback-s2\""));
  EXPECT_TRUE(refused("name = \"Acme Root R1\"", "name = \"Acme Root R2\""));
  EXPECT_TRUE(refused("algorithm = \"ecdsa-p384\"\noffline = true",
                      "algorithm = \"ecdsa-p256\"\noffline = true"));
  EXPECT_FALSE(refused("name = \"Acme Site CA {}\"", "name = \"Acme Plant CA {}\""))
      << "subordinates come and go";
}

TEST(New, MarksTheLinesThatAreYours) {
  std::string text = NewPlanLike(Text("bmc"));
  EXPECT_EQ(text.find("example = true"), text.npos);
  EXPECT_EQ(text.find("(yours"), text.npos);
  EXPECT_NE(text.find("# FILL as it is sold\n"), text.npos);
  EXPECT_GT(FillLines(text), 8);
  EXPECT_EQ(FillLines(Text("bmc")), 0);
  Parsed p = ParsePlan(text);
  ASSERT_TRUE(p.plan);
  EXPECT_FALSE(p.findings.HasErrors());
  EXPECT_FALSE(p.plan->example);
}

TEST(Show, FitsATerminalAndDrawsWhatProtectsWhat) {
  for (const Example& e : Examples()) {
    std::string text = ShowPlan(Good(std::string(e.text)));
    size_t start = 0;
    while (start < text.size()) {
      size_t end = text.find('\n', start);
      EXPECT_LE(end - start, 80u) << text.substr(start, end - start);
      start = end + 1;
    }
  }
  std::string bmc = ShowPlan(Good(Text("bmc")));
  // The tree goes fuses, first stage, second stage, application: each a step further in.
  EXPECT_NE(bmc.find("\n  fuses  otp-fuse (internal)"), bmc.npos);
  EXPECT_NE(bmc.find("\n    nor-first  spi-nor (external), protected by anchor boot"), bmc.npos);
  EXPECT_NE(bmc.find("\n      nor-second  "), bmc.npos);
  EXPECT_NE(bmc.find("\n        nor-app  "), bmc.npos);
  EXPECT_NE(bmc.find("people withheld"), bmc.npos);
}

TEST(Show, ACircleOfStoresIsStillShown) {
  Parsed p = ParsePlan(With(Text("bmc"), "protected-by = \"boot\"", "protected-by = \"update\""));
  ASSERT_TRUE(p.plan);
  std::string text = ShowPlan(*p.plan);
  for (const Store& s : p.plan->stores) EXPECT_NE(text.find("  " + s.id + "  "), text.npos) << s.id;
}

}  // namespace
}  // namespace birthmark::plan
