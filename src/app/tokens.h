// SPDX-License-Identifier: Apache-2.0
// One-time tokens: the right to enrol a number of units, for clients that have no certificate yet.
// The secret is shown once and kept sealed; what was allowed and used stands in the log. Leaves out
// who asks (enrol_desk.h).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/factory.h"
#include "ledger/events.h"

namespace birthmark::app {

struct Token {
  ledger::TokenIssued issued;
  uint64_t used = 0;
  bool revoked = false;
  bool Spent(Time now) const {
    return revoked || used >= issued.uses || Millis(now) >= issued.expires;
  }
};

// TokensOf reads all tokens from the log, by id.
Result<std::map<std::string, Token>> TokensOf(ledger::LogReader& reader);

// TokenSecretName is where the key store keeps a token's secret.
std::string TokenSecretName(const std::string& id);

struct TokenOptions {
  std::string product;  // empty: the only one
  std::string serial;   // for this unit alone; empty: any of the product
  uint64_t uses = 1;    // of each token
  uint64_t count = 1;   // how many tokens
  std::chrono::milliseconds life = std::chrono::hours(24);
};

// NewToken is an id and its secret; "ID:SECRET" is what a client is given.
struct NewToken {
  std::string id;
  SecretBytes secret;
};

// IssueTokens makes tokens. Errors: token.serial (not of the plan's pattern); those of the ledger
// and the key store.
Result<std::vector<NewToken>> IssueTokens(Factory& factory, const TokenOptions& options,
                                          const Clock& clock);
// RevokeToken ends a token and drops its secret. Errors: token.unknown.
Status RevokeToken(Factory& factory, const std::string& id, const std::string& reason,
                   const Clock& clock);

}  // namespace birthmark::app
