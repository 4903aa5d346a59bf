// SPDX-License-Identifier: Apache-2.0
// Revocation lists of a workspace: signed from what the log says was revoked, recorded before they
// leave, published, kept in reserve, and watched. Leaves out revoking (revoke.h) and answering one
// by one (ocsp.h). Not thread-safe; CrlMaker is as thread-safe as what it is given.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "ledger/sqlite/registry_revocations.h"
#include "pki/crl.h"

namespace birthmark::app {

// CrlPath is where an authority's list is published; a later list of its reserve waits beside the
// ledger until its time.
fs::path CrlPath(const Layout& layout, const std::string& ca);
fs::path ReservePath(const Layout& layout, const std::string& ca, uint64_t number);

// LevelOf is the level of an authority in the newest plan that has it; null when none does.
const plan::Level* LevelOf(const std::map<std::string, AdoptedPlan>& plans,
                           const ledger::CaRow& ca);

// BuiltCrl is what became of one authority's list.
struct BuiltCrl {
  std::string ca;
  std::string what;  // "signed", "reserve", "published", "requested", "current"
  uint64_t number = 0, count = 0;
  int64_t this_update = 0, next_update = 0;
  fs::path file;
};

// CrlMaker signs lists of authorities whose keys are at hand.
struct CrlMaker {
  Layout layout;
  const Clock& clock;
  ledger::EventContext context;
  std::function<Result<std::unique_ptr<crypto::Signer>>(const std::string& ca)> open_key;
  std::function<Status(ledger::Submission)> append;

  // Sign signs the list of now, and a reserve where the level has one; what is recorded is
  // published. `output` gets copies; empty: none. Errors: crl.clock-back (the list before is of a
  // later time), those of pki::SignCrlFile, the key store and the ledger.
  Result<std::vector<BuiltCrl>> Sign(ledger::LogReader& reader, const ledger::CaRow& ca,
                                     const plan::Level& level, const fs::path& output) const;
};

// CrlDue says why an authority's list should be signed now: "none" yet, "revoked" something since,
// "time" (half of its life is over); empty: it need not.
Result<std::string> CrlDue(ledger::LogReader& reader, const ledger::CaRow& ca,
                           const plan::Level& level, Time now);

// PublishDue brings lists of reserves out whose time has come. One that is older than what is
// published, or that something was revoked after, stays where it is.
Result<std::vector<BuiltCrl>> PublishDue(ledger::LogReader& reader, const Layout& layout, Time now);

struct CrlOptions {
  fs::path workspace;
  std::string as;
  std::string ca;    // empty: all that the plan gives lists
  fs::path output;   // copies of what was signed; empty: none
  fs::path statics;  // what a plain file server can carry: lists and answers (ocsp.h); or empty
  bool dry_run = false;
};
// BuildCrls signs for the authorities whose keys are online. For one whose key is offline it writes
// a request; where the offline keys are on this machine it carries it there and back, as files.
// Errors: ca.unknown, crl.none (no level of a plan has crl-lifetime), credential.role, those above.
Result<std::vector<BuiltCrl>> BuildCrls(const CrlOptions& options, const KeySource& keys,
                                        const Clock& clock);

// SignCrlRequest answers a carried request with the offline keys. Errors: those of
// pki::ReadCrlRequest, pki::SignCrls and the key store.
Result<std::string> SignCrlRequest(std::string_view request, keystore::KeyStore& offline,
                                   const crypto::Certificate& authority);
// ImportCrls takes the answer to a request in. Errors: crl.older (a list with a lower number than
// one that was signed before), those of pki::CheckCrlResponse and of the ledger.
Result<std::vector<BuiltCrl>> ImportCrls(Factory& factory, std::string_view response,
                                         const Clock& clock, bool dry_run);

// CheckPublished looks at a list that is published or was found. Findings: crl.older (a newer one
// was signed), crl.unrecorded (nobody recorded its signing), crl.unexplained (an entry that nobody
// asked for), crl.signature. Errors: those of pki::ReadCrl.
Status CheckPublished(ledger::LogReader& reader, const ledger::CaRow& ca, const fs::path& file,
                      Findings& out);

// CrlAlarms are those of `status`: crl.missing, crl.late (no list holds any more), crl.soon (a
// quarter of its life is left), crl.reserve-void (something was revoked after a reserve was
// signed), and those of CheckPublished.
Status CrlAlarms(ledger::LogReader& reader, const std::map<std::string, AdoptedPlan>& plans,
                 const Layout& layout, Time now, Findings& out);

// CrlView is an authority's list as it stands now, for metrics and `crl show`.
struct CrlView {
  std::string ca;
  ledger::CrlRow row;    // the one that holds now, or the newest
  uint64_t reserve = 0;  // later ones, kept back
  bool reserve_void = false;
};
Result<std::vector<CrlView>> CrlViews(ledger::LogReader& reader, Time now);

}  // namespace birthmark::app
