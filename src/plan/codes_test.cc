// SPDX-License-Identifier: Apache-2.0
// Every finding code of a plan, produced once. A code that no case produces fails the last test.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "plan/cases_test.h"
#include "plan/diff.h"
#include "plan/parse.h"

namespace birthmark::plan {
namespace {

struct Case {
  std::string code;
  std::string text;
};

std::string Repeat(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

std::vector<Case> FormCases() {
  std::string bmc = Text("bmc");
  std::string many = bmc;
  for (int i = 0; i < 300; ++i)
    many += fmt::format("[[processor]]\nid = \"p{}\"\nname = \"p\"\nrole = \"r\"\n", i);
  return {
      {"plan.too-large", Repeat("# filler\n", 40000)},
      {"plan.not-text", "schema = \"\xff\""},
      {"plan.line-too-long", "# " + std::string(2000, 'x')},
      {"plan.syntax", "schema = "},
      {"plan.key-unknown", With(bmc, "hardware-variant", "hardware-varient")},
      {"plan.key-missing", With(bmc, "name = \"Ridgeback S1\"", "")},
      {"plan.type", With(bmc, "schema = 1", "schema = \"1\"")},
      {"plan.value", With(bmc, "latitude = 24.9937", "latitude = 95.0")},
      {"plan.word-unknown", With(bmc, "method = \"avocado\"", "method = \"durian\"")},
      {"plan.id-bad", With(bmc, "id = \"taoyuan\"", "id = \"Tao Yuan\"")},
      {"plan.id-duplicate", With(bmc, "id = \"nor-second\"", "id = \"boot\"")},
      {"plan.too-many", many},
      {"plan.date-bad", With(bmc, "date = 2026-11-02", "date = \"yesterday\"")},
      {"plan.duration-bad", With(bmc, "issuing-window = \"P2Y\"", "issuing-window = \"2 years\"")},
      {"plan.country-unknown", With(bmc, "country = \"TW\"", "country = \"ZZ\"")},
      {"plan.continent-differs", With(bmc, "continent = \"EU\"", "continent = \"AS\"")},
      {"plan.url-bad", With(bmc, "https://masa", "http://masa")},
      {"plan.oid-bad", With(bmc, "eku = [\"1.3.6.1.5.5.7.3.3\"]", "eku = [\"3.1\"]")},
      {"plan.link-unknown", With(bmc, "link = \"none\"", "link = \"pigeon\"")},
      {"plan.serial-pattern-bad", With(bmc, "BMC-{:04}", "BMC {:04}")},
      {"plan.serial-source", With(bmc, "serial-pattern = \"BMC-{:04}\"", "")},
      {"plan.site-unknown", With(bmc, "site = \"brno\"", "site = \"bruno\"")},
      {"plan.station-unknown", With(bmc, "station = \"bench\"", "station = \"bank\"")},
      {"plan.processor-unknown", With(bmc, "processor = \"soc\"", "processor = \"cpu\"")},
      {"plan.store-unknown", With(bmc, "store = \"nor-second\"", "store = \"nor1\"")},
      {"plan.anchor-unknown", With(bmc, "verified-by = \"boot\"", "verified-by = \"boto\"")},
      {"plan.pki-unknown", With(bmc, "pki = \"boot-pki\"", "pki = \"shoe-pki\"")},
      {"plan.superior-unknown", With(bmc, "protected-by = \"boot\"", "protected-by = \"boto\"")},
      {"plan.declared-unknown",
       With(bmc, "question = \"pki-breadth\"", "question = \"pki-width\"")},
  };
}

std::vector<Case> OrderCases() {
  std::string bmc = Text("bmc"), bulb = Text("bulb");
  auto s = [&](std::vector<std::string> steps) { return WithSteps(bmc, "bench", steps); };
  std::string id = "identity-provision", first = "first-stage-write", test = "test-image-write";
  return {
      {"plan.order-no-first-stage", s({test, "private-memory-init", id, "test-image-erase"})},
      {"plan.order-second-stage", s({"second-stage-write", first})},
      {"plan.order-production-image", s({first, "production-image-write", "second-stage-write"})},
      {"plan.order-tam", s({"tam-install", first})},
      {"plan.order-first-stage-lock", s({"first-stage-lock", first})},
      {"plan.order-after-first-stage-lock", s({first, "first-stage-lock", "boot-anchor-write"})},
      {"plan.order-boot-trial", s({"boot-trial", first})},
      {"plan.order-test-image-erase", s({"test-image-erase", test, first})},
      {"plan.order-test-image-kept", s({test, first})},
      {"plan.order-system-test", s({test, "test-image-erase", "system-test", first})},
      {"plan.order-no-stage",
       WithSteps(bulb, "burner", {"single-image-write", "second-stage-write"})},
      {"plan.order-no-identity", s({first})},
      {"plan.link-closed",
       With(bmc, "id = \"final\"\nsite = \"brno\"\nautomated = false\nlink = \"emulator\"",
            "id = \"final\"\nsite = \"brno\"\nautomated = false\nlink = \"openocd\"")},
      {"plan.order-identity-lock", s({first, "identity-lock", id})},
      {"plan.order-after-identity-lock", s({first, id, "identity-lock", id})},
      {"plan.order-private-memory", s({first, id, "private-memory-init"})},
      {"plan.order-no-code", s({id, first})},
      {"plan.order-lock-missing", s({first, id})},
      {"plan.order-lock-undeclared", With(bmc, "lock = \"fuse\"", "lock = \"none\"")},
      {"plan.order-after-tamper-proof", s({first, "tamper-proof", "rework"})},
      {"plan.order-after-port-lock", s({first, "port-lock", "jtag-test"})},
      {"plan.order-repeated", s({first, "private-memory-init", "private-memory-init"})},
      {"plan.order-ship-missing", s({first + "@smt-jtag", id})},
      {"plan.order-ship-where", s({first, "ship"})},
  };
}

std::vector<Case> MeaningCases() {
  std::string bmc = Text("bmc"), bulb = Text("bulb"), phone = Text("phone");
  std::string site_ca = "lifetime = \"never\"\nissuing-window = \"P2Y\"\nmax-count = 50000";
  std::string open =
      With(With(bmc, "verified-by = \"boot\"", ""), "lock = \"fuse\"", "lock = \"none\"");
  std::string no_boot = With(With(bmc, "kinds = [\"first-boot\"]", "kinds = [\"other\"]"),
                             "kinds = [\"first-boot\"]", "kinds = [\"other\"]");
  std::string slot =
      "[[identity]]\nslot = \"idevid\"\nmethod = \"avocado\"\ntransfer = \"network-transferred\"\n"
      "store = \"private\"\nalgorithm = \"ecdsa-p256\"\nidentity-lock = \"fuse\"\n";
  std::string said =
      "[[declared]]\nquestion = \"first-stage-exposure\"\nvalue = 1\nrole = \"x\"\ndate = "
      "2026-01-01\n";
  std::string gateway = Text("gateway");
  std::string other_element = With(
      gateway +
          "[[identity]]\nslot = \"attestation\"\nmethod = \"salak\"\ntransfer = "
          "\"mechanically-transferred\"\nstore = \"se\"\nalgorithm = \"ecdsa-p256\"\n"
          "identity-lock = \"fuse\"\n",
      "[[store]]\nid = \"tpm\"",
      "[[store]]\nid = \"se\"\nkind = \"secure-element\"\nprocessor = \"soc\"\n\n[[store]]\nid "
      "= \"tpm\"");
  return {
      {"plan.ca-option", With(Text("lock"), "ca-option = \"generic\"", "")},
      {"plan.ca-option", With(Text("lock"), "ca-option = \"generic\"",
                              "ca-option = \"generic\"\ndisclosure = \"maker.birthmark\"")},
      {"plan.ca-option",
       With(bmc, "method = \"avocado\"", "ca-option = \"connected\"\nmethod = \"avocado\"")},
      {"plan.attestation",
       With(bmc, "method = \"avocado\"", "attestation = \"required\"\nmethod = \"avocado\"")},
      {"plan.vendor-roots", With(gateway, "vendor-roots = [\"rehearsal\"]", "")},
      {"plan.vendor-roots", With(gateway, "[device]\nboard = \"bmc\"", "")},
      {"plan.element-algorithm", With(With(gateway, "transfer = \"network-transferred\"",
                                           "transfer = \"mechanically-transferred\""),
                                      "store = \"tpm\"\nalgorithm = \"ecdsa-p256\"",
                                      "store = \"tpm\"\nalgorithm = \"ecdsa-p384\"")},
      {"plan.element-several", other_element},
      {"plan.pki-missing", With(bmc, "purpose = \"disclosure\"", "purpose = \"anchor\"")},
      {"plan.pki-levels", With(bmc, "level = 2", "level = 3")},
      {"plan.pki-purpose", With(bmc, "pki = \"boot-pki\"", "pki = \"identity\"")},
      {"plan.subordinate-outlives",
       With(bmc, "lifetime = \"P10Y\"\nissuing-window", "lifetime = \"P40Y\"\nissuing-window")},
      {"plan.leaf-outlives-chain", With(bmc, site_ca, With(site_ca, "never", "P10Y"))},
      {"plan.root-online", With(bmc, "offline = true", "offline = false")},
      {"plan.issuer-offline", With(bmc, site_ca, site_ca + "\noffline = true")},
      {"plan.subordinate-unlimited", With(bmc, site_ca, "lifetime = \"never\"")},
      {"plan.crl-url", With(bmc, site_ca,
                            site_ca + "\ncrl-lifetime = \"P7D\"\ncrl-url = "
                                      "\"https://pki.example/{}.crl\"")},
      {"plan.crl-url", With(bmc, site_ca, site_ca + "\nocsp-url = \"https://pki.example/{}\"")},
      {"plan.crl-url", With(bmc, site_ca, site_ca + "\nocsp-url = \"http://pki.example/\"")},
      {"plan.crl-lifetime", With(bmc, site_ca, site_ca + "\ncrl-reserve = 2")},
      {"plan.successors-lifetime",
       With(bmc, site_ca, With(site_ca, "never", "P10Y") + "\nsuccessors = 3")},
      {"plan.custody-algorithm",
       With(bmc, site_ca, site_ca + "\ncustody = \"threshold\"\noffline = true")},
      {"plan.custody-algorithm",
       With(bmc, "algorithm = \"ecdsa-p256\"\n" + site_ca,
            "algorithm = \"ed25519\"\n" + site_ca + "\ncustody = \"tpm2\"")},
      {"plan.custody-online", With(bmc, site_ca, site_ca + "\ncustody = \"split\"")},
      {"plan.custody-verifier", With(bmc, "name = \"Acme Boot Root\"",
                                     "custody = \"threshold\"\nname = \"Acme Boot Root\"")},
      {"plan.method-transfer", With(bmc, "transfer = \"mechanically-transferred\"",
                                    "transfer = \"mechanically-installed\"")},
      {"plan.method-store", With(bmc, "method = \"avocado\"", "method = \"salak\"")},
      {"plan.slot-duplicate", bmc + slot},
      {"plan.group-batch", With(bmc, "slot = \"idevid\"", "slot = \"group\"")},
      {"plan.slot-algorithm", With(phone, "\"ecdh-p256\"", "\"ecdsa-p256\"")},
      {"plan.slot-pki", With(phone, "derived = true", "pki = \"identity\"")},
      {"plan.slot-derived", With(phone, "on-label = true", "on-label = true\nderived = true")},
      {"plan.slot-mixes",
       With(With(Text("ecu"), "mixes-entropy = false", "mixes-entropy = true"),
            "transfer = \"mechanically-transferred\"", "transfer = \"network-transferred\"")},
      {"plan.slot-label", With(phone, "derived = true", "on-label = true")},
      {"plan.password-label", With(phone, "on-label = true", "")},
      {"plan.password-unscanned",
       With(phone, "{ name = \"quality-control\", station = \"box\" },", "")},
      {"plan.group-batch", With(phone, "batch = 100000", "batch = 1")},
      {"plan.idevid-missing", With(bmc, "slot = \"idevid\"", "slot = \"attestation\"")},
      {"plan.store-cycle", With(bmc, "protected-by = \"boot\"", "protected-by = \"update\"")},
      {"plan.store-unprotected", With(bmc, "protected-by = \"boot\"", "")},
      {"plan.stage-privileges", With(bmc, "verified-by = \"second\"",
                                     "verified-by = \"second\"\nprivileges = [\"read-private\"]")},
      {"plan.stage-anchor", With(bmc, "verified-by = \"second\"", "verified-by = \"update\"")},
      {"plan.first-stage-open", open},
      {"plan.first-boot-missing", no_boot},
      {"plan.processor-cycle",
       With(bmc, "role = \"bmc\"", "role = \"bmc\"\nboots-after = \"soc\"")},
      {"plan.anchor-source", With(bmc, "file = \"generated\"", "")},
      {"plan.anchor-file", With(bmc, "/usr/share/dns/root.key", "/nonexistent/root.key")},
      {"plan.anchor-algorithm",
       With(bmc, "algorithms = [\"ecdsa-p256\", \"ecdsa-p384\"]", "algorithms = [\"ed25519\"]")},
      {"plan.anchor-levels", With(bmc, "levels = [3]", "levels = [2]")},
      {"plan.anchor-subordinate",
       With(bmc, "levels = [3]", "levels = [3]\nsubordinate = \"Other CA\"")},
      {"plan.end-entity", With(bmc, "end-entity = { lifetime = \"never\" }",
                               "end-entity = { lifetime = \"never\", proof = \"required\" }")},
      {"plan.anchor-form", With(bmc, "form = \"key-digest\"", "form = \"certificate\"")},
      {"plan.serial-list",
       With(bmc, "serial-pattern = \"BMC-{:04}\"", "serial-list = \"nonexistent.txt\"")},
      {"plan.declared-subject", With(bmc, "value = 0", "value = 0\nsubject = \"anchor:boot\"")},
      {"plan.declared-duplicate", bmc + said},
      {"plan.declared-state",
       With(bmc, "state = \"withheld\"", "state = \"withheld\"\nvalue = { copies = 1 }")},
      {"plan.declared-reason", With(bmc, "reason = \"under review with the auditors\"", "")},
      {"plan.declared-value", With(bmc, "value = 0", "value = \"nobody\"")},
      {"plan.fill-left", NewPlanLike(bmc)},
  };
}

Findings Check(const std::string& text) { return ReadPlan(text, "/").findings; }

TEST(PlanCodes, EachIsProducedWithALineAndAFix) {
  for (const auto& cases : {FormCases(), OrderCases(), MeaningCases()}) {
    for (const Case& c : cases) {
      Findings f = Check(c.text);
      EXPECT_TRUE(f.Has(c.code)) << c.code << "\n" << f.ToString();
      for (const Finding& one : f.all()) {
        EXPECT_FALSE(one.fix.empty()) << one.code;
        bool whole_file = one.code == "plan.too-large" || one.code == "plan.not-text" ||
                          one.code == "plan.fill-left";
        EXPECT_EQ(one.line == 0, whole_file) << one.code << ": " << one.message;
      }
    }
  }
}

TEST(PlanCodes, ProductionRefusesWhatIsForRehearsals) {
  std::optional<Plan> example = ParsePlan(Text("bmc")).plan;
  std::optional<Plan> filled = ParsePlan(NewPlanLike(Text("bmc"))).plan;
  ASSERT_TRUE(example && filled);
  Findings f = CheckForProduction(*example);
  EXPECT_TRUE(f.Has("plan.pen-rehearsal"));
  EXPECT_TRUE(f.Has("plan.example"));
  EXPECT_TRUE(f.Has("plan.emulated"));
  EXPECT_TRUE(CheckForProduction(*filled).Has("plan.fill-left"));
  EXPECT_FALSE(CheckForProduction(*filled).Has("plan.example"));
}

TEST(PlanCodes, AProductionPlanPasses) {
  std::string text = With(Text("bulb"), "example = true", "");
  text = With(text, "[device]\nboard = \"bulb\"", "");
  text = With(text, "enterprise-number = 32473", "enterprise-number = 99999");
  for (int i = 0; i < 3; ++i) text = With(text, "link = \"emulator\"", "link = \"openocd\"");
  Parsed p = ReadPlan(text, "/");
  ASSERT_FALSE(p.findings.HasErrors()) << p.findings.ToString();
  EXPECT_TRUE(CheckForProduction(*p.plan).empty()) << CheckForProduction(*p.plan).ToString();
}

// Every code in the sources is explained, every explained code is used, and a case above produces
// it.
TEST(PlanCodes, TableSourcesAndCasesAgree) {
  std::set<std::string> explained, used, tested;
  for (const CodeExplanation& c : PlanCodes()) {
    explained.insert(std::string(c.code));
    EXPECT_GT(c.text.size(), 30u) << c.code;
  }
  for (const auto& entry : std::filesystem::directory_iterator(BIRTHMARK_SOURCE_DIR "/src/plan")) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(".cc") || name.ends_with("_test.cc")) continue;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    static const std::regex kCode("\"(plan\\.[a-z-]+[a-z])\"");
    std::string all = text.str();
    for (std::sregex_iterator it(all.begin(), all.end(), kCode), end; it != end; ++it)
      used.insert((*it)[1]);
  }
  // Reader makes these from the kind of the reference.
  for (const char* kind : {"site", "station", "processor", "store", "anchor", "pki", "superior"}) {
    used.insert(fmt::format("plan.{}-unknown", kind));
  }
  EXPECT_EQ(explained, used);
  for (const auto& cases : {FormCases(), OrderCases(), MeaningCases()}) {
    for (const Case& c : cases) tested.insert(c.code);
  }
  for (const char* elsewhere :
       {"plan.pen-rehearsal", "plan.example", "plan.emulated", "plan.adopt-fixed"}) {
    tested.insert(elsewhere);
  }
  EXPECT_EQ(explained, tested);
}

}  // namespace
}  // namespace birthmark::plan
