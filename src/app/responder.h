// SPDX-License-Identifier: Apache-2.0
// OCSP responders of authorities whose keys are offline: the key is made here, the authority
// certifies it by a carried request, and `serve` answers with it. Responders of online authorities
// make themselves (ocsp.h). Not thread-safe.
#pragma once

#include <optional>
#include <string>

#include "app/factory.h"
#include "base/findings.h"

namespace birthmark::app {

// kResponderDays: nobody can revoke a responder (id-pkix-ocsp-nocheck), so it is short, and as long
// as a way to the offline machine wants.
inline constexpr int kResponderDays = 90;

struct ResponderAsked {
  fs::path workspace;
  std::string product, as;
  std::string ca;
  int days = kResponderDays;
  bool dry_run = false;
};

// ResponderRow is one responder: what its key is called and where its request is.
struct ResponderRow {
  std::string id;     // "ocsp-identity-1.1-2"
  std::string state;  // "requested", "certified"
  fs::path file;
};

// AskResponder makes a key and the request that certifies it; a request that waits is given again.
// Errors: ca.unknown, ca.ended, responder.online (its key is here), credential.role; those of the
// key store, pki and the ledger.
Result<ResponderRow> AskResponder(const ResponderAsked& asked, const KeySource& keys,
                                  const Clock& clock);

// AcceptResponder takes in the response to such a request; nothing where it answers none. Errors:
// responder.issuer (another authority certified it), those of pki::CheckResponse.
Result<std::optional<ResponderRow>> AcceptResponder(Factory& factory, std::string_view response,
                                                    const Clock& clock, bool dry_run);

// WatchResponders: status.responder-ends, for offline authorities that have had one.
Status WatchResponders(ledger::LogReader& reader, Time now, Findings& out);

}  // namespace birthmark::app
