// SPDX-License-Identifier: Apache-2.0
// An authority of our PKI whose key is elsewhere: with a silicon maker that certifies parts on our
// behalf (draft 4.1.1.5, option b), or at a site of ours that derives keys from seeds and never
// touches the factory (4.1.1.3). It asks with a PKCS #10 request; the level above
// signs what the plan allows, under a name of ours. Leaves out the request's journey. Not
// thread-safe.
#pragma once

#include <string>

#include "app/factory.h"

namespace birthmark::app {

// kDerivationPlace stands in the id of an authority whose key is at a site that derives keys from
// seeds (draft 4.1.1.3): "identity-2.derivation-1a2b3c4d".
inline constexpr std::string_view kDerivationPlace = "derivation";

struct OnBehalf {
  std::string ca;    // "identity-2.silicon-1a2b3c4d"
  std::string name;  // common name
  fs::path file;     // the certificate and those above it, PEM
  std::string pem;
};

// KeepOtherDisclosures copies the silicon makers' signed disclosures that the plan names into
// public/SLOT-maker.birthmark. Errors: plan.other-disclosure (a file is not the one whose digest
// the plan has, or is no signed disclosure), file.missing.
Status KeepOtherDisclosures(const Layout& layout, const plan::Plan& plan,
                            const fs::path& plan_folder);

// SignOnBehalf. `output` empty: into the workspace's requests. Errors: request.not-on-behalf (no
// identity of the plan is certified elsewhere), station.no-parent, those of pki::ReadCsrPem, the
// ledger and the signer.
Result<OnBehalf> SignOnBehalf(const fs::path& workspace, const fs::path& request,
                              const fs::path& output, const std::string& product,
                              const std::string& as, const KeySource& keys, const Clock& clock,
                              bool dry_run);

// CertifyCredential gives a credential to whoever holds the key of a PKCS #10 request: a silicon
// maker's factory keeps its key where it enrols from. `output` gets the certificate. Gives the
// pseudonym. Errors: those of pki::ReadCsrPem, the ledger and the key store.
Result<std::string> CertifyCredential(const fs::path& workspace, const std::string& role,
                                      const fs::path& request, const fs::path& output,
                                      const KeySource& keys, const Clock& clock, bool dry_run,
                                      int days);

}  // namespace birthmark::app
