// SPDX-License-Identifier: Apache-2.0
// The COSE working group's own examples: what passes there passes here, what fails there fails
// here.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/p256.h"
#include "tests/support/vectors.h"

namespace birthmark::cbor {
namespace {

std::vector<nlohmann::json> Examples(const std::string& folder) {
  std::vector<nlohmann::json> out;
  if (!test::VectorsPresent("cose/" + folder)) return out;
  for (const auto& e : std::filesystem::directory_iterator(test::VectorsDir() / "cose" / folder)) {
    std::ifstream in(e.path());
    out.push_back(nlohmann::json::parse(in));
  }
  EXPECT_FALSE(out.empty());
  return out;
}

Bytes Base64Url(std::string s) {
  std::replace(s.begin(), s.end(), '-', '+');
  std::replace(s.begin(), s.end(), '_', '/');
  while (s.size() % 4 != 0) s += '=';
  return FromBase64(s).value();
}

crypto::PublicKey KeyOf(const nlohmann::json& jwk) {
  Bytes spki(crypto::kP256SpkiPrefix.begin(), crypto::kP256SpkiPrefix.end());
  spki.push_back(4);
  for (const char* field : {"x", "y"}) {
    Bytes b = Base64Url(jwk[field]);
    spki.insert(spki.end(), b.begin(), b.end());
  }
  return crypto::PublicKey::FromSpki(spki).value();
}

TEST(CoseVectors, Sign1ExamplesVerifyOrFailAsTheySay) {
  for (const nlohmann::json& example : Examples("sign1-tests")) {
    const nlohmann::json& in = example["input"];
    SCOPED_TRACE(example["title"].get<std::string>());
    Bytes message = FromHex(example["output"]["cbor"].get<std::string>()).value();
    // Two examples show what a context may allow: no tag, and the algorithm outside the signature.
    CoseReading how;
    nlohmann::json changes = in.value("failures", nlohmann::json::object());
    how.require_tag = !changes.contains("RemoveCBORTag");
    how.allow_unprotected_algorithm = changes.contains("ChangeProtected");
    auto parsed = ParseCose(message, how);
    bool ok = parsed && VerifyCose(*parsed, KeyOf(in["sign0"]["key"]),
                                   FromHex(in["sign0"].value("external", "")).value());
    EXPECT_EQ(ok, !example.value("fail", false)) << (parsed ? "" : parsed.error().ToString());
  }
}

TEST(CoseVectors, LeniencyIsOffByDefault) {
  for (const nlohmann::json& example : Examples("sign1-tests")) {
    nlohmann::json changes = example["input"].value("failures", nlohmann::json::object());
    auto parsed = ParseCose(FromHex(example["output"]["cbor"].get<std::string>()).value());
    const char* code = changes.contains("RemoveCBORTag")     ? "cose.tag"
                       : changes.contains("ChangeProtected") ? "cose.algorithm"
                                                             : nullptr;
    if (code == nullptr) continue;
    ASSERT_FALSE(parsed) << example["title"];
    EXPECT_EQ(parsed.error().code, code);
  }
}

TEST(CoseVectors, EveryExampleReencodesToItself) {
  for (const char* folder : {"sign1-tests", "mac0-tests"}) {
    for (const nlohmann::json& example : Examples(folder)) {
      Bytes message = FromHex(example["output"]["cbor"].get<std::string>()).value();
      auto v = Decode(message);
      ASSERT_TRUE(v) << example["title"] << " " << v.error().ToString();
      EXPECT_EQ(Encode(*v), message) << example["title"];
    }
  }
}

}  // namespace
}  // namespace birthmark::cbor
