// SPDX-License-Identifier: Apache-2.0
// A token's claims beside what the maker's records say of that unit: one row a claim. A device may
// lie about its provenance or its kind, so that no claim is believed for being signed. Leaves out
// finding the records (app/unit_attest.h). Pure functions; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attest/eat.h"

namespace birthmark::attest {

// Released is an image that the maker's log says was released for a product.
struct Released {
  std::string stage;  // the partition's name
  Digest digest{};
  std::string version;
};

// Signer is whose key the token verifies under.
struct Signer {
  enum class Whose { kThisUnit, kOtherUnit, kNobody } whose = Whose::kNobody;
  std::string unit, slot;  // of the key that verifies it
};

// Records is what the maker knows of the unit that the token should be from.
struct Records {
  std::string unit;  // "ridgeback-s1/BMC-0001"
  Signer signer;
  std::optional<Bytes> nonce;    // what was asked; absent: offline, and freshness is not known
  bool seen_before = false;      // this very token was recorded already
  std::optional<Digest> idevid;  // SHA-256 of the IDevID's SubjectPublicKeyInfo
  uint64_t oem = 0;
  std::string product, hardware;
  bool secure_boot = true;          // the plan blows that fuse
  bool debug_closed = false;        // the plan locks the port or seals
  std::vector<std::string> stages;  // that the plan has the device start, TAM included
  std::vector<Released> released;
  // Of a signed disclosure, where one is given.
  struct Disclosed {
    std::string signer;
    bool ours = false;  // the ledger knows its key as one for disclosures
    std::string product, hardware;
    std::optional<Digest> application;
  };
  std::optional<Disclosed> disclosed;
};

// Row is one claim: what the device said, what the records have, and whether the two agree. A
// claim that nothing is known about agrees with nothing and differs from nothing.
struct Row {
  enum class Is { kAgrees, kDiffers, kNotCompared } is = Is::kAgrees;
  std::string claim, said, meant;
  std::string code;  // of a difference: "eat.kind"
};
std::string_view ToText(Row::Is is);

// Compare gives the rows in a fixed order.
std::vector<Row> Compare(const Token& token, const Records& records);

}  // namespace birthmark::attest
