// SPDX-License-Identifier: Apache-2.0
// What the code around an anchor demands of a signer (the policy map beside it), applied to a path
// that somebody has checked: bm_verify_object for objects, the TLS client for servers. Thread rule:
// no shared state.
#pragma once

#include <mbedtls/x509_crt.h>

#include "verify.h"

// bm_policy_apply applies levels, algorithms, eku, policy_oid, subject, organization, subordinate
// and dns. `path` has the certificates below the anchor, the signer's first; it is empty when a
// bare key signs. `algorithm` is a COSE name. A rule of the wrong type refuses: a rule that cannot
// be read must not be a rule that is not there.
bm_verdict bm_policy_apply(bm_span policy, unsigned level, const char* algorithm,
                           const mbedtls_x509_crt* const* path, size_t path_size);
