// SPDX-License-Identifier: Apache-2.0
// What a horizon is worked out from, read from a snapshot: all dates that stand in certificates,
// lists, anchors and plans, and how many identities hang on each. Certificates of units are not all
// read: of each authority's year the first and the last are, and the rest lie between. Values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"

namespace birthmark::app {

// Times are milliseconds since 1970.
struct CaLife {
  std::string id, pki, name, issuer, state;
  uint32_t level = 1;
  int64_t from = 0, to = 0;
  int64_t chain_to = 0;  // the first end on the way up, its own included
  std::optional<int64_t> issues_until;
  std::optional<uint64_t> max_count;
  uint64_t issued = 0;
  uint64_t live = 0;    // identities below it that did not end
  uint64_t recent = 0;  // issued in the ninety days before
};

// EeGroup is the live identities that an authority issued in one year.
struct EeGroup {
  std::string ca;  // its id; where it is no authority of ours, the issuer's name
  uint64_t count = 0;
  int64_t from = 0;                   // notBefore of the first
  int64_t first_to = 0, last_to = 0;  // notAfter of the first and of the last
};

struct AnchorLife {
  std::string product, id, verifies;
  std::vector<std::pair<int64_t, int64_t>> entries;  // from, to; to 0: no date
  // The DNS root's keys: their records have no dates, their lives are the root's history.
  bool dns_root = false;
};

struct SignerLife {
  std::string key, pki;
  int64_t from = 0, to = 0;
};

struct CredentialLife {
  std::string kind, role;
  int64_t to = 0;
};

struct CrlLife {
  std::string ca;
  int64_t from = 0, next = 0;
  int64_t reserve_until = 0;  // 0: there is none
  uint64_t reserves = 0;
};

struct ProductLife {
  plan::Plan plan;
  int64_t first_unit = 0;  // 0: none yet
  uint64_t units = 0;
};

struct HorizonFacts {
  std::string name;
  bool rehearsal = true;
  int64_t now = 0;
  std::vector<CaLife> cas;
  std::vector<EeGroup> identities;
  std::vector<AnchorLife> anchors;
  std::vector<SignerLife> signers;
  std::vector<CredentialLife> credentials;
  std::vector<CrlLife> crls;
  std::vector<ProductLife> products;
};

// GatherHorizon reads the facts as they are at `now`. Errors: those of the ledger, cert.malformed.
Result<HorizonFacts> GatherHorizon(ledger::LogReader& reader, Time now);

}  // namespace birthmark::app
