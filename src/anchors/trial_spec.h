// SPDX-License-Identifier: Apache-2.0
// Trials: objects offered to a device's own verifier, each differing from a good one in a single
// thing, and what the device said. Values that go into the ledger; no plan, no I/O. What they show
// is concluded in trial_conclude.h, what to offer is planned in trial_plan.h, the objects are made
// in trial_build.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace birthmark::anchors {

// Varies is the one thing in which an object differs from the good one.
enum class Varies {
  kNothing,      // the good object
  kLevel,        // signed at another level (draft section 5.1)
  kAlgorithm,    // another key or signature algorithm of the signer
  kEku,          // the extended key usage is missing
  kPolicy,       // the certificate policy is missing
  kSubject,      // another subject
  kSubordinate,  // under a subordinate CA other than the usual one
  kNames,        // a name outside of the anchor's name constraints
  kSignature,    // a bit of the signed content is flipped afterwards
  kHost,         // a server's certificate for another host name than the one asked for
  kAnchorKey,    // a chain that looks the same and ends in a key of a forger
};
std::string_view ToText(Varies v);
bool FromText(std::string_view s, Varies& v);

// TrialSpec is one object, in full: two specs with the same fields make objects of the same
// meaning.
struct TrialSpec {
  std::string id;  // "update/level-2": the anchor, then what varies
  bool eku = true;
  uint32_t level = 2;
  std::string anchor;
  bool policy = true;
  Varies varies = Varies::kNothing;
  bool subject = true;
  bool tampered = false;
  std::string algorithm;  // a name of TrialAlgorithms
  bool right_key = true;
  bool subordinate = true;

  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("eku", eku);
    v("level", level);
    v("anchor", anchor);
    v("policy", policy);
    v("varies", varies);
    v("subject", subject);
    v("tampered", tampered);
    v("algorithm", algorithm);
    v("right_key", right_key);
    v("subordinate", subordinate);
  }
  bool operator==(const TrialSpec&) const = default;
};

// TrialResult is what the device said of one object.
struct TrialResult {
  TrialSpec spec;
  Digest object{};      // SHA-256 of what was offered
  std::string verdict;  // the device's own words
  bool accepted = false;

  template <class V>
  void Fields(V& v) {
    v("spec", spec);
    v("object", object);
    v("verdict", verdict);
    v("accepted", accepted);
  }
  bool operator==(const TrialResult&) const = default;
};

// TrialAlgorithm is one column of the accept/refuse matrix of pki-algorithms.
struct TrialAlgorithm {
  std::string_view name;  // "rsa-2048-pss-sha256": key, padding, hash
  std::string_view key;   // "rsa-2048": the vocabulary's word, where it has one
  std::string_view cose;  // "PS256"
  int64_t cose_id;        // IANA "COSE Algorithms"
};
// TrialAlgorithms is all that can be tried, in a fixed order: also what no device should accept
// (RSA of 1024 bits, SHA-1) and what few can (P-521, secp256k1, EdDSA).
const std::vector<TrialAlgorithm>& TrialAlgorithms();
// FindTrialAlgorithm finds one by name; null when there is none.
const TrialAlgorithm* FindTrialAlgorithm(std::string_view name);
// TrialAlgorithmOfKey is the usual algorithm of a key: "ecdsa-p256" gives "ecdsa-p256-sha256", RSA
// its PKCS #1 v1.5 with SHA-256; empty for a key that is not tried.
std::string_view TrialAlgorithmOfKey(std::string_view key);

}  // namespace birthmark::anchors
