// SPDX-License-Identifier: Apache-2.0
// A certificate judged as a relying party would: RFC 5280 section 6 with OpenSSL's strict verifier
// as the engine, revocation from the CRLs and OCSP responses that were handed over, policies, and
// rules of the profile that the engine leaves out. Everything that is wrong is found, not only the
// first. Leaves out files (chain_command.h) and any network. Thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/findings.h"
#include "pki/path.h"

namespace birthmark::pki {

// RuleFinding is one rule that a certificate of the path breaks, or that only just holds.
struct RuleFinding {
  Severity severity = Severity::kError;
  std::string code;             // "chain.expired"
  std::optional<size_t> place;  // of the certificate in the path, the end being 0
  std::string subject;          // of that certificate
  std::string rule;             // what the rule says
  std::string section;          // "RFC 5280 section 6.1.3 (a)(2)"
  std::string detail;           // what was found; may be empty
};

// Wanted is what the end is wanted for; kAny asks nothing.
enum class Wanted {
  kAny,
  kDevice,         // clientAuth where uses are named at all
  kClient,         // clientAuth
  kServer,         // serverAuth
  kCodeSigning,    // must be named
  kUpdateSigning,  // updatePackageSigning (RFC 9809) must be named
  kDisclosure,     // documentSigning (RFC 9336) must be named
  kAuthority,      // the end is itself an authority
};
std::string_view ToText(Wanted w);
bool FromText(std::string_view s, Wanted& w);

inline constexpr size_t kMaxCertificates = 1000;  // anchors, and certificates offered
inline constexpr size_t kMaxStatements = 1000;    // CRLs, and OCSP responses

// Validation is what a relying party trusts, knows and asks.
struct Validation {
  std::span<const crypto::Certificate> anchors;    // self-signed, unless partial
  std::span<const crypto::Certificate> untrusted;  // what may stand between
  std::span<const Bytes> crls;                     // DER; any: each certificate must be on none
  std::span<const Bytes> ocsp;  // DER OCSPResponse; any: the end must have an answer
  Time at{};
  Wanted use = Wanted::kAny;
  std::vector<std::string> policies;  // user-initial-policy-set, OIDs; empty: any-policy
  std::string host;                   // DNS name or IP address the end must speak for
  std::optional<int> max_between;     // certificates between the end and the anchor
  bool partial = false;               // an anchor may itself be issued by somebody
};

// Validated is the judgement.
struct Validated {
  bool holds = false;                 // no finding is an error
  Path path;                          // as far as it was found
  std::vector<RuleFinding> findings;  // in the order of the path, the end first
  std::vector<std::string> policies;  // under which the path is valid; "any" for any-policy
};

// Validate judges one certificate. Errors: chain.too-many, chain.input (a CRL, a response or a
// policy that does not read, named by its number), chain.engine.
Result<Validated> Validate(const crypto::Certificate& end, const Validation& ask);

}  // namespace birthmark::pki
