// SPDX-License-Identifier: Apache-2.0
// Path validation against certificates made by others: NIST's PKITS and x509-limbo. Where BuildPath
// is stricter than the vectors, the case is named here with the reason.
#include "tests/support/vectors.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "pki/path.h"
#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using birthmark::test::VectorsDir;
using birthmark::test::VectorsPresent;
using crypto::Certificate;
using nlohmann::json;

json Load(const fs::path& path) { return json::parse(*ReadTextFile(path, 4u << 20)); }

TEST(PathVectors, Pkits) {
  if (!VectorsPresent("pkits")) return;
  const fs::path dir = VectorsDir() / "pkits";
  // Revocation is left out: section 4, and the two cases of section 7 about cRLSign.
  const std::set<std::string> left_out = {"Section7InvalidkeyUsageCriticalcRLSignFalseTest4",
                                          "Section7InvalidkeyUsageNotCriticalcRLSignFalseTest5"};
  const std::map<std::string, std::string> stricter = {
      {"Section1ValidDSASignaturesTest4", "DSA of 1024 bits"},
      {"Section1ValidDSAParameterInheritanceTest5", "DSA of 1024 bits"},
      {"Section6ValidbasicConstraintsNotCriticalTest4", "RFC 5280 4.2.1.9 wants it critical"},
  };
  int run = 0;
  const json cases = Load(dir / "expected-sections-1-2-3-4-6-7.json");
  for (const json& c : cases) {
    const std::string name = c["name"];
    if (name.starts_with("Section4") || left_out.contains(name)) continue;
    std::vector<Certificate> chain;
    for (const std::string file : c["certs"]) {
      auto cert = Certificate::FromDer(*ReadFile(dir / "certs" / (file + ".crt"), 65536));
      if (!cert) break;
      chain.push_back(*cert);
    }
    const bool valid = c["should_validate"];
    const bool expected = valid && !stricter.contains(name);
    if (chain.size() != c["certs"].size()) {
      EXPECT_FALSE(expected) << name << ": a certificate was not read";
      continue;
    }
    const std::span<const Certificate> all(chain);
    const bool ca = chain.back().is_ca();
    const auto path = BuildPath(chain.back(), all.subspan(1, chain.size() - 2), all.first(1),
                                test::kNow, ca ? Purpose::kAuthority : Purpose::kDevice);
    EXPECT_EQ(path.has_value(), expected) << name << (path ? "" : ": " + path.error().ToString());
    ++run;
  }
  EXPECT_GT(run, 40);
}

TEST(PathVectors, LimboRefusesWhatMustBeRefused) {
  if (!VectorsPresent("limbo")) return;
  // Taken all the same, with the reason. The groups "webpki" (names of web servers and the
  // browsers' own rules) and "online" (a moment long past) are left out.
  const std::map<std::string, std::string> known = {
      {"pathlen::max-chain-depth-0-exhausted",
       "a limit of the caller's that BuildPath does not have"},
      {"pathlen::max-chain-depth-1-exhausted",
       "a limit of the caller's that BuildPath does not have"},
      {"rfc5280::aki::cross-signed-root-missing-aki", "OpenSSL excuses whatever is self-issued"},
      {"rfc5280::nc::nc-permits-invalid-dns-san", "OpenSSL's reading of name constraints"},
      {"rfc5280::nc::not-allowed-in-ee-critical", "OpenSSL's reading of name constraints"},
      {"rfc5280::nc::not-allowed-in-ee-noncritical", "OpenSSL's reading of name constraints"},
      {"rfc5280::nc::permitted-dns-match-noncritical", "OpenSSL's reading of name constraints"},
      {"rfc5280::serial::too-long", "the linter's: pki.serial-long"},
      {"rfc5280::serial::zero", "the linter's: pki.serial-zero"},
  };
  std::set<std::string> taken, expected;
  for (const auto& [id, reason] : known) expected.insert(id);
  int run = 0, found = 0;
  const json limbo = Load(VectorsDir() / "limbo" / "limbo-2023-12-02.json");
  for (const json& c : limbo["testcases"]) {
    const std::string id = c["id"];
    if (!id.starts_with("rfc5280::") && !id.starts_with("pathlen::")) continue;
    auto list = [](const json& pems) {
      std::vector<Certificate> out;
      for (const std::string pem : pems) {
        if (auto cert = Certificate::FromPem(pem)) out.push_back(*cert);
      }
      return out;
    };
    const auto leaf = Certificate::FromPem(c["peer_certificate"].get<std::string>());
    const auto when = c["validation_time"].is_null()
                          ? test::kNow
                          : ParseTime(c["validation_time"].get<std::string>()).value_or(test::kNow);
    const bool ok = leaf && BuildPath(*leaf, list(c["untrusted_intermediates"]),
                                      list(c["trusted_certs"]), when, Purpose::kServer);
    ++run;
    found += ok;
    if (ok && c["expected_result"] == "FAILURE") taken.insert(id);
  }
  EXPECT_EQ(taken, expected);
  EXPECT_GT(found, 10);
  EXPECT_GT(run, 70);
}

}  // namespace
}  // namespace birthmark::pki
