// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_spec.h"

#include <algorithm>
#include <array>
#include <utility>

namespace birthmark::anchors {
namespace {

constexpr std::array<std::pair<Varies, std::string_view>, 11> kVaries{{
    {Varies::kNothing, "nothing"},
    {Varies::kLevel, "level"},
    {Varies::kAlgorithm, "algorithm"},
    {Varies::kEku, "eku"},
    {Varies::kPolicy, "policy-oid"},
    {Varies::kSubject, "subject"},
    {Varies::kSubordinate, "subordinate"},
    {Varies::kNames, "name-constraints"},
    {Varies::kSignature, "signature"},
    {Varies::kHost, "host-name"},
    {Varies::kAnchorKey, "anchor-key"},
}};

}  // namespace

std::string_view ToText(Varies v) {
  const auto it = std::ranges::find(kVaries, v, &std::pair<Varies, std::string_view>::first);
  return it == kVaries.end() ? "" : it->second;
}

bool FromText(std::string_view s, Varies& v) {
  const auto it = std::ranges::find(kVaries, s, &std::pair<Varies, std::string_view>::second);
  if (it == kVaries.end()) return false;
  v = it->first;
  return true;
}

const std::vector<TrialAlgorithm>& TrialAlgorithms() {
  static const std::vector<TrialAlgorithm> all = {
      {"ecdsa-p256-sha256", "ecdsa-p256", "ES256", -7},
      {"ecdsa-p384-sha384", "ecdsa-p384", "ES384", -35},
      {"ecdsa-p521-sha512", "ecdsa-p521", "ES512", -36},
      {"ecdsa-secp256k1-sha256", "ecdsa-secp256k1", "ES256K", -47},
      {"ed25519", "ed25519", "EdDSA", -8},
      {"ed448", "ed448", "EdDSA", -8},
      {"rsa-1024-pkcs1-sha256", "rsa-1024", "RS256", -257},
      {"rsa-2048-pkcs1-sha1", "rsa-2048", "RS1", -65535},
      {"rsa-2048-pkcs1-sha256", "rsa-2048", "RS256", -257},
      {"rsa-2048-pkcs1-sha384", "rsa-2048", "RS384", -258},
      {"rsa-2048-pkcs1-sha512", "rsa-2048", "RS512", -259},
      {"rsa-2048-pss-sha256", "rsa-2048", "PS256", -37},
      {"rsa-2048-pss-sha384", "rsa-2048", "PS384", -38},
      {"rsa-2048-pss-sha512", "rsa-2048", "PS512", -39},
      {"rsa-3072-pkcs1-sha256", "rsa-3072", "RS256", -257},
      {"rsa-3072-pss-sha256", "rsa-3072", "PS256", -37},
      {"rsa-4096-pkcs1-sha256", "rsa-4096", "RS256", -257},
      {"rsa-4096-pss-sha256", "rsa-4096", "PS256", -37},
  };
  return all;
}

const TrialAlgorithm* FindTrialAlgorithm(std::string_view name) {
  const auto& all = TrialAlgorithms();
  const auto it = std::ranges::find(all, name, &TrialAlgorithm::name);
  return it == all.end() ? nullptr : &*it;
}

std::string_view TrialAlgorithmOfKey(std::string_view key) {
  for (const TrialAlgorithm& a : TrialAlgorithms()) {
    if (a.key == key && a.cose != "RS1" && a.cose != "PS256") return a.name;
  }
  return "";
}

}  // namespace birthmark::anchors
