// SPDX-License-Identifier: Apache-2.0
// Path validation against NIST's PKITS and x509-limbo. Where our verdict is another than theirs,
// the case stands in a table here, and docs/chain-verify.md gives the reason.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "pki/validate.h"
#include "tests/support/vectors.h"

namespace birthmark::pki {
namespace {

using nlohmann::json;

json MustReadJson(const fs::path& file) {
  auto text = ReadTextFile(file, 16 * 1024 * 1024);
  if (!text) {
    ADD_FAILURE() << text.error().ToString();
    return {};
  }
  return json::parse(*text);
}

// Differences is what came out other than the vectors say: case to the first finding's code.
using Differences = std::map<std::string, std::string>;

std::string WhatDiffers(const Result<Validated>& r) {
  if (!r) return r.error().code;
  for (const RuleFinding& f : r->findings) {
    if (f.severity == Severity::kError) return f.code + " " + f.detail;
  }
  return "accepted";
}

std::string Listed(const Differences& d) {
  std::string out;
  for (const auto& [name, what] : d) out += "  " + name + ": " + what + "\n";
  return out;
}

std::vector<std::string> NamesOf(const Differences& d) {
  std::vector<std::string> out;
  for (const auto& [name, what] : d) out.push_back(name);
  return out;
}

class Pkits {
 public:
  explicit Pkits(fs::path dir) : dir_(std::move(dir)) {}

  Result<crypto::Certificate> Certificate(const std::string& name) const {
    BM_TRY(Bytes der, ReadFile(dir_ / "certs" / (name + ".crt"), 64 * 1024));
    return crypto::Certificate::FromDer(der);
  }
  Result<Bytes> Crl(const std::string& name) const {
    return ReadFile(dir_ / "crls" / (name + ".crl"), 64 * 1024);
  }

  Result<Validated> Run(const json& test) const {
    std::vector<crypto::Certificate> anchors, between;
    std::vector<Bytes> crls;
    const auto names = test["certs"].get<std::vector<std::string>>();
    for (const std::string& name : names) {
      BM_TRY(crypto::Certificate c, Certificate(name));
      (anchors.empty() ? anchors : between).push_back(std::move(c));
    }
    for (const std::string& name : test["crls"].get<std::vector<std::string>>()) {
      BM_TRY(Bytes der, Crl(name));
      crls.push_back(std::move(der));
    }
    crypto::Certificate end = between.back();
    between.pop_back();
    return Validate(end, {.anchors = anchors,
                          .untrusted = between,
                          .crls = crls,
                          .ocsp = {},
                          .at = *ParseTime("2024-06-01"),
                          .policies = {},
                          .host = "",
                          .max_between = {}});
  }

