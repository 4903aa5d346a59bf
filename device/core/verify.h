// SPDX-License-Identifier: Apache-2.0
// The device's one verifier of objects: every stage of the boot chain, every trial and every bundle
// goes through bm_verify_object, so what a trial shows is what a boot does. Servers are judged by
// another verifier, that of TLS (tls.h).
// Leaves out validity dates (a device in a factory has no clock; the report says so), revocation
// and name constraints beyond the signer's organization. Thread rule: no shared state.
#pragma once

#include "image.h"

typedef enum {
  BM_ACCEPTED = 0,
  BM_NOT_VERIFIED = 1,  // nothing was checked because secure boot is off
  BM_REFUSED_FORMAT = 2,
  BM_REFUSED_ALGORITHM = 3,
  BM_REFUSED_ANCHOR_FORM = 4,
  BM_REFUSED_NO_ANCHOR = 5,
  BM_REFUSED_CHAIN = 6,
  BM_REFUSED_CHAIN_RULES = 7,
  BM_REFUSED_WEAK = 8,
  BM_REFUSED_LEVEL = 9,
  BM_REFUSED_EKU = 10,
  BM_REFUSED_POLICY = 11,
  BM_REFUSED_SUBJECT = 12,
  BM_REFUSED_SIGNATURE = 13,
  BM_REFUSED_IMAGE_DIGEST = 14,
  BM_REFUSED_IMAGE_SIZE = 15,
  BM_REFUSED_IMAGE_KIND = 16,
  BM_REFUSED_VERSION = 17,
  BM_REFUSED_EMPTY = 18,
  BM_REFUSED_OLDER = 19,
  BM_REFUSED_NONE_LEFT = 20,
  BM_REFUSED_ROLLBACK = 21,
  BM_REFUSED_PRIVILEGE = 22,
  BM_REFUSED_UNKNOWN_ANCHOR = 23,
  BM_REFUSED_KNOWN_ANCHOR = 24,
  BM_REFUSED_OTHER_DEVICE = 25,
  BM_REFUSED_SUBORDINATE = 26,
  BM_REFUSED_NAMES = 27,
  BM_REFUSED_PRODUCT = 28,
  BM_REFUSED_HOST = 29,
  BM_REFUSED_DATE = 30,
  BM_REFUSED_HANDSHAKE = 31,
  BM_VERDICTS,
} bm_verdict;

// bm_verdict_text is a short sentence for the verdict, the same on the console and in the report.
const char* bm_verdict_text(bm_verdict verdict);

typedef struct {
  bm_verdict verdict;
  unsigned level;         // draft 5.1: 1 = the anchor's own key signed; 0 when not established
  const char* algorithm;  // COSE name, NULL when unknown
  bm_span payload;        // the signed payload
} bm_verify_result;

// bm_verify_object checks the COSE_Sign1 `object` under `anchor`, applying the anchor's policy:
// levels, eku, policy_oid, subject, organization, dns, subordinate, algorithms (policy.h).
bm_verdict bm_verify_object(const bm_anchor* anchor, bm_span object, bm_verify_result* result);

// bm_cose_digest is the SHA-256 of what a COSE_Sign1 signs (RFC 9052 section 4.4).
bool bm_cose_digest(bm_span protected_header, bm_span payload, uint8_t out[32]);

// bm_sha256 hashes one run of bytes.
void bm_sha256(bm_span in, uint8_t out[32]);
