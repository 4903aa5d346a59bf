// SPDX-License-Identifier: Apache-2.0
// The pledge: a request for a voucher, signed by the identity of the slot "idevid"; a voucher
// (COSE, draft-ietf-anima-constrained-voucher) checked under the anchor that verifies vouchers; the
// owner's certificates kept in an area of their own, where the owner may exchange them. Leaves out
// TLS and every network: what came over them is handed in by the console. Thread rule: one loop
// owns the device.
#pragma once

#include "cbor.h"

struct bm_device;

enum {
  BM_NONCE = 16,
  BM_MAX_REGISTRAR = 2048,  // octets of a registrar's certificate
  BM_MAX_OWNERS = 4,        // certificates that an owner may set
};

// What is out and not yet answered; gone with the power.
typedef struct {
  bool asked;        // a request with `nonce` is out
  bool owner_asked;  // the owner's next message must have `owner_nonce`
  uint8_t nonce[BM_NONCE];
  uint8_t owner_nonce[BM_NONCE];
} bm_pledge;

// Why a voucher or a message of the owner is not believed; the words are of the station protocol.
typedef enum {
  BM_VOUCHER_ACCEPTED,
  BM_VOUCHER_MALFORMED,
  BM_VOUCHER_NO_ANCHOR,
  BM_VOUCHER_UNKNOWN_MASA,
  BM_VOUCHER_SIGNER,
  BM_VOUCHER_SIGNATURE,
  BM_VOUCHER_SERIAL,
  BM_VOUCHER_NONCE,
  BM_VOUCHER_NONCELESS,
  BM_VOUCHER_EXPIRED,
  BM_VOUCHER_PIN,
  BM_VOUCHER_WORDS,
} bm_voucher_word;

// bm_owner_load finds the owner's certificates, an array of byte strings. False: it has no owner.
bool bm_owner_load(const struct bm_device* d, bm_span* certificates, bm_span* means);

// bm_date reads yang:date-and-time as seconds since 1970 (RFC 6991 section 3).
bool bm_date(bm_span text, int64_t* seconds);