 private:
  fs::path dir_;
};

TEST(ValidateVectors, Pkits) {
  if (!birthmark::test::VectorsPresent("pkits")) return;
  const fs::path dir = birthmark::test::VectorsDir() / "pkits";
  Pkits pkits(dir);
  Differences differ;
  size_t cases = 0;
  for (const json& c : MustReadJson(dir / "expected-sections-1-2-3-4-6-7.json")) {
    ++cases;
    auto r = pkits.Run(c);
    if ((r && r->holds) != c["should_validate"].get<bool>())
      differ[c["name"].get<std::string>()] = WhatDiffers(r);
  }
  EXPECT_EQ(cases, 68u);
  EXPECT_EQ(NamesOf(differ), (std::vector<std::string>{
                                 // DSA of 1024 bits has less than 112 bits of strength.
                                 "Section1ValidDSAParameterInheritanceTest5",
                                 "Section1ValidDSASignaturesTest4",
                                 // RFC 5280 section 4.2.1.9: critical in authorities.
                                 "Section6ValidbasicConstraintsNotCriticalTest4",
                             }))
      << Listed(differ);
}

// The other sections say what they expect in the names of their files. Each is judged with all of
// PKITS's authorities and CRLs at hand, as a relying party that has a directory would.
TEST(ValidateVectors, PkitsByName) {
  if (!birthmark::test::VectorsPresent("pkits")) return;
  const fs::path dir = birthmark::test::VectorsDir() / "pkits";
  Pkits pkits(dir);
  std::set<std::string> listed;
  for (const json& c : MustReadJson(dir / "expected-sections-1-2-3-4-6-7.json"))
    listed.insert(c["certs"].get<std::vector<std::string>>().back());
  std::vector<crypto::Certificate> anchors, between;
  std::vector<std::pair<std::string, crypto::Certificate>> ends;
  for (const auto& file : fs::directory_iterator(dir / "certs")) {
    const std::string name = file.path().stem().string();
    auto c = pkits.Certificate(name);
    if (!c) continue;
    if (name == "TrustAnchorRootCertificate") {
      anchors.push_back(*c);
    } else if (!name.ends_with("EE")) {
      between.push_back(*c);
    } else if (!listed.contains(name) &&
               (name.starts_with("Valid") || name.starts_with("Invalid"))) {
      ends.emplace_back(name, *c);
    }
  }
  std::vector<Bytes> crls;
  for (const auto& file : fs::directory_iterator(dir / "crls")) {
    auto der = pkits.Crl(file.path().stem().string());
    ASSERT_TRUE(der);
    crls.push_back(*der);
  }
  Differences differ;
  for (const auto& [name, end] : ends) {
    auto r = Validate(end, {.anchors = anchors,
                            .untrusted = between,
                            .crls = crls,
                            .ocsp = {},
                            .at = *ParseTime("2024-06-01"),
                            .policies = {},
                            .host = "",
                            .max_between = {}});
    if ((r && r->holds) != name.starts_with("Valid")) differ[name] = WhatDiffers(r);
  }
  EXPECT_EQ(ends.size(), 135u);
  // An indirect list whose issuer's own status stands in that list: the engine does not go round.
  EXPECT_EQ(NamesOf(differ), (std::vector<std::string>{"ValidcRLIssuerTest30EE"}))
      << Listed(differ);
}

Result<Validated> RunLimbo(const json& c) {
  auto many = [](const json& list) -> Result<std::vector<crypto::Certificate>> {
    std::vector<crypto::Certificate> out;
    for (const json& pem : list) {
      BM_TRY(crypto::Certificate one, crypto::Certificate::FromPem(pem.get<std::string>()));
      out.push_back(std::move(one));
    }
    return out;
  };
  BM_TRY(std::vector<crypto::Certificate> anchors, many(c["trusted_certs"]));
  BM_TRY(std::vector<crypto::Certificate> between, many(c["untrusted_intermediates"]));
  BM_TRY(crypto::Certificate end,
         crypto::Certificate::FromPem(c["peer_certificate"].get<std::string>()));
  Validation ask{.anchors = anchors,
                 .untrusted = between,
                 .crls = {},
                 .ocsp = {},
                 .at = *ParseTime("2023-12-02"),
                 .use = Wanted::kServer,
                 .policies = {},
                 .host = c["expected_peer_name"]["value"].get<std::string>(),
                 .max_between = {}};
  if (!c["validation_time"].is_null())
    ask.at = *ParseTime(c["validation_time"].get<std::string>().substr(0, 19) + "Z");
  if (!c["max_chain_depth"].is_null()) ask.max_between = c["max_chain_depth"].get<int>();
  return Validate(end, ask);
}

TEST(ValidateVectors, Limbo) {
  if (!birthmark::test::VectorsPresent("limbo")) return;
  Differences differ;
  size_t cases = 0;
  json all = MustReadJson(birthmark::test::VectorsDir() / "limbo" / "limbo-2023-12-02.json");
  for (const json& c : all["testcases"]) {
    ++cases;
    auto r = RunLimbo(c);
    if ((r && r->holds) != (c["expected_result"] == "SUCCESS"))
      differ[c["id"].get<std::string>()] = WhatDiffers(r);
  }
  EXPECT_EQ(cases, 135u);
  EXPECT_EQ(NamesOf(differ),
            (std::vector<std::string>{
                "pathlen::max-chain-depth-1-self-issued",       // --depth counts certificates
                "pathlen::validation-ignores-pathlen-in-leaf",  // the end is an authority
                "rfc5280::nc::permitted-dn-match",              // has no DNS name to ask for
                "rfc5280::serial::zero",                        // a warning
                // Rules of the Web's authorities, not of RFC 5280.
                "webpki::eku::ee-anyeku",
                "webpki::eku::ee-critical-eku",
                "webpki::eku::ee-without-eku",
                "webpki::eku::root-has-eku",
                "webpki::forbidden-dsa-spki-leaf",
                "webpki::forbidden-signature-algorithm-in-leaf",
                "webpki::forbidden-signature-algorithm-in-root",
                "webpki::nc::permitted-dns-match-noncritical",
                "webpki::san::san-critical-with-nonempty-subject",
            }))
      << Listed(differ);
}

}  // namespace
}  // namespace birthmark::pki
