// SPDX-License-Identifier: Apache-2.0
// The server's own TLS certificate, from the operations authority that people's and stations'
// credentials come from. Made when there is none that fits; its root is what clients pin.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/factory.h"
#include "crypto/software_signer.h"

namespace birthmark::app {

struct ServerIdentity {
  std::unique_ptr<crypto::SoftwareSigner> key;
  crypto::Certificate certificate;
  crypto::Certificate root;  // public/operations-root.pem
};

// ServerIdentityFor finds or makes the certificate for these DNS names and writes the root's file.
// Errors: those of the key store, of pki and the ledger.
Result<ServerIdentity> ServerIdentityFor(Factory& factory, const std::vector<std::string>& names,
                                         const Clock& clock);

}  // namespace birthmark::app
