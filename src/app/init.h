// SPDX-License-Identifier: Apache-2.0
// Makes a workspace: key stores, authorities, the log and its first events. Everything is made in
// folders of their own and renamed at the end, so that an interrupted init leaves nothing that
// looks like one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/authorities.h"
#include "app/keys.h"
#include "base/clock.h"
#include "plan/plan.h"

namespace birthmark::app {

struct InitOptions {
  fs::path workspace;
  fs::path plan_file;  // anchors' files are relative to it
  bool production = false;
  std::optional<fs::path> root_cert;
  std::optional<fs::path> keys_file;  // where the key stores are (key_places.h)
  bool ceremony = false;              // leave offline roots to a ceremony, in a rehearsal too
  bool dry_run = false;
};

// InitResult is what people are shown; nothing in it is secret.
struct InitResult {
  bool rehearsal = true;
  struct Row {
    int level = 1;
    std::string name;
    bool offline = false;
    std::string place;  // "acme.offline/" or the limits
  };
  std::vector<Row> levels;
  std::string root_fingerprint;        // of the identity root, hex
  std::string disclosure_fingerprint;  // of the disclosure root, hex
  std::string boot_anchor;             // what devices' fuses hold, hex; may be empty
  std::string credential;              // pseudonym of the person who ran it
  std::optional<fs::path> waiting;     // a request an external root must sign
  std::vector<std::string> ceremony;   // PKIs whose roots a ceremony has to make
  std::vector<fs::path> requests;      // what it signs in the same sitting
};

// WaitsForCeremony is true for a PKI whose offline levels init leaves to a ceremony: all of them in
// production, and wherever the plan has the key split or signed with together.
bool WaitsForCeremony(const InitOptions& options, const plan::Pki& pki);

// Init. Errors: init.exists, init.production (what is missing for one), init.root-cert,
// plan.findings (the plan was checked by the caller), keys.same-passphrase; those of keystore, pki,
// ledger.
Result<InitResult> Init(const InitOptions& options, const plan::Plan& plan, const KeySource& keys,
                        const Clock& clock);

// ImportResponse goes on with a workspace that waits for an external root.
// Errors: request.nothing-waiting; those of pki::CheckResponse.
Result<InitResult> ImportResponse(const fs::path& workspace, std::string_view response,
                                  const KeySource& keys, const Clock& clock, bool dry_run);

// CredentialDays is how long a role's credential holds unless told otherwise: those who touch every
// unit have the shortest.
int CredentialDays(std::string_view role);

// IssueCredential gives a person a credential under the operations authority; `days` of 0 is what
// the role has.
Result<std::string> IssueCredential(const fs::path& workspace, const std::string& role,
                                    const KeySource& keys, const Clock& clock, bool dry_run,
                                    int days = 0);

// MarksOf is what a workspace's certificates carry.
pki::Marks MarksOf(bool rehearsal);

}  // namespace birthmark::app
