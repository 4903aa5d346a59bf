// SPDX-License-Identifier: Apache-2.0
// The bad day: ending certificates one by one or by unit, authority, station, product and period.
// A hold is the first step that can be taken back (RFC 5280 section 5.3.1, certificateHold).
// Leaves out telling the world (revocation lists). Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "app/factory.h"

namespace birthmark::app {

enum class RevokeAs { kRevoke, kHold, kUnhold };

struct RevokeOptions {
  std::vector<std::string> certificates;  // serial numbers, hexadecimal, or PEM files
  std::string unit;                       // as typed; empty: any
  ledger::IdentityFilter filter;          // ca, station, product, since, until
  std::string reason;                     // a word of RevocationReasons(); empty with a hold
  RevokeAs as = RevokeAs::kRevoke;
  bool dry_run = false;
};

// RevocationReasons are the words of RFC 5280 section 5.3.1 that an end entity can have, without
// certificateHold.
const std::vector<std::string>& RevocationReasons();

struct RevokedRow {
  ledger::IdentityRow identity;  // as it was before
  std::string unit_state;        // empty: no unit has begun with it
  std::string becomes;
};
struct Revoked {
  std::vector<RevokedRow> rows;
  uint64_t shipped = 0;  // whose units have left
  uint64_t passed = 0;   // matched, and were ended or on hold already (or are not on hold)
};

// Revoke. Errors: cert.which (nothing says which ones), cert.unknown, cert.reason, credential.role;
// those of the ledger. A bulk goes in commits of a thousand; one that was cut short goes on when
// the command is given again.
Result<Revoked> Revoke(Factory& factory, const RevokeOptions& options, const Clock& clock);

// CertificateIn is the certificate of an identity's first event, issued here or adopted.
Result<crypto::Certificate> CertificateIn(const ledger::Event& event);

}  // namespace birthmark::app
