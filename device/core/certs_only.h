// SPDX-License-Identifier: Apache-2.0
// The certificates of a certs-only CMS message (RFC 5272 section 4.1, RFC 7030 section 4.1.3).
// Leaves out what the certificates say. Thread rule: no shared state; the results borrow from the
// input.
#pragma once

#include "span.h"

// bm_certs_only finds at most `capacity` certificates; false when it is not exactly one SignedData
// without content and without signers, when there are none or more, or one is no SEQUENCE.
bool bm_certs_only(bm_span der, bm_span* certificates, size_t capacity, size_t* count);
