// SPDX-License-Identifier: Apache-2.0
// The way from a TPM's certificate to a maker's pinned root. Not pki::BuildPath: makers' chains are
// older and looser than ours (an endorsement key may not sign at all), and their roots are many.
// Inside this room alone.
#pragma once

#include <span>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"

namespace birthmark::attest {

// ChainToRoot gives `leaf` first and the root last. Errors: attest.unknown-root (no way to a root),
// attest.chain (a way that is expired, wrongly signed or no authority's).
Result<std::vector<crypto::Certificate>> ChainToRoot(const crypto::Certificate& leaf,
                                                     std::span<const crypto::Certificate> others,
                                                     std::span<const crypto::Certificate> roots,
                                                     Time at);
// SpkiOf is a certificate's SubjectPublicKeyInfo as it stands, of whatever kind.
Bytes SpkiOf(const crypto::Certificate& c);

}  // namespace birthmark::attest
